"""What a fresh process pays until its first score: time from its start, the reading alone, and memory.

``python -m tests.bench.cold KIND NAME FORMAT ARTIFACT SCHEMA ROW STARTED_NS`` is that process; ``start`` runs it and gives what it printed.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from tests.bench.subjects import Subject

ROOT: Final = Path(__file__).resolve().parents[2]
LIMIT_S: Final = 60.0
MB: Final = 1e6


def start(subject: Subject, artifact: Path, schema: list[dict[str, object]], row: list[float], **environment: str) -> dict[str, Any]:
    """Seconds and megabytes of one cold process. Raises ``RuntimeError`` where it fails or takes longer than ``LIMIT_S``.

    Python's bytecode is taken from its cache, as in any process but the first: without it numba alone takes a second.
    """
    words = [subject.kind, subject.name, subject.model_format, str(artifact.resolve()), json.dumps(schema), json.dumps(row)]
    command = [sys.executable, "-m", "tests.bench.cold", *words, str(time.time_ns())]
    try:
        done = subprocess.run(
            command, cwd=ROOT, env={**keeping_bytecode(), **environment}, capture_output=True, text=True, check=False, timeout=LIMIT_S
        )
    except subprocess.TimeoutExpired:
        raise RuntimeError(f"a cold process had no score after {LIMIT_S:g} s") from None
    if done.returncode:
        raise RuntimeError(f"a cold process failed: {done.stderr[-1000:]}")
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def keeping_bytecode() -> dict[str, str]:
    """This process's environment, for one that keeps the bytecode of what it imports."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


def main() -> None:
    """Import, load, score; then load once more, as the reading alone: by then everything is imported and nothing is compiled."""
    kind, name, model_format, artifact, schema_json, row_json, started_ns = sys.argv[1:]
    bare = _resident()
    from domain.schema import FeatureSchema  # noqa: PLC0415  # all that follows is what a cold process pays
    from tests.bench.subjects import Subject  # noqa: PLC0415

    path, schema, row = Path(artifact), FeatureSchema.from_json(json.loads(schema_json)), json.loads(row_json)
    load = Subject(name, kind, model_format, "").importing()  # type: ignore[arg-type]  # one of `Kind`, by whoever starts this
    imported_ns = time.time_ns()
    opened = load(path, schema)
    loaded_ns = time.time_ns()
    opened.one(row)
    scored_ns = time.time_ns()
    found = {
        "process_s": (scored_ns - int(started_ns)) / 1e9,
        "importing_s": (imported_ns - int(started_ns)) / 1e9,
        "loading_s": (loaded_ns - imported_ns) / 1e9,
        "memory_mb": (_peak() - bare) / MB + _others() / MB,
    }
    if kind != "engine":  # these start a process, or a Java, each time
        began = time.perf_counter()
        load(path, schema)
        found["reading_s"] = time.perf_counter() - began
    print(json.dumps(found), flush=True)
    _end_others()


def _resident() -> int:
    """Bytes of memory now. Elsewhere than on Linux, the most so far: nothing has been imported yet."""
    return _status("VmRSS")


def _peak() -> int:
    """The most bytes of memory so far."""
    return _status("VmHWM")


def _status(name: str) -> int:
    """From Linux's own account, as ``ru_maxrss`` there begins with what the parent had."""
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(name))
    except OSError:
        unit = 1 if sys.platform == "darwin" else 1024
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def _others() -> int:
    """Bytes of the processes that it started: Java, or Titus's own Python."""
    return sum(process.memory_info().rss for process in _started())


def _end_others() -> None:
    for process in (started := _started()):
        process.kill()
    for process in started:
        process.wait(10)


def _started() -> list[Any]:
    import psutil  # noqa: PLC0415  # once the time is taken

    return psutil.Process().children(recursive=True)


if __name__ == "__main__":
    main()
