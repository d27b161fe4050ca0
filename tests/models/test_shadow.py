"""A challenger in the champion's place, in every domain: the same model decides the same, memory and all; and the contest of the two."""

from __future__ import annotations

import random
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest

from domain.decision import Decision
from exports.scorer import Scores
from models.contest import Contest
from models.decide import Model
from models.shadow import Shadow
from tests.domain.worlds import ALL, Guess, decisions, labels, outputs

NOW = datetime(2030, 1, 1, tzinfo=UTC)
EVENTS = 3_000
domains = pytest.mark.parametrize("name", list(ALL))


class Doubter(Guess):
    """Another model: it draws by lot from other rows."""

    def score(self, row: Any) -> Scores:
        return super().score([1.0, *row])


def model(name: str, version: str, scorer: type[Guess] = Guess) -> Model:
    domain = ALL[name]
    return Model(version, "native", scorer(domain), lambda row: np.zeros((outputs(domain)[1], len(domain.schema))))


def beside(name: str, version: str, scorer: type[Guess] = Guess) -> list[Decision]:
    shadow = Shadow(ALL[name], model(name, version, scorer))
    found = (shadow.decide(made, 5) for made in decisions(name)[:EVENTS])
    return [Decision.model_validate(fields) for fields in found if fields is not None]


@domains
def test_the_champions_own_model_would_have_done_what_the_champion_did(name: str) -> None:
    made, theirs = {d.id: d for d in decisions(name)[:EVENTS]}, beside(name, "v2")
    assert len(theirs) == len(decisions(name)[:EVENTS])
    for decision in theirs:
        ours = made[decision.id]
        assert (decision.action, decision.score, decision.threshold, decision.alert) == (
            ours.action, ours.score, ours.threshold, ours.alert,
        )  # fmt: skip
        assert (decision.model_version, decision.source_us, decision.decided_us) == ("v2", None, 5)
        assert decision.context == ours.context


def test_a_decision_with_other_features_than_this_codes_is_passed_over() -> None:
    shadow, made = Shadow(ALL["toy"], model("toy", "v2")), decisions("toy")[0]
    assert shadow.decide(made.model_copy(update={"features": [*made.features, 1.0]}), 5) is None
    assert shadow.decide(made, 5) is not None


def test_a_challengers_decision_names_no_order_that_only_the_champion_opened() -> None:
    made = next(d for d in decisions("maintenance") if d.action == "order")
    shadow = Shadow(ALL["maintenance"], model("maintenance", "v2"))
    shadow.model.scorer.score = lambda row: Scores((120.0, 120.0), (120.0, 120.0))  # type: ignore[method-assign]  # it sees no wear
    found = shadow.decide(made, 5)
    assert found is not None
    assert (found["action"], found["context"]["order"], found["context"]["ordered_at"]) == ("wait", None, None)
    assert found["context"]["cycle"] == made.context["cycle"]


def test_what_the_challenger_decided_for_real_it_does_not_decide_again() -> None:
    assert beside("fraud", "v1") == []


def test_a_challenger_is_judged_by_the_terms_that_the_champions_decision_names_and_not_by_those_this_code_does_not_know() -> None:
    shadow, made = Shadow(ALL["toy"], model("toy", "v2")), decisions("toy")[0]
    asked = ({}, {"risk": 0.0}, {"mood": 1.0}, {"risk": 1.0}, {})
    found = [shadow.decide(made.model_copy(update={"terms": terms}), 5) for terms in asked]
    assert [fields and (fields["threshold"], fields["terms"]) for fields in found] == [
        (0.5, {}), (0.0, {"risk": 0.0}), None, (1.0, {"risk": 1.0}), (0.5, {}),
    ]  # fmt: skip


def balance(name: str, order: list[tuple[str, Any]]) -> list[dict[str, Any]]:
    contest = Contest(ALL[name])
    for kind, value in order:
        {"made": contest.decided, "shadow": contest.shadowed, "label": contest.learned}[kind](value)
    return list(contest.balance(NOW))


@domains
def test_a_contest_does_not_hang_on_the_order_and_counts_each_event_once(name: str) -> None:
    theirs = beside(name, "v2", Doubter)
    told = [("made", d) for d in decisions(name)[:EVENTS]] + [("shadow", d) for d in theirs] + [("label", x) for x in labels(name)]
    (found,) = balance(name, told)
    assert found["both"] == len({d.id for d in theirs})
    assert 0 < found["agreed"] < found["both"]
    assert sum(found["actions"].values()) == found["both"]
    assert found["champion_sums"] != found["challenger_sums"]
    shuffled = told + random.Random(3).sample(told, len(told) // 3)
    random.Random(5).shuffle(shuffled)
    (again,) = balance(name, shuffled)
    counts = ("both", "agreed", "actions")
    assert {c: again[c] for c in counts} == {c: found[c] for c in counts}
    assert again["mean_difference"] == pytest.approx(found["mean_difference"])
    if name == "fraud":  # the others' ledgers tell time by what they hear
        for side in ("champion_sums", "challenger_sums"):
            assert again[side] == pytest.approx(found[side])


def test_what_labels_alone_come_to_is_counted_from_the_pairs_beginning_on() -> None:
    contest, ends = Contest(ALL["maintenance"]), [x for x in labels("maintenance") if x.kind == "failure"]
    for label in ends[:-1]:
        contest.learned(label)
    for made, theirs in zip(decisions("maintenance")[:50], beside("maintenance", "v2")[:50], strict=True):
        contest.decided(made)
        contest.shadowed(theirs)
    contest.learned(ends[-1])
    (found,) = contest.balance(NOW)
    assert found["champion_sums"]["failures"] == found["challenger_sums"]["failures"] == 1


def test_pairs_are_told_apart_by_both_versions_and_silence_is_no_news() -> None:
    contest = Contest(ALL["fraud"])
    for made in decisions("fraud")[:100]:
        contest.decided(made)
    for version in ("v2", "v3"):
        for theirs in beside("fraud", version)[:100]:
            contest.shadowed(theirs)
    found = list(contest.balance(NOW))
    assert [(f["champion"], f["challenger"], f["both"], f["agreed"]) for f in found] == [("v1", "v2", 100, 100), ("v1", "v3", 100, 100)]
    assert list(contest.balance(NOW)) == []
