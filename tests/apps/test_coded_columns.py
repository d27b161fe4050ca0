"""A column of which the model's file has codes alone: its cells are numbers, and LightGBM's to judge, from any table and in any format."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import lightgbm as lgb
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from apps.errors import InputError
from apps.rows_in import Source
from apps.table import read_rows
from domain.contract import MalformedEvent
from domain.schema import Feature, FeatureSchema
from exports.formats import FORMATS, LOCAL
from exports.lightgbm_text import TextModel, read
from models import table_domain
from models.adopted import Told, adopt
from models.decide import explain

NUMBERS = [2.5, 2.0, 1.7, 0.9, -0.5, -1.0, -1.5, 3.0, 7.0, 1e9, float("nan")]
_COMMON = {"verbose": -1, "num_threads": 1, "min_data_in_leaf": 5, "min_data_per_group": 5, "cat_smooth": 1}


@cache
def trained(*, labelled: bool) -> lgb.Booster:
    """Colours 0, 1 and 2, as plain numbers or as pandas' categories."""
    rng = np.random.default_rng(0)
    colour = rng.integers(0, 3, 400)
    y = np.array([9.0, 3.0, 5.0])[colour]
    if labelled:
        data = lgb.Dataset(pd.DataFrame({"colour": pd.Categorical(colour)}), y)
    else:
        data = lgb.Dataset(colour.astype(float)[:, None], y, feature_name=["colour"], categorical_feature=[0])
    return lgb.train({**_COMMON, "objective": "regression"}, data, 10)


def model() -> TextModel:
    return read(trained(labelled=False))


@pytest.mark.parametrize("name", LOCAL)
def test_every_format_scores_any_number_of_a_table_as_lightgbm_does(name: str, tmp_path: Path) -> None:
    booster = trained(labelled=False)
    scorer = FORMATS[name].load(FORMATS[name].export(booster, None, tmp_path / FORMATS[name].file_name))
    wanted = booster.predict(np.array(NUMBERS)[:, None], raw_score=True)
    assert len(set(wanted)) == 3
    (tmp_path / "rows.csv").write_text("\n".join(["colour", *('""' if np.isnan(v) else repr(v) for v in NUMBERS)]))
    pq.write_table(pa.table({"colour": pa.array(NUMBERS)}), tmp_path / "rows.parquet")
    for table in ("rows.csv", "rows.parquet"):
        x = np.concatenate(list(read_rows(str(tmp_path / table), scorer.schema)))
        assert scorer.raw_batch(x)[:, 0].tolist() == np.asarray(wanted).tolist(), table


def test_a_code_is_one_number_however_it_is_written(tmp_path: Path) -> None:
    (path := tmp_path / "rows.csv").write_text("colour\n2\n+2\n02\n2.0\n2e0\n 2\n")
    assert np.concatenate(list(read_rows(str(path), model().schema)))[:, 0].tolist() == [2.0] * 6


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_text_that_is_no_number_is_refused_with_its_row(kind: str, tmp_path: Path) -> None:
    path, frame = tmp_path / f"rows.{kind}", pd.DataFrame({"colour": ["1", "red"]})
    frame.to_csv(path, index=False) if kind == "csv" else frame.to_parquet(path)
    with pytest.raises(InputError, match=r"column 'colour', row 2: 'red' is not a number, and the model's file has no labels here"):
        list(read_rows(str(path), model().schema))


def test_labels_that_look_like_codes_stay_labels_in_every_format(tmp_path: Path) -> None:
    """To pandas 2.5 is none of the categories 0, 1 and 2."""
    booster = trained(labelled=True)
    (path := tmp_path / "rows.csv").write_text("colour\n2\n2.5\nred\n")
    for name in LOCAL:
        scorer = FORMATS[name].load(FORMATS[name].export(booster, None, tmp_path / FORMATS[name].file_name))
        x = np.concatenate(list(read_rows(str(path), scorer.schema)))
        assert x[:, 0].tolist() == [2.0, -1.0, -1.0], name
        wanted = booster.predict(pd.DataFrame({"colour": [2, 2.5, -1]}).astype("category"), raw_score=True)
        assert scorer.raw_batch(x)[:, 0].tolist() == np.asarray(wanted).tolist(), name


class Pushed:
    """A model that was pushed by its one feature."""

    def contributions(self, row: Sequence[float]) -> np.ndarray:
        return np.array([[1.0]])


def test_a_stream_of_such_a_model_takes_the_same_numbers_and_shows_them(tmp_path: Path) -> None:
    adopt(model().text, "mine", "mine.txt", Told(), tmp_path / "mine", datetime(2026, 1, 1, tzinfo=UTC))
    facts = table_domain.founded(tmp_path / "mine")
    assert facts is not None
    domain, source = table_domain.domain_of(facts), Source(facts)
    (path := tmp_path / "rows.csv").write_text("colour,label\n2.5,\n7,\n2,\n")
    events = [domain.parse_event(emission.value) for row in source.rows([path]) for emission in row]
    rows = [domain.features().compute(event, None).row for event in events]
    assert rows == [[2.5], [7.0], [2.0]]
    assert [explain(domain, Pushed(), row) for row in rows] == [["colour is 2.5"], ["colour is 7"], ["colour is 2"]]  # type: ignore[arg-type]
    with pytest.raises(MalformedEvent, match="'colour' takes a number"):
        domain.parse_event(b'{"id": "a", "event_time": "2026-01-31T12:00:00Z", "colour": "red"}')


def test_only_codes_from_zero_on_can_be_coded_and_the_mark_is_part_of_the_schema() -> None:
    plain = FeatureSchema((Feature("x", "categorical", ("0", "1")), Feature("y")))
    coded = plain.as_coded()
    assert [f.coded for f in coded.features] == [True, False]
    assert coded.digest != plain.digest
    assert FeatureSchema.from_json(coded.to_json()) == coded
    assert "coded" not in plain.to_json()[0]
    for categories in ((), ("1", "2"), ("red",)):
        with pytest.raises(ValueError, match=r"not the codes from 0 on|if, and only if"):
            Feature("x", "categorical" if categories else "numeric", categories, coded=True)
