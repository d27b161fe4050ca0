"""Names, categories and numbers in LightGBM's text, as awkward as LightGBM itself writes or refuses them."""

from __future__ import annotations

import lightgbm as lgb
import numpy as np
import pandas as pd
import pytest

from exports.errors import SchemaMismatch
from exports.lightgbm_text import parse

RNG = np.random.default_rng(3)


def test_pandas_categories_that_are_written_alike_are_refused_with_the_feature() -> None:
    values = pd.Series(pd.Categorical([1, "1", 2] * 100, categories=[1, "1", 2]))
    x = pd.DataFrame({"kind": values, "a": RNG.normal(size=300)})
    parameters = {"verbose": -1, "num_threads": 1, "min_data_per_group": 1}
    model = parse(lgb.train(parameters, lgb.Dataset(x, RNG.normal(size=300)), 2).model_to_string())
    with pytest.raises(SchemaMismatch, match=r"feature 'kind': two of its pandas categories are both written '1': give a schema"):
        _ = model.schema
