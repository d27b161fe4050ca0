"""What a document calls its fields: the data dictionary, its features and labels, and the features with zero as missing."""

from __future__ import annotations

import json

from domain.schema import Feature, FeatureSchema
from exports.pmml_formulas import derived, unless_zero
from exports.pmml_names import EXTENDER, Names, spelled
from exports.xml_document import Element


class Fields:
    """The features, in the dictionary's order, and what stands for them in the document.

    ``numeric`` maps a field's name to (feature, is zero missing?); ``codes`` a categorical field's to its labels' codes.
    """

    def __init__(self, dictionary: Element, target: str) -> None:
        self._dictionary = dictionary
        self._features: list[Feature] = []
        self._shown: list[Feature] = []  # as the document spells them
        self._target = target
        self.target: tuple[str, str, tuple[str, ...]] | None = None  # its optype, data type and categories
        for field in dictionary.allow("numberOfFields").children("DataField"):
            self._read(field.allow("name", "displayName", "optype", "dataType"))
        try:
            self.schema = FeatureSchema(tuple(self._features))
        except ValueError as error:
            raise dictionary.corrupt(str(error)) from None
        self.names = Names(self.schema)
        self._check_spelling()
        self.index = {name: i for i, name in enumerate(self.names.features)}
        self.numeric = {n: (i, False) for i, (n, f) in enumerate(zip(self.names.features, self._features, strict=True)) if not f.categories}
        self.codes = {n: {label: c for c, label in enumerate(self.names.labels[i])} for n, i in self.index.items() if n not in self.numeric}

    def _read(self, field: Element) -> None:
        name, kind = field.need("name"), (field.need("optype"), field.need("dataType"))
        parts = field.children("Extension", "Value")
        labels = tuple(value.allow("value").need("value") for value in parts if value.tag == "Value")
        extensions = [part for part in parts if part.tag == "Extension"]
        if name == self._target and not extensions:
            self.target = (*kind, labels)
        elif kind == ("continuous", "double") and not labels:
            self._add(Feature(name, description=field.get("displayName") or ""), extensions)
        elif kind == ("categorical", "string") and labels and len(set(labels)) == len(labels):
            self._add(Feature(name, "categorical", labels, field.get("displayName") or ""), extensions)
        else:
            raise field.unsupported(f"{name!r} as {kind[1]} {kind[0]} with {len(labels)} values")

    def _add(self, shown: Feature, extensions: list[Element]) -> None:
        self._shown.append(shown)
        self._features.append(_original(extensions) if extensions else shown)

    def _check_spelling(self) -> None:
        for own, shown, name, labels in zip(self._features, self._shown, self.names.features, self.names.labels, strict=True):
            if shown != Feature(name, own.kind, labels, spelled([own.description])[0]):
                raise self._dictionary.corrupt(f"spells {own.name!r}, its labels or its description in another way than polyscore")

    def transform(self, dictionary: Element) -> None:
        """Learn the fields that a TransformationDictionary adds: features, with zero taken for missing."""
        known = {name: i for i, name in enumerate(self.names.unless_zero)}
        for field in dictionary.allow().children("DerivedField"):
            name = field.need("name")
            if name not in known:
                raise field.unsupported(f"{name!r}: the only fields read here are features with zero taken for missing")
            field.must_be(derived(name, unless_zero(self.names.features[known[name]])))
            self.numeric[name] = (known[name], True)

    def check(self, mining_schema: Element, within: set[str] | None = None) -> set[str]:
        """The fields that a model asks for: each must be one that the model around it has (``within``), or else a feature.

        In the topmost model, where there is none around it, a label outside the dictionary must count as missing, as in LightGBM.
        """
        asked: set[str] = set()
        for field in mining_schema.allow().children("MiningField"):
            name = field.allow("name", "usageType", "invalidValueTreatment").need("name")
            if within is None and name == self._target and field.get("usageType") == "target":
                continue
            field.one_of("usageType", ("active",), "active")
            if name not in (self.index if within is None else within) or name in asked:
                raise field.corrupt(f"{name!r} is not a field that the model around has, or stands twice")
            strict = within is None and name in self.codes
            field.one_of("invalidValueTreatment", ("asMissing",) if strict else ("returnInvalid", "asMissing"), "returnInvalid")
            asked.add(name)
        return asked


def _original(extensions: list[Element]) -> Feature:
    """The feature by its own texts, which XML could not hold."""
    extension = extensions[0].allow("extender", "name", "value")
    if len(extensions) > 1 or (extension.get("extender"), extension.get("name")) != (EXTENDER, "original"):
        raise extension.unsupported("is not polyscore's")
    try:
        (feature,) = FeatureSchema.from_json([json.loads(extension.need("value"))]).features
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise extension.corrupt(f"is no feature: {error}") from None
    return feature
