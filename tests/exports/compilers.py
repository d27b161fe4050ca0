"""C compilers that judge our C: gcc, and clang from the system or from the package ``ziglang``, whose ``cc`` is clang."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

NAMES = ("gcc", "clang")
STRICT = ("-O2", "-std=c99", "-Wall", "-Wextra", "-Werror", "-pedantic")


def command(name: str) -> list[str]:
    """How to call it. Skips the test where it is not there, and says what would bring it."""
    if found := shutil.which(name):
        return [found]
    if name == "clang" and importlib.util.find_spec("ziglang"):
        return [sys.executable, "-m", "ziglang", "cc"]
    pytest.skip(f"no {name} here: install it" + (", or the package ziglang" if name == "clang" else ""))


def build(name: str, sources: Sequence[Path], out: Path, *options: str) -> None:
    """Compile with warnings as errors. Fails with the compiler's words; what clang keeps between runs stays beside ``out``'s folder."""
    caches = {f"ZIG_{kind}_CACHE_DIR": str(out.parent.parent / "zig") for kind in ("GLOBAL", "LOCAL")}
    words = [*command(name), *STRICT, *options, "-o", str(out), *map(str, sources), "-lm"]
    done = subprocess.run(words, capture_output=True, text=True, env={**os.environ, **caches}, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""


def script(folder: Path, does: str) -> str:
    """A compiler of the test's own: a shell script."""
    path = folder / "compiler"
    path.write_text(f"#!/bin/sh\n{does}\n")
    path.chmod(0o755)
    return str(path)


def without(monkeypatch: pytest.MonkeyPatch, empty: Path) -> None:
    """A machine on which no compiler is found."""
    monkeypatch.delenv("CC", raising=False)
    monkeypatch.setenv("PATH", str(empty))
