"""Artifacts on disk: written whole or not at all, read within a bound."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from exports.errors import CorruptArtifact

MAX_BYTES: Final = 1 << 30


def write(path: Path, data: bytes) -> Path:
    """Write beside the path, then rename: a reader never sees half an artifact."""
    beside = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        beside.write_bytes(data)
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)
    return path


def there(path: Path, fix: str = "") -> None:
    """Raises ``CorruptArtifact`` where there is no file: with ``fix`` where there is nothing, else with what there is."""
    if path.is_dir():
        raise CorruptArtifact(str(path), "is a folder; name the file in it")
    if path.exists() and not path.is_file():
        raise CorruptArtifact(str(path), "is a device or a pipe; save what it gives as a file, and name that")
    if not path.is_file():
        raise CorruptArtifact(path.name, f"no such file in {path.parent}{fix}")


def read(path: Path) -> bytes:
    """The file's bytes. Raises ``CorruptArtifact`` if there are none, or more than ``MAX_BYTES``."""
    there(path, ": export the model first")
    size = path.stat().st_size
    if not 0 < size <= MAX_BYTES:
        raise CorruptArtifact(path.name, f"{size} bytes; an artifact has 1 to {MAX_BYTES}")
    return path.read_bytes()


def text(path: Path) -> str:
    """The file's text, UTF-8. Raises ``CorruptArtifact``."""
    try:
        return read(path).decode()
    except UnicodeDecodeError as error:
        raise CorruptArtifact(path.name, f"not UTF-8 at byte {error.start}") from None
