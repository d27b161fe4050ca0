"""Titus's own environment: made once from pinned hashes, kept in the user's cache folder.

``titus2`` 1.2.1 says that it does not run above Python 3.9, and pins a NumPy of 2020; with one name of ``inspect`` put back
(``titus_worker``) it runs on 3.11 to 3.13, without NumPy. Nothing of it is installed beside polyscore.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import venv
from pathlib import Path
from typing import Final

from platformdirs import user_cache_path

from exports.errors import EngineMissing

_BUILD, _RUN = (Path(__file__).with_name(name) for name in ("titus_build.txt", "titus_run.txt"))
_PYTHON: Final = Path("Scripts/python.exe") if os.name == "nt" else Path("bin/python")
_PIP: Final = ("-I", "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input", "--no-deps", "--require-hashes")
REMEDY: Final = "python -m exports.titus_engine --set-up"


def folder() -> Path:
    """Where the environment is kept: another one for other pins, or another Python."""
    essence = [_BUILD.read_text(), _RUN.read_text(), *map(str, sys.version_info[:2]), sys.platform]
    return user_cache_path("polyscore") / f"titus-{hashlib.sha256(' '.join(essence).encode()).hexdigest()[:12]}"


def python(at: Path | None = None) -> Path:
    """The interpreter that has Titus. Raises ``EngineMissing`` where ``set_up`` was not run."""
    found = (at or folder()) / _PYTHON
    if not found.is_file():
        raise EngineMissing(f"Titus, which scores PFA, has no environment yet: make it with `{REMEDY}` (once, with a network)")
    return found


def set_up(at: Path | None = None) -> Path:
    """Make the environment if it is not there; returns the interpreter. Raises ``EngineMissing`` where it cannot be made."""
    at = at or folder()
    if (at / _PYTHON).is_file():
        return at / _PYTHON
    try:
        at.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".titus-", dir=at.parent, ignore_cleanup_errors=True) as scratch:
            _make(Path(scratch) / "titus")
            _keep(Path(scratch) / "titus", at)
    except subprocess.CalledProcessError as error:
        said = (error.stderr or error.stdout or "").strip().splitlines() or ["nothing was said why"]
        raise EngineMissing(f"Titus's environment cannot be made: {said[-1]}; the first time needs the network") from None
    except OSError as error:
        raise EngineMissing(f"Titus's environment cannot be made in {at.parent}: {error.strerror}") from None
    return python(at)


def _make(at: Path) -> None:
    venv.create(at, with_pip=True, symlinks=os.name != "nt")
    for options in (["-r", str(_BUILD)], ["--no-build-isolation", "--ignore-requires-python", "-r", str(_RUN)]):
        subprocess.run([at / _PYTHON, *_PIP, *options], check=True, capture_output=True, text=True, timeout=600)


def _keep(made: Path, at: Path) -> None:
    """A whole environment in one step; another process may have been quicker."""
    if at.exists() and not (at / _PYTHON).is_file():
        shutil.rmtree(at)
    try:
        made.replace(at)
    except OSError:
        python(at)
