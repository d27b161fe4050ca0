"""Names, categories and numbers in LightGBM's text, as awkward as LightGBM itself writes or refuses them."""

from __future__ import annotations

import re
from pathlib import Path

import lightgbm as lgb
import numpy as np
import pandas as pd
import pytest

from exports.errors import ArtifactError, SchemaMismatch
from exports.formats import FORMATS, LOCAL
from exports.lightgbm_text import parse

RNG = np.random.default_rng(3)


def test_pandas_categories_that_are_written_alike_are_refused_with_the_feature() -> None:
    values = pd.Series(pd.Categorical([1, "1", 2] * 100, categories=[1, "1", 2]))
    x = pd.DataFrame({"kind": values, "a": RNG.normal(size=300)})
    parameters = {"verbose": -1, "num_threads": 1, "min_data_per_group": 1}
    model = parse(lgb.train(parameters, lgb.Dataset(x, RNG.normal(size=300)), 2).model_to_string())
    with pytest.raises(SchemaMismatch, match=r"feature 'kind': two of its pandas categories are both written '1': give a schema"):
        _ = model.schema


NAMES = ["prix\u00a0EUR", "全\u3000角", "a\u2028b", "a\x85b", "a\tb", "a\x1fb", "a=b", "Tree=0", "Tree=1", "tree_sizes=1", "\ufeffa"]


@pytest.mark.parametrize("name", NAMES, ids=ascii)
def test_a_name_that_lightgbm_takes_is_carried_by_every_format(name: str, tmp_path: Path) -> None:
    x = RNG.normal(size=(300, 2))
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
    x = np.round(RNG.normal(size=(300, 2)), 1)
    text = lgb.train(
        {"verbose": -1, "num_threads": 1, "num_leaves": 3, "objective": "binary"}, lgb.Dataset(x, x[:, 0] > 0), 1
    ).model_to_string()
    changed = re.sub(rf"(?m)^{key}={first}[^ \n]+", f"{key}={first}{digits}", text)
    if key != "tree_sizes":
        changed = re.sub(r"(?m)^tree_sizes=.*\n", "", changed)
    assert parse(text)
    with pytest.raises(ArtifactError, match="model: line"):
        parse(changed)
