"""Runs one stream application over the payments in the topic and says how long it took: a process of its own, for `speed`.

Kinds: `full` is the whole fraud stream; `frame` the same application with the features and the model taken out;
`consume` a bare consumer that decodes JSON.
"""

from __future__ import annotations

import gc
import json
import sys
import time
import uuid
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import psutil
from confluent_kafka import Consumer

from apps import loading, stream
from apps.kafka import consumer_config
from apps.labels import LabelReader
from apps.settings import Guarantee, Settings
from domain.contract import Computed
from domain.registry import DOMAINS
from exports.scorer import Scores
from models.at_work import AtWork
from models.decide import Model

FRAUD = DOMAINS["fraud"]


class NoFeatures:
    """The frame's stand-in: a constant row, a constant state."""

    schema = FRAUD.schema
    _row = np.random.default_rng(0).normal(size=len(FRAUD.schema)).round(3).tolist()

    def compute(self, event: Any, state: bytes | None) -> Computed:
        return Computed(self._row, state or bytes(16), False)

    def learn(self, label: Any) -> None:
        """Nothing to learn."""


class NoModel:
    """The frame's stand-in: one score for all, so low that no amount makes it an alert, whose reasons it could not give."""

    schema = FRAUD.schema

    def score(self, row: Any) -> Scores:
        return Scores((-11.5,), (1e-5,))

    def score_batch(self, rows: Any) -> Any:
        return rows[:, :1]

    raw_batch = score_batch


class Clock:
    """Starts at the first message, so that joining the group and compiling count for nothing.

    ``server``: the process that has a share in the work, 0 for none; its CPU counts too.
    """

    def __init__(self, server: int = 0) -> None:
        self.began: tuple[float, float] | None = None
        self.messages = 0
        self._server = psutil.Process(server) if server else None

    def tick(self) -> None:
        self.messages += 1
        if self.began is None:
            self.began = (time.perf_counter(), self._cpu_s())

    def result(self) -> dict[str, float]:
        wall, cpu = self.began or (0.0, 0.0)
        return {"payments": self.messages, "wall_s": time.perf_counter() - wall, "cpu_s": self._cpu_s() - cpu}

    def _cpu_s(self) -> float:
        times = self._server.cpu_times() if self._server else None
        return time.process_time() + (times.user + times.system if times else 0.0)


def run_stream(
    settings: Settings, kind: str, guarantee: Guarantee, count: int, bundle: Path, model_format: str, *, server: int
) -> dict[str, float]:
    """The application over the first ``count`` payments, in a consumer group of its own: how long it took, and what came of them."""
    clock = Clock(server)
    if kind == "frame":
        model = Model("frame", "none", NoModel(), lambda row: np.zeros(len(row)))
        scoring = stream.Scoring(FRAUD, AtWork(model), NoFeatures(), guarantee, lambda *_: None)
    else:
        features = FRAUD.features()
        labels = LabelReader(settings, FRAUD, features.learn)
        model = loading.load(settings, FRAUD, bundle, model_format)
        scoring = stream.Scoring(FRAUD, AtWork(model), features, guarantee, labels.advance)

    def process(*message: Any) -> list[stream.Outgoing]:
        clock.tick()
        if clock.messages == count:
            app.stop()
        return scoring.process(*message)

    gc.freeze()  # as `apps.scorer` does
    app = stream.application(settings, FRAUD, guarantee, f"bench-{uuid.uuid4().hex[:8]}", group=f"bench-{uuid.uuid4().hex[:8]}")
    stream.wire(app, FRAUD, process)
    app.run()
    return {**clock.result(), **asdict(scoring.counts)}


def run_consumer(settings: Settings, count: int) -> dict[str, float]:
    """A consumer that decodes each payment and does nothing with it."""
    clock = Clock()
    consumer = Consumer(consumer_config(settings, f"bench-{uuid.uuid4().hex[:8]}"))
    consumer.subscribe([FRAUD.events_topic])
    while (left := count - clock.messages) > 0:
        most = min(1000, left) if clock.began else 1  # so that the clock starts before the first batch, and the last is not waited for
        for message in consumer.consume(most, timeout=1.0):
            clock.tick()
            orjson.loads(message.value())
    consumer.close()
    return clock.result()


def main() -> None:
    """``counting KIND GUARANTEE COUNT BUNDLE FORMAT SERVER``; prints one line of JSON."""
    kind, guarantee, count, bundle, model_format, server = sys.argv[1:]
    settings = Settings()
    if kind == "consume":
        found = run_consumer(settings, int(count))
    else:
        promised: Guarantee = "exactly-once" if guarantee == "exactly-once" else "at-least-once"
        found = run_stream(settings, kind, promised, int(count), Path(bundle), model_format, server=int(server))
    print(json.dumps(found))


if __name__ == "__main__":
    main()
