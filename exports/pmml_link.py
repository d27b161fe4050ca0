"""The last model of a document: from raw scores to probabilities or quantities, and the decision, as a RegressionModel.

Its ``Output`` stands here and not at the top: there JPMML-Evaluator 1.7.7 answers 0.0 for every probability.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Final
from xml.sax.saxutils import quoteattr

from exports.ensemble import Link, LinkKind
from exports.errors import UnsupportedModel
from exports.pmml_formulas import Formula, above_half, derived, expression, first_of, linked
from exports.pmml_names import EXTENDER, Names

NORMALIZATION: Final[dict[LinkKind, str]] = {"logistic": "logit", "softmax": "softmax", "exp": "exp"}
TINY: Final = "5e-324"  # changes no sum but that of all zeros, by which JPMML refuses to divide
Predictors = Sequence[tuple[str, float]]  # (field, coefficient)


def value_fields(link: Link, outputs: int, names: Names) -> tuple[str, ...]:
    """The outputs of an engine that hold what ``Scores.values`` holds; ``names.predicted`` holds the class or the first quantity."""
    if link.classes:
        return names.numbered("probability", 2)[1:] if outputs == 1 else names.numbered("probability", outputs)
    return (names.predicted,) if outputs == 1 else names.numbered("value", outputs)


def link_model(link: Link, raw: Sequence[str], names: Names) -> Iterator[str]:
    """The RegressionModel over the fields ``raw``. Raises ``UnsupportedModel`` for a link that no objective of LightGBM has."""
    if link.kind == "softmax":
        yield from _softmax(link, raw, names)
    elif link.classes and link.kind == "logistic":
        yield from _binary(link, raw[0], names) if len(raw) == 1 else _one_vs_all(link, raw, names)
    elif link.classes:
        raise UnsupportedModel(f"classes by the link {link.kind}: no objective of LightGBM has that; export it as native")
    else:
        yield from _quantities(link, raw, names)


def _model(link: Link, method: str, raw: Sequence[str], names: Names, body: Sequence[str]) -> Iterator[str]:
    function = "classification" if link.classes else "regression"
    yield f'<RegressionModel functionName="{function}" normalizationMethod="{method}">'
    said = json.dumps({"kind": link.kind, "sigmoid": link.sigmoid, "classes": link.classes})
    yield f'<Extension extender="{EXTENDER}" name="link" value={quoteattr(said)}/>'
    yield f'<MiningSchema><MiningField name={quoteattr(names.target)} usageType="target"/>'
    yield from (f"<MiningField name={quoteattr(field)}/>" for field in raw)
    yield "</MiningSchema>"
    yield from body
    yield "</RegressionModel>"


def _binary(link: Link, raw: str, names: Names) -> Iterator[str]:
    outputs = [*_probabilities(names, 2), _decision(names, above_half(link, raw))]
    tables = [_table([(raw, link.sigmoid)], 1), _table([], 0)]
    return _model(link, "logit", [raw], names, [*_output(outputs), *tables])


def _softmax(link: Link, raw: Sequence[str], names: Names) -> Iterator[str]:
    """Less the largest raw score, as LightGBM does it: PMML4S does not, and overflows at 710."""
    top = names.free("largest")
    outputs = [*_probabilities(names, len(raw)), _decision(names, first_of(raw, top))]
    tables = [_table([(field, 1.0), (top, -1.0)], k) for k, field in enumerate(raw)]
    return _model(link, "softmax", raw, names, [*_output(outputs), *_transformations({top: ("max", *raw)}), *tables])


def _one_vs_all(link: Link, raw: Sequence[str], names: Names) -> Iterator[str]:
    """LightGBM's probabilities do not add up to 1, those of a RegressionModel must: so they are outputs of their own."""
    shares = [names.free(f"share_{k}") for k in range(len(raw))]
    top = names.free("largest")
    fields: dict[str, Formula] = {share: linked(link, field) for share, field in zip(shares, raw, strict=True)}
    outputs = [_transformed(name, share) for name, share in zip(names.numbered("probability", len(raw)), shares, strict=True)]
    tables = [_table([(share, 1.0)], k, TINY) for k, share in enumerate(shares)]
    outputs.append(_decision(names, first_of(shares, top)))
    return _model(link, "simplemax", raw, names, [*_output(outputs), *_transformations({**fields, top: ("max", *shares)}), *tables])


def _quantities(link: Link, raw: Sequence[str], names: Names) -> Iterator[str]:
    """One quantity is the target. Several are outputs ``value_0`` ...; the target is the first, a model must have one."""
    predicted = f'<OutputField name={quoteattr(names.predicted)} optype="continuous" dataType="double" feature="predictedValue"/>'
    if len(raw) == 1 and link.kind in NORMALIZATION:
        tables = [_table([(raw[0], link.sigmoid if link.kind == "logistic" else 1.0)])]
        return _model(link, NORMALIZATION[link.kind], raw, names, [*_output([predicted]), *tables])
    values = [names.free(f"linked_{k}") for k in range(len(raw))]
    outputs = [_transformed(name, value) for name, value in zip(names.numbered("value", len(raw)), values, strict=True)]
    fields = {value: linked(link, field) for value, field in zip(values, raw, strict=True)}
    shown = outputs if len(raw) > 1 else []
    return _model(link, "none", raw, names, [*_output([predicted, *shown]), *_transformations(fields), _table([(values[0], 1.0)])])


def _output(fields: Sequence[str]) -> Iterator[str]:
    yield "<Output>"
    yield from fields
    yield "</Output>"


def _transformations(fields: dict[str, Formula]) -> Iterator[str]:
    yield "<LocalTransformations>"
    yield from (derived(name, formula) for name, formula in fields.items())
    yield "</LocalTransformations>"


def _probabilities(names: Names, count: int) -> Iterator[str]:
    for k, name in enumerate(names.numbered("probability", count)):
        yield f'<OutputField name={quoteattr(name)} optype="continuous" dataType="double" feature="probability" value="{k}"/>'


def _transformed(name: str, formula: Formula) -> str:
    kind = f'name={quoteattr(name)} optype="continuous" dataType="double" feature="transformedValue"'
    return f"<OutputField {kind}>{expression(formula)}</OutputField>"


def _decision(names: Names, formula: Formula) -> str:
    kind = f'name={quoteattr(names.predicted)} optype="categorical" dataType="integer" feature="transformedValue"'
    return f"<OutputField {kind}>{expression(formula)}</OutputField>"


def _table(predictors: Predictors, category: int | None = None, intercept: str = "0") -> str:
    opened = f'<RegressionTable intercept="{intercept}"' + ("" if category is None else f' targetCategory="{category}"')
    inside = "".join(f'<NumericPredictor name={quoteattr(field)} coefficient="{factor!r}"/>' for field, factor in predictors)
    return f"{opened}>{inside}</RegressionTable>" if inside else f"{opened}/>"
