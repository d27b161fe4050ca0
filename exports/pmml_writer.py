"""PMML 4.4 from an ensemble: a tree a segment, summed in LightGBM's order, and the link as a regression behind it.

Missing takes each node's ``defaultChild``; a label that the dictionary does not list is treated as missing, which is where
LightGBM sends unseen categories. Thresholds and leaves are written as the shortest text that reads back to the same double.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from importlib.metadata import version
from xml.sax.saxutils import escape, quoteattr

from domain.schema import Feature, FeatureSchema
from exports.ensemble import Ensemble, LinkKind, Split
from exports.errors import UnsupportedModel
from exports.portable import check_portable
from exports.xml_document import representable

NAMESPACE = "http://www.dmg.org/PMML-4_4"
NORMALIZATION: dict[LinkKind, str] = {"logistic": "logit", "softmax": "softmax", "exp": "exp"}


def document(ensemble: Ensemble, schema: FeatureSchema) -> Iterator[str]:
    """The document, line by line. Raises ``UnsupportedModel`` for what PMML, or this writer, cannot carry."""
    _check(ensemble, schema)
    return _Writer(ensemble, schema).document()


def _check(ensemble: Ensemble, schema: FeatureSchema) -> None:
    link = ensemble.link
    if link.kind not in ("identity", *NORMALIZATION) or (link.kind == "logistic" and ensemble.n_outputs > 1):
        raise UnsupportedModel(f"PMML cannot carry the link {link.kind} of {ensemble.n_outputs} output(s): export it as native")
    if link.kind in ("identity", "exp") and ensemble.n_outputs > 1:
        raise UnsupportedModel(f"PMML has no model of {ensemble.n_outputs} quantities at once: export one model an output")
    check_portable(ensemble, "PMML")
    for feature in schema.features:
        for text in (feature.name, feature.description, *feature.categories):
            if not representable(text):
                raise UnsupportedModel(f"feature {feature.name!r}: {text!r} holds a character that XML cannot; rename it")


class _Writer:
    def __init__(self, ensemble: Ensemble, schema: FeatureSchema) -> None:
        self._ensemble, self._schema, self._link = ensemble, schema, ensemble.link
        self._names = [quoteattr(name) for name in schema.names]
        self._labels = [[_quoted(c) for c in f.categories] for f in schema.features]
        self._target = self._free("target")
        self._raw = [self._free("raw_score" if ensemble.n_outputs == 1 else f"raw_score_{k}") for k in range(ensemble.n_outputs)]
        self._classes = max(2, ensemble.n_outputs) if self._link.classes else 0

    def _free(self, name: str) -> str:
        while name in self._schema.names:
            name += "_"
        return name

    def document(self) -> Iterator[str]:
        yield '<?xml version="1.0" encoding="UTF-8"?>'
        yield f'<PMML xmlns="{NAMESPACE}" version="4.4">'
        yield f'<Header><Application name="polyscore" version="{version("polyscore")}"/></Header>'
        yield from self._dictionary()
        if self._link.kind == "identity":
            yield from self._sum(0, "")
        else:
            yield from self._chain()
        yield "</PMML>"

    def _dictionary(self) -> Iterator[str]:
        yield "<DataDictionary>"
        for feature, name in zip(self._schema.features, self._names, strict=True):
            yield from _data_field(feature, name)
        if self._classes:
            yield f'<DataField name="{self._target}" optype="categorical" dataType="integer">'
            yield from (f'<Value value="{k}"/>' for k in range(self._classes))
            yield "</DataField>"
        else:
            yield f'<DataField name="{self._target}" optype="continuous" dataType="double"/>'
        yield "</DataDictionary>"

    def _mining_schema(self, target: bool) -> Iterator[str]:
        yield "<MiningSchema>"
        if target:
            yield f'<MiningField name="{self._target}" usageType="target"/>'
        for feature, name in zip(self._schema.features, self._names, strict=True):
            yield f"<MiningField name={name}" + (' invalidValueTreatment="asMissing"/>' if feature.categories else "/>")
        yield "</MiningSchema>"

    def _chain(self) -> Iterator[str]:
        function = "classification" if self._classes else "regression"
        yield f'<MiningModel functionName="{function}" algorithmName="LightGBM">'
        yield from self._mining_schema(target=True)
        if self._classes:
            yield "<Output>"
            for k in range(self._classes):
                yield f'<OutputField name="probability_{k}" optype="continuous" dataType="double" feature="probability" value="{k}"/>'
            yield "</Output>"
        yield '<Segmentation multipleModelMethod="modelChain">'
        for k in range(self._ensemble.n_outputs):
            yield f'<Segment id="output_{k}"><True/>'
            yield from self._sum(k, self._raw[k])
            yield "</Segment>"
        yield '<Segment id="link"><True/>'
        yield from self._regression(function)
        yield "</Segment></Segmentation></MiningModel>"

    def _regression(self, function: str) -> Iterator[str]:
        yield f'<RegressionModel functionName="{function}" normalizationMethod="{NORMALIZATION[self._link.kind]}"><MiningSchema>'
        yield f'<MiningField name="{self._target}" usageType="target"/>'
        yield from (f'<MiningField name="{raw}"/>' for raw in self._raw)
        yield "</MiningSchema>"
        binary = self._classes == 2 and len(self._raw) == 1
        for k, raw in enumerate(self._raw):
            category = f' targetCategory="{1 if binary else k}"' if self._classes else ""
            yield f'<RegressionTable intercept="0"{category}>'
            yield f'<NumericPredictor name="{raw}" coefficient="{self._link.sigmoid!r}"/></RegressionTable>'
        if binary:
            yield '<RegressionTable intercept="0" targetCategory="0"/>'
        yield "</RegressionModel>"

    def _sum(self, output: int, raw: str) -> Iterator[str]:
        method = "average" if self._link.average_over > 1 else "sum"
        yield '<MiningModel functionName="regression" algorithmName="LightGBM">'
        yield from self._mining_schema(target=not raw)
        if raw:
            yield f'<Output><OutputField name="{raw}" optype="continuous" dataType="double" feature="predictedValue"/></Output>'
        yield f'<Segmentation multipleModelMethod="{method}">'
        for tree in self._ensemble.trees(output):
            yield f'<Segment id="{tree}"><True/>'
            yield from self._tree(tree)
            yield "</Segment>"
        yield "</Segmentation></MiningModel>"

    def _tree(self, tree: int) -> Iterator[str]:
        start, stop = (int(edge) for edge in self._ensemble.tree_start[tree : tree + 2])
        used = sorted(set(self._ensemble.feature[start:stop].tolist()) - {-1})
        yield '<TreeModel functionName="regression" missingValueStrategy="defaultChild" splitCharacteristic="binarySplit"><MiningSchema>'
        yield "".join(f"<MiningField name={self._names[f]}/>" for f in used) + "</MiningSchema>"
        todo: list[tuple[int, str] | None] = [(start, "<True/>")]
        while todo:
            item = todo.pop()
            if item is None:
                yield "</Node>"
                continue
            at, predicate = item
            node, opened = self._ensemble.split(at), f'<Node id="{at - start}"'
            if isinstance(node, float):
                yield f'{opened} score="{node!r}">{predicate}</Node>'
                continue
            below = (at + 1, int(self._ensemble.right[at]))
            yield f'{opened} defaultChild="{below[not node.default_left] - start}">{predicate}'
            left, right = self._predicates(node)
            todo += [None, (below[1], right), (below[0], left)]
        yield "</TreeModel>"

    def _predicates(self, split: Split) -> tuple[str, str]:
        name = self._names[split.feature]
        if split.threshold == math.inf:
            return f'<SimplePredicate field={name} operator="isNotMissing"/>', f'<SimplePredicate field={name} operator="isMissing"/>'
        if split.codes is None:
            pair = ("lessOrEqual", "greaterThan")
            left, right = (f'<SimplePredicate field={name} operator="{o}" value="{split.threshold!r}"/>' for o in pair)
            return left, right
        labels = " ".join(self._labels[split.feature][code] for code in split.codes)
        array = f'<Array type="string" n="{len(split.codes)}">{labels}</Array>'
        left, right = (f'<SimpleSetPredicate field={name} booleanOperator="{o}">{array}</SimpleSetPredicate>' for o in ("isIn", "isNotIn"))
        return left, right


def _data_field(feature: Feature, name: str) -> Iterator[str]:
    shown = f" displayName={quoteattr(feature.description)}" if feature.description else ""
    if not feature.categories:
        yield f'<DataField name={name}{shown} optype="continuous" dataType="double"/>'
        return
    yield f'<DataField name={name}{shown} optype="categorical" dataType="string">'
    yield from (f"<Value value={quoteattr(label)}/>" for label in feature.categories)
    yield "</DataField>"


def _quoted(label: str) -> str:
    """A label inside an Array: in quotes if it is empty or holds blanks.

    Engines disagree on escaped quotes (PMML4S 1.5 reads them wrongly), so a label that would need them is refused.
    """
    if '"' in label or label.endswith("\\"):
        raise UnsupportedModel(f"category {label!r}: PMML engines disagree on quotes and on a backslash at the end; rename it")
    return escape(f'"{label}"' if not label or re.search(r"\s", label) else label)
