"""The cross-sell recipe on recorded visits: what it is compared with, and by which rules; on the real recording where it is there."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from domain.cross_sell.events import Checkout, Ping, Purchase
from domain.cross_sell.features import SCHEMA, CrossSellFeatures
from domain.cross_sell.groups import COUNT, GROUPS
from domain.registry import DOMAINS
from models import complete_journey
from models.complete_journey_evaluation import LAST_BASKETS, before, underway
from models.complete_journey_sightings import KEPT, Sightings, sightings
from models.errors import DataError
from models.recorded import Question, recording

DATA = Path(os.environ.get("POLYSCORE_TEST_DATA", Path(__file__).resolve().parents[3] / "shared" / "data"))
FOLDER = DATA / "cross_sell" / "complete_journey"
CROSS_SELL = DOMAINS["cross_sell"]
real = pytest.mark.skipif(not FOLDER.exists(), reason=f"The Complete Journey is not at {FOLDER}")
PRODUCTS = (("PRODUCE", "APPLES"), ("PRODUCE", "CARROTS"), ("?", "EGGS"), ("MEAT", "BEEF"), ("?", "NUTS"), ("?", "WATER"))


def made_up(folder: Path, weeks: int = 50, households: int = 60) -> Path:
    """Households with habits; whoever takes fruit takes vegetables and no meat, and whoever takes snacks takes drinks."""
    rng = np.random.default_rng(1)
    habits = rng.uniform(0.2, 0.7, (households, len(PRODUCTS)))
    lines: list[tuple[int, int, int, datetime]] = []
    start = datetime(2017, 1, 2, 9, tzinfo=UTC)
    for basket in range(weeks * households):
        who = basket % households
        chosen = rng.random(len(PRODUCTS)) < habits[who]
        chosen[1], chosen[3], chosen[5] = chosen[0], not chosen[0], chosen[4]
        at = start + timedelta(weeks=basket // households, minutes=who)
        lines += [(who, basket, int(product), at) for product in np.flatnonzero(chosen)]
    household, number, product, moment = zip(*lines, strict=True)
    stamps = pa.array([m.replace(tzinfo=None) for m in moment], pa.timestamp("ms"))
    table = {"household_id": household, "store_id": [1] * len(lines), "basket_id": number, "product_id": product}
    pq.write_table(pa.table({**table, "sales_value": [2.0] * len(lines), "transaction_timestamp": stamps}), folder / "transactions.parquet")
    departments, categories = zip(*PRODUCTS, strict=True)
    products = {"product_id": list(range(len(PRODUCTS))), "department": departments, "product_category": categories}
    pq.write_table(pa.table(products), folder / "products.parquet")
    return folder


def seen(path: Path) -> Sightings:
    return sightings(CrossSellFeatures(), complete_journey.emissions([path], underway=True))


def test_the_model_learns_what_no_baseline_can_know(tmp_path: Path) -> None:
    found = recording(CROSS_SELL).evaluate(CROSS_SELL, Question([made_up(tmp_path)]), lambda *_: None)
    assert found["hit@1"] > found["household frequency hit@1"] > found["popularity hit@1"]
    assert found["lead in hit@1, low"] > 0
    task = found["tasks"]["underway"]
    assert task["stronger baseline"] == "household frequency"
    assert task["model"]["hit@1"]["low"] < task["model"]["hit@1"]["mean"] < task["model"]["hit@1"]["high"]
    json.dumps(found, allow_nan=False)


def test_other_households_are_judged_than_were_learned_from(tmp_path: Path) -> None:
    path = made_up(tmp_path)
    later, others = (recording(CROSS_SELL).evaluate(CROSS_SELL, Question([path], split), lambda *_: None) for split in (None, "key"))
    assert (later["households"], others["households"]) == (60, 30)
    assert others["protocol"]["method"] == "other households"
    assert others["lead in hit@1"] > 0


def test_a_row_is_what_the_visit_brings_after_the_sighting(tmp_path: Path) -> None:
    path = made_up(tmp_path, weeks=6, households=4)
    found = seen(path)
    outside = found.x[:, [SCHEMA.names.index(f"{g}_baskets_since") for g in GROUPS]] != 0
    assert not (found.relevant & ~outside).any()
    assert (found.x[found.midway, SCHEMA.names.index("basket_groups")] > 0).all()
    assert (found.x[~found.midway, SCHEMA.names.index("basket_groups")] == 0).all()
    visits = sum(isinstance(e.value, Checkout) for e in complete_journey.emissions([path]))
    assert (~found.midway).sum() == visits
    assert found.midway.sum() <= KEPT * visits


def test_no_time_tells_how_much_is_still_to_come(tmp_path: Path) -> None:
    found = seen(made_up(tmp_path, weeks=6, households=8))
    clock = [
        SCHEMA.names.index(name) for name in ("basket_groups", "visit_minutes", "minutes_since_line", "zone_seconds", "visit_sightings")
    ]
    of_basket = {tuple(row) for row in found.x[found.midway][:, clock].tolist()}
    assert len(of_basket) == len({row[0] for row in of_basket}), "the same basket, the same clock, whatever follows"
    assert len(set(found.relevant[found.midway].sum(axis=1).tolist())) > 2


def test_habits_count_the_baskets_before_this_visit_and_nothing_of_it(tmp_path: Path) -> None:
    path = made_up(tmp_path, weeks=6, households=2)
    bought: dict[str, list[set[str | None]]] = {}
    expected = []
    for e in complete_journey.emissions([path]):
        if isinstance(e.value, Ping):
            earlier = bought.setdefault(e.key, [])
            expected.append([float(sum(g in basket for basket in earlier)) for g in GROUPS])
            earlier.append(set())
        elif isinstance(e.value, Purchase):
            bought[e.key][-1].add(e.value.group)
    found = seen(path)
    assert found.habits[~found.midway].tolist() == expected


def test_before_a_visit_only_groups_of_no_recent_basket_may_be_said() -> None:
    x = np.full((3, len(SCHEMA)), np.nan)
    column = SCHEMA.names.index("meat_baskets_since")
    x[:, column] = [LAST_BASKETS, LAST_BASKETS + 1, np.nan]
    relevant = np.zeros((3, COUNT), dtype=bool)
    relevant[:, GROUPS.index("meat")] = True
    zeros = np.zeros(3, dtype=np.int64)
    of = Sightings(x, np.array(["a", "b", "c"]), zeros, relevant, np.zeros((3, COUNT)), np.full(3, 9.0), np.zeros(3, dtype=bool))
    task = before(of, np.ones(3, dtype=bool))
    assert task.rows.tolist() == [1, 2]
    assert task.allowed[:, GROUPS.index("meat")].all()
    with pytest.raises(DataError, match="no visits to be judged"):
        underway(of, np.ones(3, dtype=bool))


def test_too_short_a_recording_and_files_of_another_domain_are_refused(tmp_path: Path) -> None:
    path = made_up(tmp_path, weeks=40, households=3)
    with pytest.raises(DataError, match="40 weeks; 48 are needed"):
        recording(CROSS_SELL).evaluate(CROSS_SELL, Question([path]), lambda *_: None)
    with pytest.raises(DataError, match="--test"):
        recording(CROSS_SELL).evaluate(CROSS_SELL, Question([path], test=path), lambda *_: None)


@cache
def on_the_recording() -> dict[str, Any]:
    return recording(CROSS_SELL).evaluate(CROSS_SELL, Question([FOLDER]), lambda *_: None)


@real
def test_on_recorded_visits_the_model_finds_more_than_either_baseline() -> None:
    """Measured: 0.559 against 0.547 of the household's frequency, the lead 2.2 % (0.2 to 4.4)."""
    found = on_the_recording()
    assert found["households"] > 500
    for name in ("hit@1", "hit@3", "ndcg@5"):
        assert found[name] > found[f"household frequency {name}"] > found[f"popularity {name}"]
    assert found["lead in hit@1, low"] > 0
    assert 0.01 < found["relative lead in hit@1"] < 0.1, "a larger lead would be a leak"


@real
def test_before_the_basket_is_known_the_model_is_as_good_as_the_household_frequency_and_better_than_popularity() -> None:
    task = on_the_recording()["tasks"]["before"]
    assert task["lead in hit@1"]["high"] > 0
    assert task["model"]["hit@1"]["mean"] > 1.05 * task["popularity"]["hit@1"]["mean"]
