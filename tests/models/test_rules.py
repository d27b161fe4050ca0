"""The loop's rules: what brings a training about, what does not, and when a promotion is taken back."""

from __future__ import annotations

from datetime import date

import pytest

from domain.registry import DOMAINS
from models.registry import Standing
from models.rules import Rules, Watch

SECOND = 1_000_000


def standing(champion: str = "v1", *former: str, at_us: int = 0) -> Standing:
    return Standing(domain="fraud", champion=champion, former=former, at_us=at_us, by="test", why="test")


def watch(rules: Rules | None = None, domain: str = "fraud") -> Watch:
    found = Watch(DOMAINS[domain], rules or Rules(labels=1_000, retry_labels=200))
    found.stands(standing())
    return found


def test_new_labels_bring_a_training_about_and_the_count_begins_again_with_it() -> None:
    found = watch()
    assert found.next(0, 999) is None
    step = found.next(0, 1_000)
    assert step is not None
    assert step == ("retrain", "1,000 new labels")
    found.trained(0, 1_000)
    assert found.next(0, 1_999) is None
    assert found.next(0, 2_000) is not None


def test_an_alarm_is_tried_again_with_new_labels_until_a_promotion_answers_it() -> None:
    found = watch()
    found.drifted("v1", 5, "drift: amount moved")
    assert found.next(10, 199) is None, "there is nothing new to learn from"
    assert found.next(10, 200) == ("retrain", "drift: amount moved")
    found.trained(11, 200)
    assert found.next(12, 399) is None
    assert found.next(12, 400) == ("retrain", "drift: amount moved"), "the first training was refused: it had seen little of it"
    found.stands(standing("v2", "v1", at_us=20))
    assert found.next(21, 700) is None
    found.drifted("v1", 5, "drift: amount moved")
    assert found.next(21, 700) is None, "an alarm that is told again is about a model that decides no more"


def test_an_alarm_that_ends_by_itself_or_is_switched_off_brings_nothing_about() -> None:
    found = watch()
    found.drifted("v1", 5, "drift: amount moved")
    found.drifted("v1", 6, "")
    assert found.next(10, 500) is None
    found.drifted("v1", 5, "drift: amount moved")
    assert found.next(10, 500) is None, "it is told again after a restart, and is over all the same"
    deaf = watch(Rules(drift=False))
    deaf.drifted("v1", 5, "drift: amount moved")
    assert deaf.next(10, 10**9) is None


def test_a_schedule_counts_from_the_last_training() -> None:
    found = watch(Rules(every_s=60.0))
    found.trained(100 * SECOND, 0)
    assert found.next(159 * SECOND, 0) is None
    assert found.next(160 * SECOND, 0) == ("retrain", "every 60 s")


def measured(found: Watch, version: str, values: list[float], measure: str = "average_precision") -> None:
    for day, value in enumerate(values, 1):
        found.measured(date(2026, 1, day), version, 500, {measure: value})


def test_a_promoted_model_that_is_worse_for_days_on_end_is_taken_back() -> None:
    found = watch()
    found.stands(standing("v2", "v1"))
    measured(found, "v1", [0.80, 0.80, 0.80])
    measured(found, "v2", [0.60, 0.60])
    assert found.next(0, 0) is None, "two days are too few"
    measured(found, "v2", [0.60, 0.60, 0.60])
    step = found.next(0, 0)
    assert step is not None
    assert step.what == "rollback"
    assert "average precision 0.6000 where v1 had 0.8000, 2026-01-01 to 2026-01-03" in step.why


@pytest.mark.parametrize("values", [[0.60, 0.78, 0.60], [0.79, 0.79, 0.79], [0.9, 0.9, 0.9]])
def test_one_good_day_or_a_small_difference_keeps_it(values: list[float]) -> None:
    found = watch()
    found.stands(standing("v2", "v1"))
    measured(found, "v1", [0.80, 0.80, 0.80])
    measured(found, "v2", values)
    assert found.next(0, 0) is None


def test_where_less_is_better_more_is_worse() -> None:
    found = watch(domain="maintenance")
    found.stands(standing("v2", "v1"))
    measured(found, "v1", [10.0] * 3, "rmse")
    measured(found, "v2", [9.0] * 3, "rmse")
    assert found.next(0, 0) is None
    measured(found, "v2", [12.0] * 3, "rmse")
    assert found.next(0, 0) is not None


def test_days_with_few_labels_say_nothing() -> None:
    found = watch()
    found.stands(standing("v2", "v1"))
    measured(found, "v1", [0.8] * 3)
    for day in (1, 2, 3):
        found.measured(date(2026, 1, day), "v2", 19, {"average_precision": 0.1})
    assert found.next(0, 0) is None


def test_nothing_is_due_where_no_model_decides() -> None:
    assert Watch(DOMAINS["fraud"], Rules(labels=1)).next(0, 100) is None
