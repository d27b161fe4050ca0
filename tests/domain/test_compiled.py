"""A kernel that is kept on disk is compiled again when what it calls in ``domain/history.py``, or takes from beside it, has changed."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
KERNEL = """
from domain.compiled import compiled
from domain.history import value_of
from numbers_beside import TIMES


@compiled
def twice(entry):
    return TIMES * value_of(entry)
"""
PROGRAM = "import kernel; print(kernel.twice(21), sum(kernel.twice.stats.cache_hits.values()))"


def run(folder: Path) -> list[str]:
    variables = {**os.environ, "PYTHONPATH": str(folder), "NUMBA_CACHE_DIR": str(folder / "kept")}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], cwd=folder, env=variables, capture_output=True, text=True, timeout=120, check=True
    )
    return done.stdout.split()


def test_a_change_in_what_a_kernel_calls_reaches_it(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "domain", tmp_path / "domain", ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "kernel.py").write_text(KERNEL)
    (tmp_path / "numbers_beside.py").write_text("TIMES = 2\n")
    assert run(tmp_path) == ["42", "0"]
    assert run(tmp_path) == ["42", "1"], "kept on disk"
    history = tmp_path / "domain" / "history.py"
    history.write_text(history.read_text().replace("return entry & 0xFFFFFFFF", "return (entry & 0xFFFFFFFF) + 1"))
    assert run(tmp_path) == ["44", "0"]
    (tmp_path / "numbers_beside.py").write_text("TIMES = 3\n")
    assert run(tmp_path) == ["66", "0"]
