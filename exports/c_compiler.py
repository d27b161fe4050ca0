"""The system's C compiler: one file of ours in, one shared library in this process out, nothing left on the disk."""

from __future__ import annotations

import ctypes
import os
import shlex
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path
from typing import Final

from exports.errors import EngineMissing

OPTIONS: Final = ("-O2", "-std=c99", "-ffp-contract=off", "-shared", "-fPIC")
LIMIT: Final = 120.0  # seconds; the largest file that is written takes about ten
_USUAL: Final = ("cc", "gcc", "clang")
_MOST_TOLD: Final = 2_000  # characters of a compiler's complaint


def compiler() -> list[str]:
    """The command: what ``CC`` names, or the first of cc, gcc and clang that is there. Raises ``EngineMissing``."""
    named = os.environ.get("CC", "").strip()
    try:
        words = shlex.split(named)
    except ValueError as error:
        raise EngineMissing(f"CC is {named!r}, which no shell could read ({error}): name a C compiler there, or nothing") from None
    if words and (path := shutil.which(words[0])):
        return [path, *words[1:]]
    if words:
        raise EngineMissing(f"CC is {named!r}, and there is no such program: name a C compiler there, or nothing")
    found = next(filter(None, map(shutil.which, _USUAL)), None)
    if found is None:
        fix = "install gcc or clang (Debian: apt-get install gcc libc6-dev), or name one in CC"
        raise EngineMissing(f"the c format is scored by compiled code, and no C compiler is here: {fix}; or score another format")
    return [found]


def library(source: bytes, options: list[str], limit: float = LIMIT) -> ctypes.CDLL:
    """Compile and load; the library stays in the process until it ends. ``limit`` in seconds.

    Raises ``EngineMissing`` with the compiler's own words where it does not do its work, or not in time.
    """
    command = compiler()
    with tempfile.TemporaryDirectory(prefix="polyscore-c-") as folder:
        file, out = Path(folder) / "model.c", Path(folder) / "model.so"
        file.write_bytes(source)
        _run([*command, *OPTIONS, *options, "-o", str(out), str(file), "-lm"], limit)
        try:
            return ctypes.CDLL(str(out))
        except OSError as error:
            fix = "let TMPDIR name a folder from which programs may run, and CC a compiler for this machine"
            raise EngineMissing(f"what {command[0]} made cannot be loaded: {error}; {fix}") from None


def _run(command: list[str], limit: float) -> None:
    try:
        started = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, errors="replace",
            start_new_session=True,
        )  # fmt: skip
    except OSError as error:
        raise EngineMissing(f"{command[0]} does not start: {error.strerror}; name another C compiler in CC") from None
    try:
        _, told = started.communicate(timeout=limit)
    except subprocess.TimeoutExpired:
        raise EngineMissing(f"{command[0]} took longer than {limit:g} s to compile the model: name another C compiler in CC") from None
    finally:
        if started.poll() is None:
            os.killpg(started.pid, signal.SIGKILL)  # it may have started others
            started.communicate()
    if started.returncode:
        raise EngineMissing(f"{shlex.join(command[:1])} does not compile the model: {told.strip()[:_MOST_TOLD]}")
