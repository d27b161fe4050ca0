"""LightGBM's public C API through ctypes: a loaded model and its single-row-fast call.

The library is the one inside the installed ``lightgbm`` package; its Python side is not used.
"""

from __future__ import annotations

import ctypes
import importlib.util
import re
import weakref
from functools import cache
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from exports.errors import CorruptArtifact, EngineMissing

_FLOAT64: Final = 1  # C_API_DTYPE_FLOAT64
_NORMAL: Final = 0  # C_API_PREDICT_NORMAL
_RAW_SCORE: Final = 1  # C_API_PREDICT_RAW_SCORE
_CONTRIBUTIONS: Final = 3  # C_API_PREDICT_CONTRIB
_ALL_ITERATIONS: Final = -1
_NAMES: Final = ("lib_lightgbm.so", "lib_lightgbm.dylib", "lib_lightgbm.dll")
_SIZES: Final = re.compile(r"^tree_sizes=.*\n", re.MULTILINE)  # with them it reads trees in threads, where an error ends the process
_ONE_THREAD: Final = b"num_threads=1"


@cache
def library() -> ctypes.CDLL:
    """The shared library. Raises ``EngineMissing`` if the package, or the library in it, is not there."""
    spec = importlib.util.find_spec("lightgbm")
    folder = Path(spec.origin or "").parent if spec else Path()
    for name in _NAMES:
        found = next((folder / sub / name for sub in ("lib", "bin", ".") if spec and (folder / sub / name).is_file()), None)
        if found:
            loaded = ctypes.CDLL(str(found))
            loaded.LGBM_GetLastError.restype = ctypes.c_char_p
            return loaded
    raise EngineMissing("LightGBM's library was not found: pip install lightgbm")


class Booster:
    """A model in LightGBM's own memory. One row at a time goes through ``row`` and ``raw``, which the C call reads and fills."""

    def __init__(self, text: str, n_features: int, source: str) -> None:
        self._library = library()
        self._handle = ctypes.c_void_p()
        iterations = ctypes.c_int()
        plain = _SIZES.sub("", text, count=1).encode()
        loaded = self._library.LGBM_BoosterLoadModelFromString(plain, ctypes.byref(iterations), ctypes.byref(self._handle))
        if loaded:
            raise CorruptArtifact(source, f"LightGBM refuses it: {self._error()}")
        weakref.finalize(self, self._library.LGBM_BoosterFree, self._handle)
        outputs = ctypes.c_int()
        self._library.LGBM_BoosterGetNumClasses(self._handle, ctypes.byref(outputs))
        self._n_outputs = outputs.value
        self.row = np.zeros(n_features)
        self.raw = np.zeros(outputs.value)
        self._fast = self._fast_config(n_features, source)
        self._call = self._library.LGBM_BoosterPredictForMatSingleRowFast
        self._length = ctypes.c_int64()
        self._arguments = (self._fast, _pointer(self.row), ctypes.byref(self._length), _pointer(self.raw))

    def predict_row(self) -> None:
        """Raw scores of ``row`` into ``raw``. Raises ``EngineMissing`` where LightGBM does not answer."""
        if self._call(*self._arguments):
            raise EngineMissing(f"LightGBM did not score the row: {self._error()}")

    def predict(self, rows: NDArray[np.float64], *, raw: bool = True) -> NDArray[np.float64]:
        """Raw scores, or LightGBM's own values after the link: (n, features) C-contiguous float64 -> (n, outputs), on one thread."""
        return self._predict(rows, _RAW_SCORE if raw else _NORMAL, self._n_outputs)

    def contributions(self, rows: NDArray[np.float64]) -> NDArray[np.float64]:
        """TreeSHAP values in raw score (Lundberg et al. 2018; LightGBM's ``pred_contrib``), on one thread.

        (n, features) C-contiguous float64 -> (n, outputs, features + 1); the last is the output's expected value.
        """
        width = len(self.row) + 1
        return self._predict(rows, _CONTRIBUTIONS, self._n_outputs * width).reshape(len(rows), self._n_outputs, width)

    def _predict(self, rows: NDArray[np.float64], what: int, width: int) -> NDArray[np.float64]:
        out = np.empty((len(rows), width))
        if len(rows):
            failed = self._library.LGBM_BoosterPredictForMat(
                self._handle, _pointer(rows), _FLOAT64, ctypes.c_int32(rows.shape[0]), ctypes.c_int32(rows.shape[1]), 1,
                what, 0, _ALL_ITERATIONS, _ONE_THREAD, ctypes.byref(self._length), _pointer(out),
            )  # fmt: skip
            if failed:
                raise EngineMissing(f"LightGBM did not score the rows: {self._error()}")
        return out

    def _fast_config(self, n_features: int, source: str) -> Any:
        config = ctypes.c_void_p()
        made = self._library.LGBM_BoosterPredictForMatSingleRowFastInit(
            self._handle, _RAW_SCORE, 0, _ALL_ITERATIONS, _FLOAT64, ctypes.c_int32(n_features), _ONE_THREAD, ctypes.byref(config)
        )
        if made:
            raise CorruptArtifact(source, f"LightGBM refuses to score it: {self._error()}")
        weakref.finalize(self, self._library.LGBM_FastConfigFree, config)
        return config

    def _error(self) -> str:
        message: bytes = self._library.LGBM_GetLastError()
        return message.decode(errors="replace")


def _pointer(array: NDArray[np.float64]) -> ctypes.c_void_p:
    return ctypes.c_void_p(array.ctypes.data)
