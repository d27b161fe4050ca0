"""A process that scores does not import SciPy's linear algebra; one whose own compiled code uses it still can."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from exports import pfa
from tests.exports.handmade import Tree, text

PROGRAM = """
import sys
from pathlib import Path
import numpy as np
from numba import njit
from exports import pfa
pfa.load(Path(sys.argv[1])).raw_batch(np.zeros((1, 3)))
print("scipy.linalg" in sys.modules)
print(njit(lambda a: np.dot(a, a))(np.full((2, 2), 3.0)).tolist())
"""


def test_scoring_leaves_linear_algebra_to_who_uses_it(tmp_path: Path) -> None:
    artifact = pfa.export(text([Tree([0], [0.5], [0], [1.0, 2.0])], 3), None, tmp_path / "model.pfa")
    done = subprocess.run([sys.executable, "-c", PROGRAM, str(artifact)], capture_output=True, text=True, timeout=120, check=False)
    assert done.stdout.split("\n")[:2] == ["False", "[[18.0, 18.0], [18.0, 18.0]]"], done.stderr
