"""Names, categories and numbers in LightGBM's text, as awkward as LightGBM itself writes or refuses them."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import lightgbm as lgb
import numpy as np
import pandas as pd
import pytest
from sklearn.pipeline import make_pipeline

from domain.schema import Feature, FeatureSchema
from exports import export, packing
from exports.compiled import KernelScorer
from exports.errors import ArtifactError, SchemaMismatch, UnsupportedModel
from exports.formats import FORMATS, LOCAL
from exports.lightgbm_text import SCHEMA_KEY, parse
from tests.exports.zoo import trained


def test_pandas_categories_that_are_written_alike_are_refused_with_the_feature() -> None:
    rng = np.random.default_rng(3)
    values = pd.Series(pd.Categorical([1, "1", 2] * 100, categories=[1, "1", 2]))
    x = pd.DataFrame({"kind": values, "a": rng.normal(size=300)})
    parameters = {"verbose": -1, "num_threads": 1, "min_data_per_group": 1}
    model = parse(lgb.train(parameters, lgb.Dataset(x, rng.normal(size=300)), 2).model_to_string())
    with pytest.raises(SchemaMismatch, match=r"feature 'kind': two of its pandas categories are both written '1': give a schema"):
        _ = model.schema


def of_pandas(x: pd.DataFrame, **more: Any) -> lgb.Booster:
    rng = np.random.default_rng(3)
    parameters = {"verbose": -1, "num_threads": 1, "min_data_per_group": 1, "cat_smooth": 1.0}
    y = x[x.columns[-1]].cat.codes + rng.normal(size=len(x)) / 9 if "b" in x else rng.normal(size=len(x))
    return lgb.train(parameters, lgb.Dataset(x, y, **more), 3)


@pytest.mark.parametrize("rare", [["k"] * 300, ["k"] * 299 + ["l"]])
def test_a_category_that_lightgbm_left_out_keeps_its_labels_and_the_others_theirs(rare: list[str], tmp_path: Path) -> None:
    """Its ``feature_infos`` is ``none``, and pandas' lists come without names: the parameters say whose they are."""
    rng = np.random.default_rng(3)
    x = pd.DataFrame({"n": rng.normal(size=300), "a": pd.Categorical(rare), "b": pd.Categorical(rng.choice(list("xyz"), 300))})
    model = of_pandas(x)
    assert "none" in parse(model.model_to_string()).feature_infos
    schema = parse(model.model_to_string()).schema
    assert [f.categories for f in schema.features] == [(), tuple(x.a.cat.categories), ("x", "y", "z")]
    codes = np.column_stack([x.n, x.a.cat.codes, x.b.cat.codes]).astype(float)
    for chosen in (FORMATS[model_format] for model_format in LOCAL):
        scorer = chosen.load(chosen.export(model, None, tmp_path / chosen.file_name))
        assert scorer.raw_batch(codes)[:, 0].tolist() == model.predict(x).tolist()


def test_labels_of_one_column_are_not_taken_for_anothers() -> None:
    """pandas lists an ordered column's labels, which LightGBM takes for a number; the only categorical feature is another."""
    x = pd.DataFrame({"grade": pd.Categorical(["low", "high"] * 150, ["low", "high"], ordered=True), "code": np.arange(300) % 7})
    model = parse(of_pandas(x, categorical_feature=["code"]).model_to_string())
    with pytest.raises(SchemaMismatch, match=r"feature 'code' has codes beyond pandas' 2 categories: give a schema"):
        _ = model.schema


NAMES = ["prix\u00a0EUR", "全\u3000角", "a\u2028b", "a\x85b", "a\tb", "a\x1fb", "a=b", "Tree=0", "Tree=1", "tree_sizes=1", "\ufeffa"]


@pytest.mark.parametrize("name", NAMES, ids=ascii)
def test_a_name_that_lightgbm_takes_is_carried_by_every_format(name: str, tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    x = rng.normal(size=(300, 2))
    parameters = {"verbose": -1, "num_threads": 1, "num_leaves": 4}
    model = lgb.train(parameters, lgb.Dataset(x, x[:, 0] * 3 + x[:, 1], feature_name=[name, "z"]), 3)
    for chosen in (FORMATS[model_format] for model_format in LOCAL):
        scorer = chosen.load(chosen.export(model, None, tmp_path / chosen.file_name))
        assert scorer.schema.names == (name, "z")
        assert scorer.raw_batch(x)[:, 0].tolist() == model.predict(x).tolist()


@pytest.mark.parametrize(
    ("key", "first"),
    [
        ("num_class", ""), ("max_feature_idx", ""), ("tree_sizes", ""), ("num_leaves", ""), ("split_feature", ""), ("threshold", ""),
        ("leaf_value", ""), ("decision_type", ""), ("objective", "binary sigmoid:"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("digits", ["٣", "²", "1_0", "1\u00a02"], ids=ascii)
def test_digits_and_blanks_that_lightgbm_does_not_know_are_no_numbers(key: str, first: str, digits: str) -> None:
    """Read as numbers, they gave other scores than LightGBM's, without a word."""
    rng = np.random.default_rng(3)
    x = np.round(rng.normal(size=(300, 2)), 1)
    text = lgb.train(
        {"verbose": -1, "num_threads": 1, "num_leaves": 3, "objective": "binary"}, lgb.Dataset(x, x[:, 0] > 0), 1
    ).model_to_string()
    changed = re.sub(rf"(?m)^{key}={first}[^ \n]+", f"{key}={first}{digits}", text)
    if key != "tree_sizes":
        changed = re.sub(r"(?m)^tree_sizes=.*\n", "", changed)
    assert parse(text)
    with pytest.raises(ArtifactError, match="model: line"):
        parse(changed)


def test_a_model_is_taken_as_its_file_and_a_format_as_its_name(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    x = rng.normal(size=(300, 1))
    model = lgb.train({"verbose": -1, "num_threads": 1}, lgb.Dataset(x, x[:, 0]), 2)
    model.save_model(file := tmp_path / "mine.txt")
    written = export(file, "pfa", tmp_path)
    assert written == {"pfa": tmp_path / "model.pfa"}
    assert written["pfa"].read_bytes() == export(model, ["pfa"], tmp_path / "other")["pfa"].read_bytes()
    file.write_text(file.read_text().replace("version=v4", "version=v9"))
    with pytest.raises(ArtifactError, match=r"mine.txt: line 2: version=v9"):
        export(file, "pfa", tmp_path)


@pytest.mark.parametrize(("given", "named"), [
    (lgb.LGBMClassifier(), "a LGBMClassifier that is not fitted is no LightGBM model"),
    (make_pipeline(lgb.LGBMClassifier()), "a Pipeline is no LightGBM model"),
    (None, "a NoneType is no LightGBM model"),
])  # fmt: skip
def test_what_is_no_model_is_refused_by_its_kind(given: Any, named: str, tmp_path: Path) -> None:
    with pytest.raises(UnsupportedModel, match=named):
        export(given, ["pfa"], tmp_path)


def test_a_table_of_categories_that_takes_too_much_memory_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    ensemble = parse(trained("binary").model_to_string()).ensemble
    assert packing.pack(ensemble)
    monkeypatch.setattr(packing, "MOST_MEMBERS", 1)
    with pytest.raises(UnsupportedModel, match="takes more than a gigabyte"):
        packing.pack(ensemble)


DEEP = "[" * 100_000


@pytest.mark.parametrize(("before", "after", "named"), [
    ("pandas_categorical:", f"pandas_categorical:{DEEP}\nwas:", "pandas_categorical is not a list of lists"),
    ("num_cat=1", "num_cat=-1", "num_cat=-1"),
    ("leaf_value=", f"leaf_value={'1' * 200_000}x ", "leaf_value"),  # to be refused in no more time than it is long
])  # fmt: skip
def test_a_damaged_text_is_refused_by_name(before: str, after: str, named: str) -> None:
    text = re.sub("tree_sizes=.*\n", "", trained("binary").model_to_string()).replace(before, after, 1)
    with pytest.raises(ArtifactError, match=re.escape(named)):
        parse(text)


def small(**parameters: Any) -> str:
    """The text of a model of two features."""
    x = np.random.default_rng(3).normal(size=(300, 2))
    told = {"verbose": -1, "num_threads": 1, "num_leaves": 3, **parameters}
    return str(lgb.train(told, lgb.Dataset(x, x[:, 0] > 0 if "sigmoid" in told else x[:, 0], feature_name=["a", "b"]), 2).model_to_string())


@pytest.mark.parametrize(("old", "new", "why"), [
    ("\nleaf_count=", "\nleaf_count=1 2\rleaf_value=9 9 9\nleaf_count=", "a carriage return: to LightGBM it ends a line"),
    ("shrinkage=1\n\n", "shrinkage=1\n \n", "unknown|stands twice"),
])  # fmt: skip
def test_lines_that_lightgbm_ends_elsewhere_are_refused(old: str, new: str, why: str) -> None:
    """A return ends a line there, and a line of one blank does not end a tree: other leaves, and fewer trees, than are read here."""
    text = re.sub(r"(?m)^tree_sizes=.*\n", "", small())
    assert old in text
    with pytest.raises(ArtifactError, match=why):
        parse(text.replace(old, new, 1))


def carrying(text: str, *features: Feature) -> str:
    """The text with such a schema in it."""
    line = SCHEMA_KEY + json.dumps(FeatureSchema(features).to_json())
    return text.replace("pandas_categorical:", f"{line}\npandas_categorical:")


@pytest.mark.parametrize(("features", "why"), [
    ((Feature("b"), Feature("a")), "the schema says 'b' where the model was trained on 'a'"),
    ((Feature("a"),), "the schema has 1 features, the model 2"),
    ((Feature("a"), Feature("b"), Feature("c")), "the schema has 3 features, the model 2"),
])  # fmt: skip
def test_a_schema_in_the_file_that_is_not_of_its_features_is_refused(features: tuple[Feature, ...], why: str, tmp_path: Path) -> None:
    assert parse(carrying(small(), Feature("a"), Feature("b"))).schema.names == ("a", "b")
    (file := tmp_path / "model.txt").write_text(carrying(small(), *features))
    for ask in (lambda: parse(file.read_text()).schema, lambda: FORMATS["native"].load(file), lambda: export(file, "pfa", tmp_path)):
        with pytest.raises(SchemaMismatch, match=why):
            ask()


def test_categories_in_another_order_than_pandas_had_them_are_refused() -> None:
    x = pd.DataFrame({"n": np.random.default_rng(3).normal(size=300), "b": pd.Categorical(["x", "y", "z"] * 100)})
    text = of_pandas(x).model_to_string()
    assert parse(carrying(text, Feature("n"), Feature("b", "categorical", ("x", "y", "z")))).schema
    with pytest.raises(SchemaMismatch, match="has the categories of 'b' in another order than pandas had them"):
        _ = parse(carrying(text, Feature("n"), Feature("b", "categorical", ("z", "y", "x")))).schema


def test_a_file_that_names_a_million_codes_does_not_become_a_million_labels() -> None:
    x = np.column_stack([np.arange(300.0) % 7, np.random.default_rng(3).normal(size=300)])
    booster = lgb.train({"verbose": -1, "num_threads": 1, "min_data_per_group": 1}, lgb.Dataset(x, x[:, 0], categorical_feature=[0]), 2)
    text = booster.model_to_string()
    assert len(parse(text).schema.features[0].categories) == 7
    crowded = re.sub(r"(?m)^feature_infos=\S+", "feature_infos=0:1:2:3:4:5:6:900:1000000", text)
    assert len(parse(crowded).schema.features[0].categories) == 901


@pytest.mark.parametrize("sigmoid", [1.57, 0.6, 0.000123457, 7.77e10])
def test_a_sigmoid_is_the_double_that_lightgbm_makes_of_its_digits(sigmoid: float) -> None:
    """Its reader is not exact: of 1.57 it makes the double before."""
    text, x = small(objective="binary", sigmoid=sigmoid), np.random.default_rng(5).normal(size=(300, 2))
    model = parse(text)
    found = KernelScorer(model.ensemble, model.schema).score_batch(x)[:, 0]
    np.testing.assert_array_max_ulp(found, np.asarray(lgb.Booster(model_str=text).predict(x)), maxulp=2)
    assert (model.ensemble.link.sigmoid == sigmoid) == (sigmoid != 1.57)
