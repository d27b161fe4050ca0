"""Which format a file is of, by its ending or, failing that, by how it begins."""

from __future__ import annotations

from pathlib import Path

from exports import files
from exports.errors import CorruptArtifact
from exports.formats import FORMATS, Format
from exports.scorer import Scorer

_LONGEST = 64  # bytes that tell a format by its beginning


def recognise(path: Path) -> Format:
    """The format of an artifact. Raises ``CorruptArtifact`` where the file is not there or is of none."""
    files.there(path)
    for chosen in FORMATS.values():
        if path.name.endswith(_ending(chosen)):
            return chosen
    with path.open("rb") as file:
        start = file.read(_LONGEST).removeprefix(b"\xef\xbb\xbf").lstrip()
    for chosen in FORMATS.values():
        if start.startswith(chosen.begins):
            return chosen
    endings = ", ".join(f"{_ending(f)} ({f.name})" for f in FORMATS.values())
    raise CorruptArtifact(path.name, f"of no format that is known here; artifacts end with {endings}")


def _ending(chosen: Format) -> str:
    return chosen.file_name.removeprefix("model")


def load(path: Path) -> Scorer:
    """The scorer of an artifact of any format. Raises ``ExportError``."""
    return recognise(path).load(path)
