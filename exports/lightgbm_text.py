"""The strict reader of LightGBM's text model (v2, v3, v4), into the canonical ensemble.

Semantics are those of the installed LightGBM's predictor (4.x), which also scores older files. A key or a value that is not
known is refused by name and line; nothing is guessed.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from os import PathLike
from pathlib import Path
from typing import Protocol

from domain.schema import Feature, FeatureSchema
from exports import files
from exports.ensemble import Builder, Ensemble
from exports.errors import CorruptArtifact, SchemaMismatch, UnsupportedConstruct, UnsupportedModel
from exports.lightgbm_tree import read_tree
from exports.objectives import link_of
from exports.packing import DENSE

SCHEMA_KEY = "polyscore_schema:"
_VERSIONS = ("v2", "v3", "v4")
_HEADER = frozenset({
    "version", "num_class", "num_tree_per_iteration", "label_index", "max_feature_idx", "objective", "average_output",
    "feature_names", "feature_infos", "monotone_constraints", "tree_sizes",
})  # fmt: skip
_HEADER_LINES = 2 * len(_HEADER)
_ENDS = {"\0": "a NUL character: LightGBM stops reading there", "\r": "a carriage return: to LightGBM it ends a line"}
_MOST_UNUSED = 1_000  # codes that are listed though no split asks for them: a few bytes of a file name millions
_UNNAMED = re.compile(r"Column_[0-9]+")
_TOLD = re.compile(r"\[categorical_feature: ([0-9]{1,9}(?:,[0-9]{1,9})*)\]")
_NEEDED = ("version", "num_class", "num_tree_per_iteration", "max_feature_idx", "feature_names", "feature_infos")


class BoosterLike(Protocol):
    """A ``lightgbm.Booster``: its text holds the best iteration's trees."""

    def model_to_string(self) -> str: ...


@dataclass(frozen=True, eq=False)
class TextModel:
    """A parsed model file, its text, and what the file says of its features."""

    text: str
    ensemble: Ensemble
    objective: str
    feature_names: tuple[str, ...]
    feature_infos: tuple[str, ...]
    pandas_categories: tuple[tuple[str, ...], ...]
    embedded_schema: FeatureSchema | None
    told_categorical: tuple[int, ...] = ()  # the features that the parameters call categorical, constant ones too

    @cached_property
    def schema(self) -> FeatureSchema:
        """The schema that the file carries, or the one that its names, categories and codes allow to infer.

        Raises ``SchemaMismatch`` where what it carries is not of its own features.
        """
        if self.embedded_schema:
            return described(self, self.embedded_schema)
        return _inferred(self) if self.pandas_categories else _inferred(self).as_coded()


ModelSource = TextModel | BoosterLike | str | PathLike[str]


def read(model: ModelSource, source: str = "model") -> TextModel:
    """A Booster, its text, a file's path, or what was read before. Raises ``ArtifactError`` or ``UnsupportedModel``."""
    if isinstance(model, TextModel):
        return model
    if isinstance(model, PathLike):
        return parse(files.text(Path(model)), Path(model).name)
    if isinstance(model, str):
        return parse(model, source)
    booster = getattr(model, "booster_", model)  # scikit-learn's wrappers hold one, once they are fitted
    if not hasattr(booster, "model_to_string"):
        given = f"a {type(model).__name__}" + (" that is not fitted" if hasattr(type(model), "booster_") else "")
        raise UnsupportedModel(f"{given} is no LightGBM model: give a Booster, a fitted scikit-learn wrapper, or the path of a model file")
    return parse(booster.model_to_string(), source)


def parse(text: str, source: str = "model") -> TextModel:
    """Read a model file's text. Raises ``CorruptArtifact``, ``UnsupportedConstruct`` or ``UnsupportedModel``."""
    lines = text.split("\n")
    if not lines or lines[0].strip() != "tree":
        raise CorruptArtifact(source, "not a LightGBM text model: it does not start with the line 'tree'", 1)
    for character, what in _ENDS.items():
        if character in text:
            line = text.count("\n", 0, text.index(character)) + 1
            raise CorruptArtifact(source, f"{what}; save the model again", line)
    end = _end_of_trees(lines, source)
    first = next((i for i in range(end) if lines[i].startswith("Tree=")), end)
    header = _keys(lines, 1, first, source)
    _check_header(header, source)
    n_features = _integer(header, "max_feature_idx", source) + 1
    per_iteration = _integer(header, "num_tree_per_iteration", source)
    if _integer(header, "num_class", source) != per_iteration:
        raise CorruptArtifact(source, f"num_class is not num_tree_per_iteration={per_iteration}", header["num_class"][1])
    trees = list(_blocks(lines, first, end, source))
    _check_sizes(text, header, len(trees), source)
    if per_iteration < 1 or len(trees) % per_iteration:
        raise CorruptArtifact(source, f"{len(trees)} trees are no multiple of num_tree_per_iteration={per_iteration}")
    builder = Builder(n_features)
    for number, block in enumerate(trees):
        read_tree(builder, number % per_iteration, block, source)
    objective = header.get("objective", ("", 0))[0]
    averaged = len(trees) // per_iteration if "average_output" in header else 1
    link = link_of(objective, per_iteration, averaged, source, header.get("objective", ("", 0))[1])
    names, infos = (tuple(filter(None, header[k][0].split(" "))) for k in ("feature_names", "feature_infos"))
    if not len(names) == len(infos) == n_features:
        raise CorruptArtifact(source, f"{len(names)} feature_names and {len(infos)} feature_infos for {n_features} features")
    if len(set(names)) < n_features:
        (twice, _), *_ = Counter(names).most_common(1)
        raise CorruptArtifact(source, f"the feature {twice!r} is named twice", header["feature_names"][1])
    tail = _tail(lines, end, source)
    return TextModel(text, builder.build(per_iteration, link), objective, names, infos, *tail)


def _end_of_trees(lines: list[str], source: str) -> int:
    """The line that ends the trees; in a file of version 2 that may be the importances."""
    old = "version=v2" in lines[:_HEADER_LINES] and "end of trees" not in lines
    return _line_of(lines, "feature importances:" if old else "end of trees", source)


def _line_of(lines: list[str], wanted: str, source: str) -> int:
    for i, line in enumerate(lines):
        if line == wanted:
            return i
    raise CorruptArtifact(source, f"the line {wanted!r} is missing: the file is truncated; save it again", len(lines))


def _keys(lines: list[str], start: int, stop: int, source: str) -> dict[str, tuple[str, int]]:
    """key -> (value, line number) of the lines ``key=value``."""
    found: dict[str, tuple[str, int]] = {}
    for i in range(start, stop):
        if not lines[i]:
            continue
        key, _, value = lines[i].partition("=")
        if key in found:
            raise CorruptArtifact(source, f"{key!r} stands twice", i + 1)
        found[key] = (value, i + 1)
    return found


def _check_header(header: Mapping[str, tuple[str, int]], source: str) -> None:
    for key, (_, line) in header.items():
        if key not in _HEADER:
            raise UnsupportedConstruct(source, key, "an unknown key of the model's header", line)
    for key in _NEEDED:
        if key not in header:
            raise CorruptArtifact(source, f"the header has no {key!r}; save the model again")
    version, line = header["version"]
    if version not in _VERSIONS:
        raise UnsupportedConstruct(source, f"version={version}", f"the known ones are {', '.join(_VERSIONS)}", line)


def _integer(header: Mapping[str, tuple[str, int]], key: str, source: str) -> int:
    value, line = header[key]
    if not re.fullmatch(r"[0-9]{1,9}", value):
        raise CorruptArtifact(source, f"{key}={value!r} is not a number", line)
    return int(value)


def _blocks(lines: list[str], start: int, end: int, source: str) -> Iterator[Mapping[str, tuple[str, int]]]:
    starts = [i for i in range(start, end) if lines[i].startswith("Tree=")]
    for number, (first, stop) in enumerate(zip(starts, [*starts[1:], end], strict=True)):
        if lines[first] != f"Tree={number}":
            raise CorruptArtifact(source, f"{lines[first]!r} where Tree={number} was due", first + 1)
        blank = next((i for i in range(first, stop) if not lines[i]), stop)  # where LightGBM takes a tree to end
        more = next((i for i in range(blank, stop) if lines[i]), None)
        if more is not None:
            raise CorruptArtifact(source, f"Tree={number} goes on behind a blank line, where LightGBM ends it", more + 1)
        yield _keys(lines, first + 1, stop, source)


def _check_sizes(text: str, header: Mapping[str, tuple[str, int]], trees: int, source: str) -> None:
    """LightGBM finds the trees by ``tree_sizes``: where they do not fit the text it would read other numbers than we do."""
    if "tree_sizes" not in header:
        return
    value, line = header["tree_sizes"]
    words = value.split()
    sizes = [int(s) for s in words if re.fullmatch(r"[0-9]{1,12}", s)]
    data = text.encode()
    at = data.find(b"\nTree=0\n") + 1  # a feature may be called so
    if len(sizes) != trees or len(sizes) != len(words):
        raise CorruptArtifact(source, f"tree_sizes does not list {trees} sizes", line)
    for number, size in enumerate(sizes):
        if not data.startswith(b"Tree=%d\n" % number, at) or not data[at : at + size].endswith(b"\n"):
            raise CorruptArtifact(source, f"tree_sizes does not fit Tree={number}: the file was changed", line)
        at += size


def _tail(lines: list[str], start: int, source: str) -> tuple[tuple[tuple[str, ...], ...], FeatureSchema | None, tuple[int, ...]]:
    """What stands behind the trees: pandas' categories, our schema, and of the parameters which features are categorical."""
    categories: tuple[tuple[str, ...], ...] = ()
    schema = None
    told: tuple[int, ...] = ()
    section = ""
    if "parameters:" in lines[start:]:
        _line_of(lines, "end of parameters", source)
    for i in range(start, len(lines)):
        line = lines[i]
        if line == "end of trees":
            continue
        if line.startswith("pandas_categorical:"):
            categories = _pandas(line.partition(":")[2], source, i + 1)
        elif line.startswith(SCHEMA_KEY):
            schema = _schema(line.removeprefix(SCHEMA_KEY), source, i + 1)
        elif line in ("feature_importances:", "feature importances:", "parameters:"):
            section = line
        elif line == "end of parameters":
            section = ""
        elif section and (found := _TOLD.fullmatch(line)):
            told = tuple(int(feature) for feature in found[1].split(","))
        elif line.strip() and not section:
            raise UnsupportedConstruct(source, line[:40], "unknown text behind the trees", i + 1)
    return categories, schema, told


def _pandas(value: str, source: str, line: int) -> tuple[tuple[str, ...], ...]:
    try:
        lists = json.loads(value)
        return tuple(tuple(c if isinstance(c, str) else json.dumps(c) for c in labels) for labels in lists or [])
    except (ValueError, TypeError, RecursionError) as error:
        raise CorruptArtifact(source, f"pandas_categorical is not a list of lists: {error}", line) from None


def _schema(value: str, source: str, line: int) -> FeatureSchema:
    try:
        return FeatureSchema.from_json(json.loads(value))
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise CorruptArtifact(source, f"the schema is broken: {error}", line) from None


def described(model: TextModel, schema: FeatureSchema) -> FeatureSchema:
    """The schema, where it names the model's features in their order. Raises ``SchemaMismatch``, naming the feature."""
    if len(schema) != len(model.feature_names):
        raise SchemaMismatch(f"the schema has {len(schema)} features, the model {len(model.feature_names)}")
    for feature, name in zip(schema.features, model.feature_names, strict=True):
        if name not in (feature.name, re.sub(r"\s", "_", feature.name)) and not _UNNAMED.fullmatch(name):
            raise SchemaMismatch(
                f"the schema says {feature.name!r} where the model was trained on {name!r}: give the features in its order"
            )
    listed = [sorted(labels) for labels in model.pandas_categories]
    for feature in schema.features:
        if sorted(feature.categories) in listed and feature.categories not in model.pandas_categories:
            raise SchemaMismatch(f"the schema has the categories of {feature.name!r} in another order than pandas had them")
    return schema


def _inferred(model: TextModel) -> FeatureSchema:
    categorical, wanted = _categorical_features(model), len(model.pandas_categories)
    if wanted and wanted != len(categorical):
        raise SchemaMismatch(f"the model has {len(categorical)} categorical features but pandas categories of {wanted}: give a schema")
    labels = dict(zip(categorical, model.pandas_categories, strict=False))
    for i, listed in labels.items():
        if max(_listed(model, i), default=-1) >= len(listed):
            raise SchemaMismatch(f"feature {model.feature_names[i]!r} has codes beyond pandas' {len(listed)} categories: give a schema")
        if twice := sorted(label for label, times in Counter(listed).items() if times > 1):
            raise SchemaMismatch(
                f"feature {model.feature_names[i]!r}: two of its pandas categories are both written {twice[0]!r}: give a schema"
            )
    features = [
        _categorical(name, labels.get(i) or _codes(model, i)) if i in categorical else Feature(name)
        for i, name in enumerate(model.feature_names)
    ]
    return FeatureSchema(tuple(features))


def _categorical_features(model: TextModel) -> list[int]:
    """Those that have codes; where pandas lists more columns, also those that LightGBM left out, since one value says nothing."""
    coded = [i for i, info in enumerate(model.feature_infos) if ":" in info and not info.startswith("[")]
    told = sorted({i for i in model.told_categorical if i < len(model.feature_infos)})
    left_out = len(model.pandas_categories) == len(told) != len(coded)
    return told if left_out and all(i in coded or model.feature_infos[i] == "none" for i in told) and set(coded) <= set(told) else coded


def _listed(model: TextModel, feature: int) -> list[int]:
    """The codes that the model's header lists of a feature."""
    return [int(c) for c in model.feature_infos[feature].split(":") if re.fullmatch(r"-?[0-9]{1,18}", c)]


def _categorical(name: str, labels: tuple[str, ...]) -> Feature:
    """Categories by their labels; where there are too many codes to list, the code is a number."""
    return Feature(name, "categorical", labels) if labels else Feature(name)


def _codes(model: TextModel, feature: int) -> tuple[str, ...]:
    """LightGBM's own codes as labels: 0 up to the largest that the model knows. () where they are in the millions."""
    listed = _listed(model, feature)
    used = max([0, *_codes_in_sets(model.ensemble, feature)])
    if used > DENSE:
        return ()
    known = [code for code in listed if code <= _MOST_UNUSED]  # one that no set holds is as good as unseen
    return tuple(str(c) for c in range(max([used, *known]) + 1))


def _codes_in_sets(ensemble: Ensemble, feature: int) -> list[int]:
    used = (ensemble.feature == feature) & (ensemble.category_set >= 0)
    return [ensemble.sets[s][-1] for s in set(ensemble.category_set[used].tolist()) if ensemble.sets[s]]
