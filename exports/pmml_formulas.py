"""Expressions of PMML: the formulas of LightGBM's links, the decision behind them, and zero taken for missing.

A formula is a field's name, a ``Number`` or (function, arguments...). Each is the arithmetic of LightGBM's own code, step by
step, in functions that PMML4S 1.5.8 and JPMML-Evaluator 1.7.7 were seen to compute alike.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple
from xml.sax.saxutils import quoteattr

from exports.ensemble import Link
from exports.missing import ZERO


class Number(NamedTuple):
    """A constant: a double, or an integer (a class)."""

    value: float | int


Formula = str | Number | tuple[object, ...]
ONE = Number(1.0)


def expression(formula: Formula) -> str:
    """The formula as an element."""
    if isinstance(formula, str):
        return f"<FieldRef field={quoteattr(formula)}/>"
    if isinstance(formula, Number):
        kind = "integer" if isinstance(formula.value, int) else "double"
        return f'<Constant dataType="{kind}">{formula.value!r}</Constant>'
    function, *arguments = formula
    return f'<Apply function="{function}">{"".join(expression(a) for a in arguments)}</Apply>'  # type: ignore[arg-type]  # nested


def derived(name: str, formula: Formula) -> str:
    """A field that a document computes."""
    return f'<DerivedField name={quoteattr(name)} optype="continuous" dataType="double">{expression(formula)}</DerivedField>'


def linked(link: Link, raw: str) -> Formula:
    """What a raw score means, for each output by itself."""
    if link.kind == "logistic":
        return "/", ONE, _one_and_odds(link, raw)
    if link.kind == "exp":
        return "exp", raw
    if link.kind == "signed_square":
        return "*", ("abs", raw), raw
    return ("ln1p", ("exp", raw)) if link.kind == "log1p_exp" else raw


def _one_and_odds(link: Link, raw: str) -> Formula:
    return "+", ONE, ("exp", ("*", Number(-link.sigmoid), raw))


def above_half(link: Link, raw: str) -> Formula:
    """Class 1 where the probability is above 0.5: an engine's own winner of a draw is class 1, LightGBM's is class 0."""
    return "if", ("lessThan", _one_and_odds(link, raw), Number(2.0)), Number(1), Number(0)


def first_of(fields: Sequence[str], largest: str) -> Formula:
    """The first class whose field is the largest: engines differ on draws (PMML4S's order beyond four classes is a hash map's)."""
    count = len(fields)
    return "min", *(("if", ("equal", field, largest), Number(k), Number(count)) for k, field in enumerate(fields))


def unless_zero(field: str) -> Formula:
    """The field, or missing where LightGBM takes it for zero. JPMML refuses to compare what is missing, so ask for that first."""
    return "if", ("isNotMissing", field), ("if", ("greaterThan", ("abs", field), Number(ZERO)), field)
