"""Which code made a model: the package's version and a digest of the sources that decide what a model is."""

from __future__ import annotations

import hashlib
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Final

_DECISIVE: Final = ("domain", "exports", "models")


@cache
def code_version() -> str:
    """``0.1.0+`` and 12 digits of the SHA-256 over the sources of domain, exports and models: a checkout has it without git."""
    root, digest = Path(__file__).resolve().parents[1], hashlib.sha256()
    for file in sorted(path for name in _DECISIVE for path in (root / name).rglob("*.py")):
        digest.update(f"{file.relative_to(root).as_posix()}\0".encode() + file.read_bytes() + b"\0")
    return f"{version('polyscore')}+{digest.hexdigest()[:12]}"
