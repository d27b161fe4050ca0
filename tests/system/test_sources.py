"""What sends: the simulator at its rate and on from where it stopped, recorded payments with their labels, a clear word for bad files."""

from __future__ import annotations

import time
from pathlib import Path

import orjson
import pytest

from apps.settings import Settings
from apps.simulate import LIVE
from domain.registry import DOMAINS
from tests.system.processes import read_topic, start
from tests.test_readme import handbook_files

pytestmark = [pytest.mark.system, pytest.mark.timeout(300)]
FRAUD = DOMAINS["fraud"]
SMALL = ("--size", "customers=50", "--size", "terminals=80")


def simulate(settings: Settings, *more: str) -> str:
    process = start("simulate", "fraud", "--size", "customers=100", "--size", "terminals=200", *more, settings=settings)
    assert process.popen.wait(120) == 0, process.output()
    return process.output()


def sent(settings: Settings) -> list[str]:
    """The ids of all payments."""
    return [orjson.loads(m.value())["transaction_id"] for m in read_topic(settings, FRAUD.events_topic)]


def test_the_simulator_goes_on_where_it_stopped_leaves_nothing_out_and_sends_nothing_twice_but_its_repeats(
    clean_topics: Settings, tmp_path: Path
) -> None:
    settings = clean_topics.model_copy(update={"home": tmp_path})
    simulate(settings, "--rate", "500", "--for", "3s")
    first = sent(settings)
    assert first
    every = first
    for _ in range(2):
        before = len(every)
        assert "going on" in simulate(settings, "--rate", "500", "--for", "3s")
        every = sent(settings)
        assert len(every) > before
    assert len(every) - len(set(every)) < 0.02 * len(every)
    world = (e.value.id for e in FRAUD.simulate(7, LIVE, customers=100, terminals=200) if e.stream == "events")
    wanted: set[str] = set()
    while not wanted >= set(every):
        wanted.add(next(world))
    assert wanted == set(every), "payments are left out"


def test_live_payments_carry_their_time_of_sending_and_history_does_not(clean_topics: Settings, tmp_path: Path) -> None:
    settings = clean_topics.model_copy(update={"home": tmp_path})
    before = time.time_ns() // 1000
    process = start(
        "simulate", "fraud", "--size", "customers=50", "--size", "terminals=80", "--rate", "100", "--warmup-days", "1", settings=settings
    )
    give_up = time.monotonic() + 90

    def live() -> list[int]:
        heads = [dict(m.headers() or ()) for m in read_topic(settings, FRAUD.events_topic)]
        return [int(h["source-us"]) for h in heads if "source-us" in h]

    while not live() and time.monotonic() < give_up:
        time.sleep(0.5)  # until the history is sent, and nobody was found to score it
    assert process.stop() == 0
    stamps = live()
    assert stamps
    assert len(stamps) < len(read_topic(settings, FRAUD.events_topic)), "there is no history"
    assert all(before < stamp <= time.time_ns() // 1000 for stamp in stamps)


def test_recorded_payments_are_sent_with_labels_seven_days_late(clean_topics: Settings, tmp_path: Path) -> None:
    settings = clean_topics.model_copy(update={"home": tmp_path})
    handbook_files(tmp_path)
    process = start("replay", "fraud", "--data", str(tmp_path / "2018-04.parquet"), "--limit", "15000", settings=settings)
    assert process.popen.wait(120) == 0, process.output()
    payments = {v["transaction_id"]: v for v in (orjson.loads(m.value()) for m in read_topic(settings, FRAUD.events_topic))}
    labels = [orjson.loads(m.value()) for m in read_topic(settings, FRAUD.labels_topic)]
    assert len(payments) == 15_000
    newest = max(v["event_time"] for v in payments.values())
    assert labels
    assert all(label["transaction_id"] in payments and label["event_time"] <= newest for label in labels)
    assert all(label["event_time"][8:10] != label["payment_time"][8:10] for label in labels)


@pytest.mark.parametrize("content", [None, b"no parquet"])
def test_a_file_that_cannot_be_replayed_is_named_in_one_line(content: bytes | None, broker: Settings, tmp_path: Path) -> None:
    file = tmp_path / "payments.parquet"
    if content is not None:
        file.write_bytes(content)
    process = start("replay", "fraud", "--data", str(file), settings=broker.model_copy(update={"home": tmp_path}))
    assert process.popen.wait(60) == 1
    assert "payments.parquet" in process.output()
    assert "Traceback" not in process.output()
