"""`python -m tests.bench.handbook FILE...`: the Fraud Detection Handbook's payments through a real broker, and checked.

Every payment must have one decision on the topic and one row in the database, and a sample of the streamed feature rows must
equal the batch's in every bit. Also judges the training recipe on the files, and says what a model could reach at most
that knew everything but the compromised terminals of which no fraud is known yet. Writes ``bench/handbook.json``.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import numpy as np
import orjson
import pyarrow.parquet as pq
from numpy.typing import NDArray
from sqlalchemy import text

from apps import audit, broker, topics
from apps.database import open_database
from apps.settings import Settings
from domain.fraud.learning import judge
from domain.registry import DOMAINS
from models import handbook
from models import handbook_evaluation as evaluation
from models.dataset import Dataset, replay
from models.protocol import evenly, folds
from tests.system.processes import Process, read_topic, start
from ui.picture import chromium, open_page

FRAUD = DOMAINS["fraud"]
SAMPLE = 20_000
_DAY = 86_400.0


def main() -> int:
    """Run all of it; the exit status is 0 if every check holds."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", nargs="+", type=Path, help="parquet files of the handbook, in order of time")
    parser.add_argument("--out", type=Path, default=Path("bench"), help="folder for handbook.json and the dashboard's picture")
    chosen = parser.parse_args()
    chosen.out.mkdir(parents=True, exist_ok=True)
    say("computing the batch's rows")
    batch = replay(FRAUD, handbook.emissions(chosen.files))
    results = {"cores": os.cpu_count(), "python": sys.version.split()[0], "stream": stream(chosen.files, batch, chosen.out)}
    say("judging the recipe")
    report = evaluation.evaluate(FRAUD, handbook.emissions(chosen.files), lambda words: None)
    results |= {"metrics": report["metrics"], "folds": report["folds"], "ceiling": ceiling(batch, chosen.files)}
    (chosen.out / "handbook.json").write_text(json.dumps(results, indent=2) + "\n")
    say(json.dumps({name: results[name] for name in ("stream", "metrics", "ceiling")}, indent=2))
    return 0 if results["stream"]["sound"] else 1


def say(words: str) -> None:
    """Progress goes beside the results."""
    sys.stderr.write(words + "\n")


def stream(files: list[Path], batch: Dataset, out: Path) -> dict[str, Any]:
    """Replay the files through broker, scorer and sink; count and compare what came out."""
    with tempfile.TemporaryDirectory(prefix="polyscore-handbook-") as folder, ExitStack() as stack:
        settings = stack.enter_context(_kafka(Path(folder)))
        data = [word for file in files for word in ("--data", str(file.resolve()))]
        assert _finished(start("train", "fraud", *data, settings=settings)), "the training failed"
        running = [start(*words, settings=settings) for words in (("stream", "fraud", "--format", "pmml"), ("sink",), ("monitor",))]
        for process in running:
            stack.callback(process.stop)
        say("replaying")
        began = time.monotonic()
        assert _finished(start("replay", "fraud", *data, settings=settings)), "the replay failed"
        sent = time.monotonic() - began
        assert audit.wait_until_scored(settings, FRAUD, 1_800), "the scorer did not finish"
        scored = time.monotonic() - began
        found = _compare(settings, batch)
        found |= {"sent_s": sent, "scored_s": scored, "stored_s": _stored(settings, len(batch), began), "rows": _rows(settings)}
        found["dashboard"] = _seen(settings, len(batch), out)
        found["sound"] = (
            found["payments"] == found["decisions"] == found["distinct"] == len(batch)
            and found["rows"] == [len(batch), len(batch)]
            and found["compared"] == found["equal"]
            and found["dashboard"]
        )
        return found


@contextmanager
def _kafka(folder: Path) -> Iterator[Settings]:
    own = Settings(home=folder, database_url=f"sqlite:///{folder / 'polyscore.db'}", kafka_bootstrap_servers="")
    address = broker.start(own, port=broker.free_port(0), say=say, tied=True)
    settings = own.model_copy(update={"kafka_bootstrap_servers": address.bootstrap})
    try:
        topics.create_topics(settings)
        yield settings
    finally:
        broker.stop(own, say=say)


def _finished(process: Process) -> bool:
    if process.popen.wait(3_600):
        say(process.output()[-3_000:])
    return process.popen.returncode == 0


def _compare(settings: Settings, batch: Dataset) -> dict[str, int]:
    """Decisions, distinct ids among them, and how many of the sampled rows are the batch's, bit for bit."""
    place = {name: i for i, name in enumerate(batch.event_id.tolist())}
    sampled = set(np.random.default_rng(0).choice(len(batch), min(SAMPLE, len(batch)), replace=False).tolist())
    decisions, equal, compared, ids = 0, 0, 0, set[str]()
    for message in read_topic(settings, FRAUD.decisions_topic):
        fields = orjson.loads(message.value())
        decisions += 1
        ids.add(fields["decision_id"])
        at = place[fields["decision_id"]]
        if at in sampled:
            compared += 1
            row = np.array([np.nan if value is None else value for value in fields["features"]])
            equal += bool(np.array_equal(row, batch.x[at], equal_nan=True))
    payments = sum(1 for _ in read_topic(settings, FRAUD.events_topic))
    return {"payments": payments, "decisions": decisions, "distinct": len(ids), "compared": compared, "equal": equal}


def _stored(settings: Settings, wanted: int, began: float) -> float:
    """Seconds from the replay's start until the sink had stored so many decisions."""
    while _rows(settings)[0] < wanted and time.monotonic() - began < 3_600:
        time.sleep(2)
    return time.monotonic() - began


def _rows(settings: Settings) -> list[int]:
    with open_database(settings.database_url).connect() as connection:
        row = connection.execute(text("select count(*), count(distinct decision_id) from decision")).one()
    return [int(row[0]), int(row[1])]


def _seen(settings: Settings, wanted: int, out: Path) -> bool:
    """Whether a real browser shows that number as decided; keeps a picture of it."""
    port = broker.free_port(0)
    process = start("ui", "--port", str(port), settings=settings)
    try:
        _answers(f"http://127.0.0.1:{port}/_stcore/health")
        with chromium() as browser:
            page = open_page(browser, f"http://127.0.0.1:{port}/live")
            page.wait_for_timeout(4_000)
            page.screenshot(path=out / "handbook-live.png")
            return page.get_by_text(f"{wanted:,}").count() > 0
    finally:
        process.stop()


def _answers(url: str) -> None:
    for _ in range(120):
        try:
            with urlopen(url, timeout=1):
                return
        except OSError:
            time.sleep(0.5)


def ceiling(batch: Dataset, files: list[Path]) -> dict[str, float]:
    """What the report's metrics would be for a model that is right wherever a label can have said anything.

    A compromised terminal shows nothing until its first fraud is known, seven days later: such payments are ranked among the
    good ones at random. ``TX_FRAUD_SCENARIO`` gives labels away and is read here only, where no model sees it.
    """
    scenario, terminal = _given_away(files, batch)
    hidden = _hidden(scenario, terminal, batch.time)
    chance = np.random.default_rng(0).random(len(batch))
    score = np.where((batch.y == 1) & ~hidden, 1.0, chance * 0.5)
    starts = evenly(batch, evaluation.WINDOW, evaluation.FOLDS, evaluation.WARM_UP_DAYS)
    parts = folds(batch, evaluation.WINDOW, starts, leave_out_found=True)
    found = [judge(batch.chosen(f.test), score[f.test, None]) for f in parts]
    return {name: float(np.mean([metrics[name] for metrics in found])) for name in ("auc", "average_precision", "card_precision_share")}


def _given_away(files: list[Path], batch: Dataset) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    columns = ["TRANSACTION_ID", "TX_FRAUD_SCENARIO", "TERMINAL_ID"]
    tables = [pq.read_table(file, columns=columns).to_pydict() for file in files]
    number, scenario, terminal = (np.concatenate([np.array(t[c], dtype=np.int64) for t in tables]) for c in columns)
    order = np.argsort(number)
    at = order[np.searchsorted(number[order], batch.event_id.astype(np.int64))]
    return scenario[at], terminal[at]


def _hidden(scenario: NDArray[np.int64], terminal: NDArray[np.int64], time_s: NDArray[np.float64]) -> NDArray[np.bool_]:
    """(n,) frauds at a compromised terminal (scenario 2) of which no earlier fraud of that compromise was known."""
    hidden = np.zeros(len(scenario), dtype=bool)
    for one in np.unique(terminal[scenario == 2]):
        at = np.flatnonzero((scenario == 2) & (terminal == one))
        for i in at:
            age = time_s[i] - time_s[at]
            hidden[i] = not ((age >= 7 * _DAY) & (age < 28 * _DAY)).any()
    return hidden


if __name__ == "__main__":
    sys.exit(main())
