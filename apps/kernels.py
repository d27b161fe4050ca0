"""`python -m apps.kernels`: compile what numba compiles, once, into its cache on disk.

Without it the first start of each process does so: ten seconds a domain, and processes that start beside each other all do the same.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from domain.registry import DOMAINS
from domain.schema import Feature, FeatureSchema

_SCORING = "scoring"


def main() -> int:
    """As many at once as there are cores. What is compiled already takes a second. The exit status is 0 where none failed."""
    if sys.argv[1:]:
        _compile(sys.argv[1])
        return 0
    waiting, status = [*DOMAINS, _SCORING], 0
    running: list[subprocess.Popen[bytes]] = []
    while waiting or running:
        while waiting and len(running) < (os.cpu_count() or 1):
            running.append(subprocess.Popen([sys.executable, "-m", "apps.kernels", waiting.pop(0)], cwd=Path(__file__).parents[1]))
        status = running.pop(0).wait() or status
    return status


def _compile(name: str) -> None:
    if name in DOMAINS:
        DOMAINS[name].features()
        return
    from exports.compiled import KernelScorer  # noqa: PLC0415  # domains need none of it
    from exports.ensemble import Builder, Link  # noqa: PLC0415  # likewise

    leaf = Builder(1)
    leaf.add(0, 0.0, lambda value: value)
    KernelScorer(leaf.build(1, Link()), FeatureSchema((Feature("x"),)))


if __name__ == "__main__":
    sys.exit(main())
