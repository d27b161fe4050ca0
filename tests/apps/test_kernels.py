"""What is compiled when polyscore is installed is all that scoring takes, and one that cannot be compiled fails the installation."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from apps import kernels
from domain.registry import DOMAINS

ROOT = Path(kernels.__file__).parents[1]


def test_every_domains_kernels_and_the_scorers_are_compiled(monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[str] = []
    begin = subprocess.Popen

    def instead(command: list[str], cwd: Path) -> subprocess.Popen[bytes]:
        started.append(command[-1])
        return begin([sys.executable, "-c", f"raise SystemExit({command[-1]!r} == 'maintenance')"], cwd=cwd)

    monkeypatch.setattr(sys, "argv", ["kernels"])
    monkeypatch.setattr(subprocess, "Popen", instead)
    assert kernels.main() == 1, "one of them failed"
    assert started == [*DOMAINS, "scoring"]


def test_after_that_the_first_row_is_scored_without_a_compiler() -> None:
    compiled = subprocess.run([sys.executable, "-m", "apps.kernels", "scoring"], cwd=ROOT, check=False)
    assert compiled.returncode == 0
    counted = (
        "from apps import kernels\n"
        "kernels._compile('scoring')\n"
        "from exports.kernel import score_row, score_rows\n"
        "print([(sum(f.stats.cache_misses.values()), len(f.signatures)) for f in (score_row, score_rows)])\n"
    )
    found = subprocess.run([sys.executable, "-c", counted], cwd=ROOT, capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[(0, 1), (0, 1)]"
