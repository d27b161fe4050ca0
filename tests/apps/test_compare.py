"""Champion and challenger on the events that both decided: only those with labels, only the newest days, only the last champion."""

from __future__ import annotations

import io
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console

from apps import compare, registry
from apps.compare import Pair, judged
from apps.errors import InputError
from apps.settings import Settings
from domain.decision import Decision
from domain.fraud.events import Label
from domain.registry import DOMAINS
from models.errors import DataError
from models.gate import Limits
from models.registry import Registry, Standing

FRAUD = DOMAINS["fraud"]
START = datetime(2026, 1, 1, tzinfo=UTC)
QUICK = Limits(resamples=40)


def decision(number: int, raw: float, version: str, day: int) -> Decision:
    return Decision(
        domain="fraud", decision_id=f"t{number}", key=f"c{number % 50}", event_time=START + timedelta(days=day), action="approve",
        alert=False, score=0.0, threshold=0.5, raw=[raw], features=[None] * len(FRAUD.schema), context={"amount": 5.0}, reasons=[],
        model_version=version, format="pmml", source_us=None, broker_us=0, decided_us=0,
    )  # fmt: skip


def label(number: int, fraud: bool) -> Label:
    return Label(
        transaction_id=f"t{number}", event_time=START + timedelta(days=40), payment_time=START, customer_id="c", terminal_id="x",
        verdict="chargeback" if fraud else "all-clear",
    )  # fmt: skip


def world(champion: Any = "v1") -> tuple[list[Pair], list[Label]]:
    """A champion that knows nothing and a challenger that knows much, on twenty days."""
    rng = np.random.default_rng(3)
    pairs, labels = [], []
    for number in range(2_000):
        fraud, day = bool(rng.random() < 0.1), number // 100
        version = champion(day) if callable(champion) else champion
        theirs = rng.normal(2.0 if fraud else -2.0)
        pairs.append(Pair(decision(number, rng.normal(), version, day), decision(number, theirs, "v2", day)))
        labels.append(label(number, fraud))
    return pairs, labels


def test_the_difference_comes_with_an_interval_of_keys() -> None:
    pairs, labels = world()
    verdict = judged(FRAUD, pairs, labels, 14, QUICK)
    headline = verdict.checks[0]
    assert (verdict.champion, verdict.candidate, verdict.rows, verdict.keys) == ("v1", "v2", 1_400, 50)
    assert headline.low is not None
    assert headline.high is not None
    assert 0.4 < headline.low < headline.candidate - headline.champion < headline.high


def test_only_pairs_with_labels_on_the_newest_days_count() -> None:
    pairs, labels = world()
    assert judged(FRAUD, pairs, labels[:1_500], 5, QUICK).rows == 500
    assert judged(FRAUD, pairs, labels[::2], 20, QUICK).rows == 1_000


def test_a_champion_of_before_is_not_compared_with() -> None:
    pairs, labels = world(lambda day: "v0" if day < 15 else "v1")
    verdict = judged(FRAUD, pairs, labels, 20, QUICK)
    assert (verdict.champion, verdict.rows) == ("v1", 500)


def test_without_labels_or_with_answers_of_no_model_there_is_nothing_to_compare() -> None:
    pairs, labels = world()
    with pytest.raises(DataError, match="0 labelled events that both decided are too few"):
        judged(FRAUD, pairs, [], 14, QUICK)
    mute = [Pair(p.ours, p.theirs.model_copy(update={"raw": []})) for p in pairs]
    with pytest.raises(DataError, match="too few"):
        judged(FRAUD, mute, labels, 14, QUICK)


def test_the_command_reads_who_challenges_and_joins_both_sides_by_the_event(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    pairs, labels = world()
    others = [p.theirs.model_copy(update={"model_version": "v9", "raw": [0.0]}) for p in pairs]
    held = {
        FRAUD.shadow_topic: [*others, *(p.theirs for p in pairs), *(p.theirs.model_copy(update={"raw": [9.0]}) for p in pairs)],
        FRAUD.decisions_topic: [p.ours for p in pairs] * 2,
        FRAUD.labels_topic: labels,
    }
    known = Registry("fraud")
    known.standing = Standing(domain="fraud", champion="v1", challengers=("v2",), at_us=1, by="ann", why="a try")
    monkeypatch.setattr(compare, "values", lambda settings, topic, parse: iter(held[topic]))
    monkeypatch.setattr(registry, "read", lambda settings, domain: known)
    console = Console(file=(out := io.StringIO()), width=200)
    found = compare.command(Settings(home=tmp_path), FRAUD, None, 14, console)
    wanted = judged(FRAUD, pairs, labels, 14, Limits())
    assert (found.champion, found.candidate, found.rows) == ("v1", "v2", 1_400)
    assert found.checks[0] == wanted.checks[0], "the first decision of either counts"
    assert "1,400 labelled events of 50 customers, which both decided" in out.getvalue()
    known.standing = None
    with pytest.raises(InputError, match="nothing challenges the champion of fraud"):
        compare.command(Settings(home=tmp_path), FRAUD, None, 14, console)


def test_one_wild_clock_does_not_leave_the_events_of_all_others_out() -> None:
    pairs, labels = world()
    later = {"event_time": START + timedelta(days=900), "model_version": "v0"}
    wild = Pair(pairs[0].ours.model_copy(update=later), pairs[0].theirs.model_copy(update=later))
    verdict = judged(FRAUD, [*pairs[1:], wild], labels, 14, QUICK)
    assert (verdict.champion, verdict.rows) == ("v1", 1_400)
