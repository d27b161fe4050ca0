"""Numba starts faster: it imports SciPy's linear algebra, a fifth of a second, only to learn that it is there (numba 0.68).

Nothing is lost: where compiled code does use linear algebra, numba imports it then.
"""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec


def without_linear_algebra() -> None:
    """Before the first compiled function is called or taken from numba's cache. A numba that is made otherwise is left as it is."""
    from numba.np import linalg  # noqa: PLC0415  # who reads artifacts only to look at them needs no numba

    imports = getattr(linalg, "ensure_blas", None)
    if imports is None:
        return
    linalg.ensure_blas = _is_there
    try:
        import_module("numba.np.arraymath")  # asks once, when it is imported
    finally:
        linalg.ensure_blas = imports


def _is_there() -> None:
    """Raises ``ImportError`` where SciPy is not installed, as numba expects it."""
    if find_spec("scipy") is None:
        raise ImportError("SciPy is not installed")
