"""What can go wrong between a model and its artifact, as one tree.

Every message names the input and what to do; callers catch ``ExportError`` at a process's edge.
"""

from __future__ import annotations


class ExportError(Exception):
    """Anything that this package refuses."""


class UnsupportedModel(ExportError):
    """The model holds something that the format, or this package, cannot carry."""


class SchemaMismatch(ExportError):
    """The feature schema does not describe the model that it was given with."""


class RowError(ExportError):
    """A row does not hold what the schema asks for."""


class EngineMissing(ExportError):
    """What scores this format is not installed."""


class ServerUnavailable(ExportError):
    """The server that has the model did not answer, or not in time."""


class ArtifactError(ExportError):
    """The file cannot be loaded. ``source`` names it, ``line`` is where (0: nowhere in particular)."""

    def __init__(self, source: str, message: str, line: int = 0) -> None:
        super().__init__(f"{source}: line {line}: {message}" if line else f"{source}: {message}")
        self.source = source
        self.line = line


class CorruptArtifact(ArtifactError):
    """Truncated, tampered with, or not of this format at all."""


class UnsupportedConstruct(ArtifactError):
    """Well formed, but holds an ``element`` that the reader does not know: refused, never guessed."""

    def __init__(self, source: str, element: str, reason: str, line: int = 0) -> None:
        super().__init__(source, f"{element}: {reason}", line)
        self.element = element
