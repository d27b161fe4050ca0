"""Kernels, compiled by numba and kept on disk.

Numba asks a function's own file whether what it kept is still true (seen with 0.68). Kernels also call those of ``domain.history``, and
hold the numbers of the modules beside them as they were: after a change there it would go on with the old code, in training and in the
stream, and nobody would know. Here a change in any of them counts.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

from numba import njit

_Kernel = TypeVar("_Kernel", bound=Callable[..., Any])


def compiled(kernel: _Kernel) -> _Kernel:
    """``njit`` with a cache that holds while ``domain/history.py`` and the files in the kernel's own folder are the same."""
    found: _Kernel = njit(kernel, cache=True)
    index = getattr(getattr(found, "_cache", None), "_cache_file", None)  # there is none where NUMBA_DISABLE_JIT is set
    if index is not None:
        index._source_stamp = (index._source_stamp, _beside(Path(kernel.__code__.co_filename).parent))
    return found


@cache
def _beside(folder: Path) -> bytes:
    digest = hashlib.sha256(Path(__file__).with_name("history.py").read_bytes())
    for file in sorted(folder.glob("*.py")):
        digest.update(file.read_bytes())
    return digest.digest()
