"""The file that `--out` names."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from apps.errors import InputError


@contextmanager
def written(out: Path) -> Iterator[IO[str]]:
    """A text file that appears whole or not at all; what is no file, such as a pipe, is written to as it is. Raises ``InputError``."""
    if out.is_dir():
        raise InputError(f"{out}: is a folder; name a file in it with --out")
    if out.exists() and not out.is_file():
        with out.open("w", newline="") as file:
            yield file
        return
    beside = out.with_name(f".{out.name}.part")
    try:
        with beside.open("w", newline="") as file:
            yield file
        beside.replace(out)
    except OSError as error:
        raise InputError(f"{out}: {error.strerror}; name another file with --out") from None
    finally:
        beside.unlink(missing_ok=True)
