"""What LightGBM's ``objective=`` line means for the scores: the link, as its ``ConvertOutput`` computes it."""

from __future__ import annotations

import math
import re
from typing import Final

from exports.ensemble import Link, LinkKind
from exports.errors import CorruptArtifact, UnsupportedConstruct

_KINDS: Final[dict[str, LinkKind]] = {
    "": "identity",  # a custom objective: raw scores are all there is
    "custom": "identity",
    "binary": "logistic",
    "multiclass": "softmax",
    "multiclassova": "logistic",
    "cross_entropy": "logistic",
    "cross_entropy_lambda": "log1p_exp",
    "regression": "identity",
    "regression_l1": "identity",
    "huber": "identity",
    "fair": "identity",
    "quantile": "identity",
    "mape": "identity",
    "lambdarank": "identity",
    "rank_xendcg": "identity",
    "poisson": "exp",
    "gamma": "exp",
    "tweedie": "exp",
}
_NUMBER: Final = re.compile(r"([+-]?)(?=\.?[0-9])([0-9]*)(?:\.([0-9]*))?(?:[eE]([+-]?[0-9]{1,9}))?")
_SQRT: Final = ("regression", "regression_l1", "quantile", "mape", "fair")  # that learn the root where ``reg_sqrt`` is set
_CLASSES: Final = ("binary", "multiclass", "multiclassova")
_OPTIONS: Final = ("sigmoid", "num_class", "alpha", "fair_c", "poisson_max_delta_step", "tweedie_variance_power")


def link_of(objective: str, outputs: int, average_over: int, source: str, line: int) -> Link:
    """The link of an objective line such as ``binary sigmoid:1``. Raises ``UnsupportedConstruct`` for an unknown word in it."""
    name, *words = objective.split() or [""]
    if name not in _KINDS:
        raise UnsupportedConstruct(source, f"objective={name}", f"the known ones are {', '.join(k for k in _KINDS if k)}", line)
    options = {}
    kind = _KINDS[name]
    for word in words:
        key, _, value = word.partition(":")
        if word == "sqrt" and name in _SQRT:
            kind = "signed_square"
        elif key in _OPTIONS:
            options[key] = _number(value, source, line)
        else:
            raise UnsupportedConstruct(source, f"objective={objective}", f"unknown word {word!r}", line)
    if options.get("num_class", outputs) != outputs:
        raise CorruptArtifact(source, f"objective={objective} with {outputs} trees an iteration", line)
    sigmoid = options.get("sigmoid", 1.0) if name in ("binary", "multiclassova") else 1.0
    return Link(kind, sigmoid, average_over, classes=name in _CLASSES)


def _number(value: str, source: str, line: int) -> float:
    found = _NUMBER.fullmatch(value)
    number = _as_lightgbm(*found.groups()) if found else math.nan
    if not math.isfinite(number):
        raise CorruptArtifact(source, f"{value!r} in the objective is not a number", line)
    return number


def _as_lightgbm(sign: str, whole: str, fraction: str | None, exponent: str | None) -> float:
    """The double that its own reader makes of such digits: often another than the nearest (``Common::Atof`` in its ``utils/common.h``)."""
    value = 0.0
    for digit in whole:
        value = value * 10.0 + int(digit)
    if fraction:
        behind = 0.0
        for digit in fraction:
            behind = int(digit) + behind * 10.0
        value += behind / _power(10.0, len(fraction))
    if exponent:
        scale = 1.0
        left = min(abs(int(exponent)), 308)
        for step in (50, 8, 1):
            while left >= step:
                scale *= 10.0**step
                left -= step
        value = value / scale if exponent.startswith("-") else value * scale
    return -value if sign == "-" else value


def _power(base: float, times: int) -> float:
    """As LightGBM multiplies (``Common::Pow``): from 10**23 on the order shows."""
    if times == 0:
        return 1.0
    if times % 2 == 0:
        return _power(base * base, times // 2)
    return _power(base * base * base, times // 3) if times % 3 == 0 else base * _power(base, times - 1)
