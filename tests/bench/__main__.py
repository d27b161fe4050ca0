"""`python -m tests.bench --out bench`: the formats compared, the stream measured, and learning on; then told. `make bench` runs it.

What is not known here goes on to the stream's part (``python -m tests.bench.speed --help``).
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from exports import titus_environment
from exports.errors import EngineMissing
from tests.bench import comparison, drift
from tests.bench.cases import CASES
from tests.bench.cold import ROOT, keeping_bytecode
from tests.bench.targets import in_words
from tests.environment import forget_the_callers

# Wall-clock minutes on two quiet cores, for what is said before it begins.
MINUTES = {"full": "twenty-five minutes", "quick": "three minutes", "smoke": "half a minute"}
SECONDS = {"full": 0.25, "quick": 0.25, "smoke": 0.05}


def main() -> int:
    """Measure and write; the exit status is that of the first part that failed, or 1 where answers are not LightGBM's."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__, allow_abbrev=False)
    parser.add_argument("--out", type=Path, default=Path("bench"), help="the folder to write to")
    parser.add_argument("--cases", choices=tuple(CASES), default="full", help="which models the formats are compared on")
    parser.add_argument("--only", choices=("formats", "stream", "drift"), help="measure only these, and tell them with what lies there")
    chosen, rest = parser.parse_known_args()
    forget_the_callers()
    chosen.out.mkdir(parents=True, exist_ok=True)
    stages = {
        "formats": lambda: _formats(chosen.out, chosen.cases),
        "stream": lambda: _stream(chosen.out, rest),
        "drift": lambda: _drift(chosen.out, chosen.cases),
    }
    wanted = {name: stage for name, stage in stages.items() if chosen.only in (None, name)}
    status = first_failure(chosen.out, wanted)
    told = _told(chosen.out)
    return status or told


# What is made of each part.
_MADE_OF = {
    "formats": ("formats.json", "comparison.json", "formats.md", "formats.html"),
    "stream": ("stream.json", "stream.md"),
    "drift": ("drift.json", "drift.md", "drift.svg"),
}


def first_failure(out: Path, stages: Mapping[str, Callable[[], int]]) -> int:
    """Run all, whatever becomes of one; the first status that is not 0. What fails leaves no figures of an earlier run to be told."""
    status = 0
    for name, stage in stages.items():
        for left in _MADE_OF[name]:
            (out / left).unlink(missing_ok=True)
        failed = stage()
        if failed:
            _say(f"measuring the {name} failed")
        status = status or failed
    return status


def _formats(out: Path, cases: str) -> int:
    _say(f"comparing the formats on {len(CASES[cases])} models: about {MINUTES[cases]}, on a machine that does nothing else")
    try:
        titus_environment.set_up()
    except EngineMissing as error:
        _say(f"{error}; it will be listed as absent")
    began = time.monotonic()
    command = [sys.executable, "-m", "pytest", "tests/bench/test_comparison.py", "-v", "-rN", "-p", "no:cacheprovider", "--timeout=600"]
    command += ["--benchmark-enable", "--benchmark-only", "--benchmark-quiet", f"--benchmark-json={(out / 'formats.json').resolve()}"]
    command += [f"--cases={cases}", f"--seconds={SECONDS[cases]}", f"--models={(out / 'models').resolve()}"]
    done = subprocess.run(command, cwd=ROOT, env={**keeping_bytecode(), "OMP_NUM_THREADS": "1"}, check=False)
    _say(f"the formats took {time.monotonic() - began:.0f} s")
    return done.returncode


def _stream(out: Path, options: list[str]) -> int:
    _say("measuring the stream: about twenty minutes")
    return subprocess.run([sys.executable, "-m", "tests.bench.speed", "--out", str(out), *options], check=False).returncode


def _drift(out: Path, cases: str) -> int:
    _say("measuring what learning on buys where frauds change: about two minutes")
    drift.write(out, drift.SMOKE if cases == "smoke" else drift.FULL)
    return 0


def _told(out: Path) -> int:
    if not (out / "formats.json").exists():
        return 0
    found = comparison.write(out)
    for target in found["targets"]:
        _say("  ".join(in_words(target)))
    return 1 if comparison.failed(found) else 0


def _say(words: str) -> None:
    """Progress goes beside the results."""
    sys.stderr.write(words + "\n")
    sys.stderr.flush()


if __name__ == "__main__":
    sys.exit(main())
