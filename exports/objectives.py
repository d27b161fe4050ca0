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
_NUMBER: Final = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?")
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
    number = float(value) if _NUMBER.fullmatch(value) else math.nan
    if not math.isfinite(number):
        raise CorruptArtifact(source, f"{value!r} in the objective is not a number", line)
    return number
