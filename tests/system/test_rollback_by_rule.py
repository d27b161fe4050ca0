"""A promotion that the gate liked and the labels do not: on a real Kafka it is noticed, taken back, told, and no longer decided by."""

from __future__ import annotations

from collections import Counter
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from threading import Event
from typing import Any

import numpy as np
import orjson
import pytest

from apps.loop import GATE
from apps.replay import Replay
from apps.settings import Settings
from domain.contract import Emission
from domain.fraud.events import Label
from domain.fraud.simulator import PERFECT
from domain.learning import Window
from domain.registry import DOMAINS
from models.registry import Cause
from models.train import train
from tests.domain.worlds import START
from tests.system.incarnations import now_us
from tests.system.processes import read_topic, until
from tests.system.test_loop import beginning
from tests.system.test_nothing_lost_by_domain import own
from tests.system.versions import copied, known, move, promote, register, told

pytestmark = [pytest.mark.system, pytest.mark.timeout(400)]
FRAUD = DOMAINS["fraud"]
LEARNED, DAYS = 28, 14  # days that the worse model learns from, and that are decided
SIZE = {"customers": 1200, "terminals": 2400}  # of a world with some twenty frauds a day once crime has come to it: no day is luck


def shuffled(history: list[Emission]) -> list[Emission]:
    """The same payments with each other's verdicts: there is nothing to learn."""
    labels = [e for e in history if e.stream == "labels"]
    verdicts = np.random.default_rng(1).permutation([e.value.verdict for e in labels])
    drawn = iter(verdicts.tolist())
    return [e._replace(value=e.value.model_copy(update={"verdict": next(drawn)})) if isinstance(e.value, Label) else e for e in history]


def decisions(settings: Settings) -> list[dict[str, Any]]:
    return [orjson.loads(m.value()) for m in read_topic(settings, FRAUD.decisions_topic)]


def test_a_promoted_model_that_does_worse_on_live_labels_is_rolled_back(clean_topics: Settings, bundle: Path, tmp_path: Path) -> None:
    settings = own(clean_topics, tmp_path)
    history = list(FRAUD.simulate(8, START, days=LEARNED, customers=600, terminals=1200, imperfections=PERFECT))
    worse = train(FRAUD, shuffled(history), "shuffled", tmp_path / "worse", window=Window(train=7, delay=7, test=3))
    good, bad = register(settings, copied(settings, bundle)), register(settings, copied(settings, worse))
    promote(settings, good)
    move(settings, lambda found: found.promote(bad, Cause(now_us(), GATE, "it looked better")))
    begins = START + timedelta(days=LEARNED)
    whole = FRAUD.simulate(9, START, days=LEARNED + DAYS, imperfections=PERFECT, **SIZE)
    live = [e for e in whole if e.at >= begins]
    last = START + timedelta(days=LEARNED + DAYS - 2)
    first, rest = ([e for e in live if (e.at < last) is before] for before in (True, False))

    with ExitStack() as stack:
        commands = (("stream", "fraud", "--guarantee", "exactly-once"), ("shadow", "fraud"), ("quality",), ("loop", "fraud"))
        scorer, shadow, quality, loop = (stack.enter_context(beginning(settings, *command)) for command in commands)
        until(lambda: told(settings, "challenged"), loop, running=True)
        until(lambda: good in shadow.output(), shadow, running=True)
        Replay(settings, FRAUD).send(first, pace=None, stop=Event(), progress=lambda *_: None)
        until(lambda: told(settings, "rolled-back"), loop, within=200, running=True)
        until(lambda: good in {e["version"] for e in told(settings, "swapped")}, scorer, running=True)
        Replay(settings, FRAUD).send(rest, pace=None, stop=Event(), progress=lambda *_: None)
        wanted = {e.value.id for e in live if e.stream == "events"}
        until(lambda: {d["decision_id"] for d in decisions(settings)} >= wanted, scorer, within=120, running=True)
        for process in (loop, quality, shadow, scorer):
            assert process.stop() == 0, process.output()

    (back,) = told(settings, "rolled-back")
    assert back["version"] == good
    assert f"where {good} had" in back["text"], "why, in numbers"
    standing = known(settings).standing
    assert standing is not None
    assert (standing.champion, standing.by) == (good, "loop")
    assert known(settings).versions[bad].stage == "archived"
    made = decisions(settings)
    assert max(Counter(d["decision_id"] for d in made).values()) == 1
    by_day = {d["decision_id"]: d["model_version"] for d in made}
    assert {by_day[e.value.id] for e in rest if e.stream == "events"} == {good}
    assert {by_day[e.value.id] for e in first[:100] if e.stream == "events"} == {bad}
