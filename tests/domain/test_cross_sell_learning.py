"""Rankings are judged by hand-counted cases, over the groups that are not in the basket."""

from __future__ import annotations

import math

import numpy as np
import pytest

from domain.cross_sell.features import SCHEMA
from domain.cross_sell.groups import COUNT, GROUPS
from domain.cross_sell.learning import LEARNING, baselines, favourite, judge
from domain.cross_sell.ranking import per_row
from domain.learning import Matrix, Rows


def rows(*bought: str, basket: str | None = None, often: str | None = None) -> Rows:
    """A row for each group bought next; all with the same basket and habit."""
    x = np.full((len(bought), len(SCHEMA)), np.nan)
    x[:, [SCHEMA.names.index(f"{g}_baskets_12w") for g in GROUPS]] = 0.0
    if basket:
        x[:, SCHEMA.names.index(f"{basket}_baskets_since")] = 0.0
    if often:
        x[:, SCHEMA.names.index(f"{often}_baskets_12w")] = 5.0
    y = np.array([float(GROUPS.index(g)) for g in bought])
    return Rows(x, y, np.array(["s"] * len(y)), np.zeros(len(y), dtype=np.int64))


def scores(**of: float) -> Matrix:
    return np.array([[of.get(g, 0.0) for g in GROUPS]])


@pytest.mark.parametrize(
    ("place", "hit1", "hit3", "ndcg"),
    [(0, 1, 1, 1.0), (1, 0, 1, 1 / math.log2(3)), (2, 0, 1, 0.5), (4, 0, 0, 1 / math.log2(6)), (5, 0, 0, 0)],
)
def test_one_group_bought_counts_by_its_place(place: int, hit1: float, hit3: float, ndcg: float) -> None:
    relevant = np.zeros((1, COUNT), dtype=bool)
    relevant[0, place] = True
    found = per_row(relevant, -np.arange(COUNT, dtype=float)[None], np.ones((1, COUNT), dtype=bool))
    assert [found[k][0] for k in ("hit@1", "hit@3", "ndcg@5")] == pytest.approx([hit1, hit3, ndcg])


def test_of_several_groups_bought_any_is_a_hit_and_ndcg_wants_them_all() -> None:
    relevant = np.zeros((1, COUNT), dtype=bool)
    relevant[0, [0, 2]] = True
    found = per_row(relevant, -np.arange(COUNT, dtype=float)[None], np.ones((1, COUNT), dtype=bool))
    assert (found["hit@1"][0], found["hit@3"][0]) == (1, 1)
    assert found["ndcg@5"][0] == pytest.approx((1 + 0.5) / (1 + 1 / math.log2(3)))


def test_what_is_in_the_basket_is_skipped() -> None:
    likely = scores(dairy=0.6, meat=0.4)
    assert judge(rows("meat"), likely)["hit@1"] == 0
    assert judge(rows("meat", basket="dairy"), likely)["hit@1"] == 1


def test_the_log_loss_is_of_the_group_that_was_bought_and_stays_finite() -> None:
    assert judge(rows("meat"), scores(dairy=0.6, meat=0.4))["log_loss"] == pytest.approx(-math.log(0.4))
    assert math.isfinite(judge(rows("care"), scores(dairy=1.0))["log_loss"])


def test_baselines_say_what_sells_best_and_what_the_household_bought_most() -> None:
    train, test = rows("dairy", "dairy", "meat"), rows("care", "dairy", often="care")
    found = baselines(train, test)
    assert (found["popularity"]["hit@1"], found["household favourite"]["hit@1"]) == (0.5, 0.5)
    assert found["household favourite"]["hit@3"] == 1.0
    assert np.allclose(favourite(test.x, np.full(COUNT, 1 / COUNT)).sum(axis=1), 1)


def test_the_headline_is_among_what_is_judged_and_shown() -> None:
    judged = judge(rows("meat"), scores(meat=1.0))
    assert LEARNING.headline in judged
    assert set(LEARNING.shown) == set(judged)
