"""PMML 4.4 from an ensemble: a tree a segment, summed in LightGBM's order, and the link as a regression behind it.

NaN, and a label that the dictionary does not list, are missing: that is where LightGBM sends them. Thresholds and leaves are
written as the shortest text that reads back to the same double.
"""

from __future__ import annotations

from collections.abc import Iterator
from importlib.metadata import version
from typing import Final
from xml.sax.saxutils import quoteattr

from domain.schema import FeatureSchema
from exports.ensemble import Ensemble
from exports.errors import UnsupportedModel
from exports.pmml_formulas import derived, unless_zero
from exports.pmml_link import link_model
from exports.pmml_names import Names, original, spelled
from exports.pmml_trees import TreeWriter

NAMESPACE: Final = "http://www.dmg.org/PMML-4_4"
MAX_DEPTH: Final = 2000  # libxml2 stops at elements nested 2,048 deep. Java 24+ stops at 100, unless -Djdk.xml.maxElementDepth=0


def document(ensemble: Ensemble, schema: FeatureSchema) -> Iterator[str]:
    """The document, line by line. Raises ``UnsupportedModel`` for what PMML cannot carry."""
    depth = int(ensemble.depths().max(initial=0))
    if depth > MAX_DEPTH:
        raise UnsupportedModel(
            f"a tree is {depth} deep; PMML nests its nodes, and XML readers stop at 2,048 elements: set max_depth to {MAX_DEPTH} or less"
        )
    return _Writer(ensemble, schema).document()


class _Writer:
    def __init__(self, ensemble: Ensemble, schema: FeatureSchema) -> None:
        self._ensemble, self._schema, self._link = ensemble, schema, ensemble.link
        self._names = Names(schema)
        self._raw = self._names.numbered("raw_score", ensemble.n_outputs)
        self._trees = TreeWriter(ensemble, self._names)
        self._chained = (self._link.kind, ensemble.n_outputs) != ("identity", 1)
        self._tail = list(link_model(self._link, self._raw, self._names)) if self._chained else []

    def document(self) -> Iterator[str]:
        yield '<?xml version="1.0" encoding="UTF-8"?>'
        yield f'<PMML xmlns="{NAMESPACE}" version="4.4">'
        yield f'<Header><Application name="polyscore" version="{version("polyscore")}"/></Header>'
        yield from self._dictionary()
        yield from self._transformations()
        yield from self._chain() if self._chained else self._sum(0)
        yield "</PMML>"

    def _dictionary(self) -> Iterator[str]:
        yield "<DataDictionary>"
        for i in range(len(self._schema)):
            yield from self._data_field(i)
        if self._link.classes:
            yield f'<DataField name="{self._names.target}" optype="categorical" dataType="integer">'
            yield from (f'<Value value="{k}"/>' for k in range(max(2, self._ensemble.n_outputs)))
            yield "</DataField>"
        else:
            yield f'<DataField name="{self._names.target}" optype="continuous" dataType="double"/>'
        yield "</DataDictionary>"

    def _data_field(self, index: int) -> Iterator[str]:
        feature = self._schema.features[index]
        kind = 'optype="categorical" dataType="string"' if feature.categories else 'optype="continuous" dataType="double"'
        shown = f" displayName={quoteattr(spelled([feature.description])[0])}" if feature.description else ""
        yield f"<DataField name={quoteattr(self._names.features[index])}{shown} {kind}>{original(feature)}"
        yield from (f"<Value value={quoteattr(label)}/>" for label in self._names.labels[index])
        yield "</DataField>"

    def _transformations(self) -> Iterator[str]:
        """The features that some split reads with zero taken for missing."""
        features = sorted(set(self._ensemble.feature[self._ensemble.zero_missing].tolist()))
        if features:
            yield "<TransformationDictionary>"
            yield from (derived(self._names.unless_zero[f], unless_zero(self._names.features[f])) for f in features)
            yield "</TransformationDictionary>"

    def _mining_schema(self, top: bool) -> Iterator[str]:
        yield "<MiningSchema>"
        if top:
            yield f'<MiningField name="{self._names.target}" usageType="target"/>'
        for name in self._names.features:
            yield f"<MiningField name={quoteattr(name)}" + (' invalidValueTreatment="asMissing"/>' if top else "/>")
        yield "</MiningSchema>"

    def _chain(self) -> Iterator[str]:
        function = "classification" if self._link.classes else "regression"
        yield f'<MiningModel functionName="{function}" algorithmName="LightGBM">'
        yield from self._mining_schema(top=True)
        yield '<Segmentation multipleModelMethod="modelChain">'
        for k in range(self._ensemble.n_outputs):
            yield f'<Segment id="output_{k}"><True/>'
            yield from self._sum(k)
            yield "</Segment>"
        yield '<Segment id="link"><True/>'
        yield from self._tail
        yield "</Segment></Segmentation></MiningModel>"

    def _sum(self, output: int) -> Iterator[str]:
        method = "average" if self._link.average_over > 1 else "sum"
        result = self._raw[output] if self._chained else self._names.predicted
        yield '<MiningModel functionName="regression" algorithmName="LightGBM">'
        yield from self._mining_schema(top=not self._chained)
        yield f'<Output><OutputField name="{result}" optype="continuous" dataType="double" feature="predictedValue"/></Output>'
        yield f'<Segmentation multipleModelMethod="{method}">'
        for tree in self._ensemble.trees(output):
            yield f'<Segment id="{tree}"><True/>'
            yield from self._trees.tree(tree)
            yield "</Segment>"
        yield "</Segmentation></MiningModel>"
