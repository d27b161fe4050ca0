"""From raw scores to values in PFA's words: LightGBM's ``ConvertOutput``, computed alike and without an error by every engine.

Left out is what engines compute inexactly or not at all: ``m.exp`` where the result is no double (an error in Titus), ``m.ln1p``
near zero (Titus takes ``ln(1 + x)``), ``m.link.logit`` and ``m.link.softmax``, which need the first.
"""

from __future__ import annotations

import math
import sys
from typing import Any, Final

from exports.ensemble import Link

Json = Any
DOUBLES: Final[Json] = {"type": "array", "items": "double"}
_MOST: Final = math.log(sys.float_info.max)  # e to the power of more than this is infinite
_INFINITY: Final[Json] = {"/": [{"double": 1.0}, {"double": 0.0}]}  # JSON has no number for it


def linked(link: Link) -> list[Json]:
    """The body of a function of the array ``raw`` that returns the array of values."""
    scores: Json = "raw"
    if link.average_over > 1:
        scores = {"a.map": ["raw", function({"x": "double"}, {"/": ["x", double(link.average_over)]})]}
    if link.kind == "identity":
        return [scores]
    if link.kind == "softmax":
        return _softmax(scores)
    of_one = {"logistic": _logistic(link.sigmoid), "exp": _exp("x", {"m.exp": ["x"]}), "log1p_exp": _exp("x", *_LOG1P_EXP)}
    return [{"a.map": [scores, function({"x": "double"}, *of_one.get(link.kind, [_SIGNED_SQUARE]))]}]


def double(value: float) -> Json:
    return {"double": float(value)}


def function(params: dict[str, Json], *do: Json) -> Json:
    """A function that returns a double."""
    return {"params": [{name: kind} for name, kind in params.items()], "ret": "double", "do": list(do)}


def added(doubles: Json) -> Json:
    """The sum, from the left."""
    return {"a.fold": [doubles, double(0.0), function({"total": "double", "value": "double"}, {"+": ["total", "value"]})]}


_SIGNED_SQUARE: Final[Json] = {"*": ["x", {"m.abs": ["x"]}]}
_LOG1P_EXP: Final[list[Json]] = [  # of u = 1 + e, rounded, ln(u) * e / (u - 1) is ln(1 + e) to the last places
    {"let": {"e": {"m.exp": ["x"]}}},
    {"let": {"u": {"+": [double(1.0), "e"]}}},
    {
        "if": {"==": ["u", double(1.0)]},
        "then": "e",
        "else": {"*": [{"m.ln": ["u"]}, {"/": ["e", {"-": ["u", double(1.0)]}]}]},
    },
]


def _exp(power: str, *otherwise: Json) -> list[Json]:
    """Infinity where e to this power is no double."""
    return [{"if": {">": [power, double(_MOST)]}, "then": _INFINITY, "else": {"do": list(otherwise)}}]


def _logistic(sigmoid: float) -> list[Json]:
    """1 / (1 + exp(-sigmoid x)); zero where the exponential is no double."""
    one = double(1.0)
    return [
        {"let": {"z": {"*": [double(-sigmoid), "x"]}}},
        {"if": {">": ["z", double(_MOST)]}, "then": double(0.0), "else": {"/": [one, {"+": [one, {"m.exp": ["z"]}]}]}},
    ]


def _softmax(scores: Json) -> list[Json]:
    exponential = function({"x": "double"}, {"m.exp": [{"-": ["x", "top"]}]})
    return [
        {"let": {"scores": scores}},
        {"let": {"top": {"a.max": ["scores"]}}},
        {"let": {"parts": {"a.map": ["scores", exponential]}}},
        {"let": {"whole": added("parts")}},
        {"a.map": ["parts", function({"x": "double"}, {"/": ["x", "whole"]})]},
    ]
