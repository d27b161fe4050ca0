"""The sink, from messages in memory to a real SQLite and a real PostgreSQL."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pytest
from sqlalchemy import Engine, text

from apps import sink as sinks
from apps.database import drop_tables, open_database
from apps.errors import BrokerError, DatabaseError
from apps.partitions import Extent, Partition
from apps.records import readers
from apps.sink import LOOK_EVERY, Sink
from apps.sla import Seen, Windows
from apps.tables import LABELS_KEPT, SlaWindow
from apps.topics import dead_letter_headers
from domain.registry import DOMAINS
from tests.apps import databases
from tests.apps.logged import fields
from tests.apps.memory_log import MemoryLog, decision

NOT_UTF8 = b"\xff\x00 not json"


class Clock:
    """Seconds that pass when told."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class Bench:
    """A sink on a log in memory and a real database."""

    def __init__(self, url: str, log: MemoryLog) -> None:
        self.url, self.log, self.said, self.clock = url, log, list[str](), Clock()
        self.sink = self.another()

    def another(self, connect: Callable[[], Engine] | None = None) -> Sink:
        return Sink(connect or (lambda: open_database(self.url)), self.log, readers(list(DOMAINS.values())), self.said.append, self.clock)

    def run(self) -> None:
        """Until nothing more comes, twice: the second time after a restart's worth of time."""
        quiet = 0
        while quiet < 2:
            quiet = 0 if self.sink.step() else quiet + 1
            self.clock.now += LOOK_EVERY

    def restart(self) -> None:
        """As after SIGKILL: nothing of the old process is left but the database."""
        self.sink.close()
        self.sink = self.another()

    def content(self) -> dict[str, list[tuple[Any, ...]]]:
        engine = open_database(self.url)
        try:
            return databases.content(engine)
        finally:
            engine.dispose()


@pytest.fixture
def bench(database_url: str) -> Bench:
    return Bench(database_url, filled_log())


@pytest.fixture
def on_sqlite(tmp_path: Path) -> Bench:
    return Bench(f"sqlite:///{tmp_path / 'polyscore.db'}", filled_log())


def window() -> SlaWindow:
    windows = Windows({"fraud": 100.0}, 0)
    windows.add(Seen("fraud", "v1", "pmml", "approve", 10, 1_000, 5_000))
    return windows.close(2_000_000, {"fraud": 3})[0]


def filled_log() -> MemoryLog:
    """Every topic, with everything that can stand on it."""
    log = MemoryLog(batch=17)
    for number in range(200):
        alert = number % 20 == 0
        body = decision(number, alert=alert, action="block" if alert else "approve", reasons=["far from home"] if alert else [])
        log.send("fraud.decisions", body, partition=number % 3, gap=number % 50 == 49)
        if alert:
            log.send("fraud.alerts", body, partition=number % 3)
    log.send("fraud.dead-letters", NOT_UTF8, headers=dead_letter_headers("not-json", "no JSON", "fraud.payments", 2, 77))
    log.send("metrics", orjson.dumps({"kind": "sla-window", **window().model_dump()}))
    since = {"at_us": 5, "by": "train", "why": "the first"}
    model = {"domain": "fraud", "version": "v1", "created": "2026-03-01T00:00:00Z", "manifest": {"a": [1]}, "report": {"auc": 0.91}}
    log.send("models", orjson.dumps({**model, "steps": [{"stage": "candidate", **since}]}))
    log.send("models", orjson.dumps({"domain": "fraud", "champion": "v1", "challengers": ["v2"], **since}))
    told = {
        "kind": "loop-event",
        "domain": "fraud",
        "at_us": 7,
        "what": "promoted",
        "version": "v1",
        "text": "better",
        "details": {"ap": 0.1},
    }
    log.send("metrics", orjson.dumps(told))
    for number in range(12):
        log.send("fraud.labels", label(number), partition=number % 2, gap=(LABELS_KEPT - 2) * (number == 10))
    log.send("fraud.labels", label(20, source="analyst"))
    log.send("fraud.labels", NOT_UTF8)
    return log


def label(number: int, **changes: Any) -> bytes:
    """What became of a payment."""
    told = {"transaction_id": f"t{number}", "event_time": "2026-03-08T12:00:00Z", "payment_time": f"2026-03-01T12:00:{number:02}Z"}
    return orjson.dumps({**told, "customer_id": "c1", "terminal_id": "x1", "verdict": "chargeback", **changes})


def test_everything_on_the_topics_is_in_the_tables(bench: Bench) -> None:
    bench.run()
    found = bench.content()
    sizes = {name: len(rows) for name, rows in found.items()}
    assert sizes == {
        "decision": 200,
        "alert": 10,
        "dead_letter": 1,
        "sla_window": 1,
        "model": 1,
        "standing": 1,
        "loop_event": 1,
        "contest": 0,
        "sink_offset": 11,
        "outcomes": 0,
        "review": 0,
        "quality_window": 0,
        "drift_window": 0,
        "batch": 0,
        "label": 11,
        "resent": 0,
    }
    once = dict.fromkeys(("dead_letter", "sla_window", "model", "standing", "loop_event"), 1)
    assert bench.sink.counts == {"decision": 200, "alert": 10, "label": 12, "ignored": 2, **once}


def test_of_a_partitions_labels_the_newest_take_the_place_of_the_oldest_and_what_nothing_is_learned_from_has_none(bench: Bench) -> None:
    """The eleventh label lies as far behind the first of its partition as places go round, less the analyst's verdict."""
    bench.run()
    kept = {(row[1], row[2]): orjson.loads(row[4])["transaction_id"] for row in bench.content()["label"]}
    assert len(kept) == 11
    assert kept[0, 3] == "t10"
    assert "t6" not in kept.values()
    assert "t20" not in kept.values()


def test_a_dead_letter_keeps_its_bytes_and_its_headers(bench: Bench) -> None:
    bench.run()
    (row,) = bench.content()["dead_letter"]
    assert row[:10] == ("fraud.dead-letters", 0, 0, "fraud", "not-json", "no JSON", NOT_UTF8, "fraud.payments", 2, 77)
    assert row[10] > 0


def test_a_window_comes_back_as_the_monitor_measured_it(bench: Bench) -> None:
    bench.run()
    (row,) = bench.content()["sla_window"]
    assert dict(zip(SlaWindow.model_fields, row, strict=True)) == window().model_dump()


def test_the_same_messages_twice_change_nothing(bench: Bench) -> None:
    bench.run()
    before = bench.content()
    for place, messages in list(bench.log.messages.items()):
        for message in list(messages):
            if place[0] not in (
                "fraud.dead-letters",
                "fraud.labels",
            ):  # a letter's identity is its place on the topic, and a label's in the ring
                bench.log.send(place[0], message.value(), partition=place[1])
    bench.run()
    after = bench.content()
    assert before.pop("sink_offset") != after.pop("sink_offset")
    assert after == before


def test_offsets_lost_and_all_read_again_change_nothing(bench: Bench) -> None:
    bench.run()
    before = bench.content()
    with open_database(bench.url).begin() as connection:
        connection.execute(text("DELETE FROM sink_offset"))
    bench.restart()
    bench.run()
    assert bench.content() == before


def test_a_database_dropped_between_runs_is_rebuilt(bench: Bench) -> None:
    bench.run()
    before = bench.content()
    bench.sink.close()
    databases.drop_everything(bench.url)
    bench.restart()
    bench.run()
    assert bench.content() == before


def test_a_database_dropped_under_a_running_sink_is_rebuilt(bench: Bench) -> None:
    bench.run()
    before = bench.content()
    databases.drop_everything(bench.url)
    again(bench)
    assert bench.content() == before


def test_a_rebuild_beside_a_running_sink_loses_nothing(bench: Bench) -> None:
    bench.run()
    before = bench.content()
    drop_tables(bench.url)
    again(bench)
    assert bench.content() == before


def test_a_rebuild_just_before_a_batch_is_noticed_by_the_batch(bench: Bench) -> None:
    bench.run()
    before = bench.content()
    drop_tables(bench.url)
    bench.log.send("fraud.decisions", decision(1))  # an old one again
    bench.clock.now -= LOOK_EVERY  # no look comes before it
    assert bench.sink.step() == 0
    bench.run()
    after = bench.content()
    assert before.pop("sink_offset") != after.pop("sink_offset")
    assert after == before


def again(bench: Bench) -> None:
    """Run on as ``sink.run`` does: what the database refuses is tried again."""
    for _ in range(3):
        try:
            bench.run()
        except DatabaseError as error:
            bench.said.append(str(error))


def test_a_sink_killed_between_any_two_batches_loses_nothing_and_repeats_nothing(bench: Bench) -> None:
    whole = Bench(bench.url, bench.log)
    whole.run()
    expected = whole.content()
    databases.drop_everything(bench.url)
    while bench.sink.step():
        bench.restart()
    assert bench.content() == expected


def test_a_sink_killed_within_a_batch_has_written_nothing_of_it(on_sqlite: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    on_sqlite.sink.step()
    before = on_sqlite.content()
    real = sinks.upsert

    class KilledError(BaseException):
        pass

    def die(connection: Any, table: Any, rows: Any) -> None:
        real(connection, table, rows)
        if table.__tablename__ == "decision":
            raise KilledError

    monkeypatch.setattr(sinks, "upsert", die)
    with pytest.raises(KilledError):
        on_sqlite.sink.step()
    monkeypatch.undo()
    assert on_sqlite.content() == before
    on_sqlite.restart()
    on_sqlite.run()
    assert len(on_sqlite.content()["decision"]) == 200


def test_what_a_person_said_of_an_alert_stays(bench: Bench) -> None:
    bench.run()
    with open_database(bench.url).begin() as connection:
        connection.execute(text("UPDATE alert SET status = 'dismissed' WHERE decision_id = 't20'"))
    bench.log.send("fraud.alerts", decision(20, alert=True, action="block", reasons=["again"]))
    bench.run()
    assert {row[1]: (row[7], row[10]) for row in bench.content()["alert"]}["t20"] == (["again"], "dismissed")


BROKEN = {
    "no JSON": NOT_UTF8,
    "nothing": None,
    "empty": b"",
    "a list": b"[1, 2]",
    "a field missing": orjson.dumps({"domain": "fraud"}),
    "another domain": decision(1, domain="weather"),
    "no time zone": decision(1, event_time="2026-03-01T12:00:00"),
    "not finite": decision(1).replace(b'"score":0.25', b'"score":Infinity'),
    "beyond 64 bits": decision(999, source_us=2**63),
    "deep": b"[" * 100_000,
}


CASES = [(topic, name) for topic in ("fraud.decisions", "fraud.alerts") for name in BROKEN]
CASES.remove(("fraud.alerts", "beyond 64 bits"))  # an alert keeps no source time


@pytest.mark.parametrize(("topic", "name"), CASES)
def test_an_unreadable_message_is_shown_and_the_rest_goes_on(bench: Bench, topic: str, name: str, caplog: pytest.LogCaptureFixture) -> None:
    bench.log.send(topic, decision(500, alert=True))
    broken = bench.log.send(topic, BROKEN[name])
    bench.log.send(topic, decision(501, alert=True))
    with caplog.at_level(logging.ERROR):
        bench.run()
    told = [fields(record) for record in caplog.records if record.message == "a message cannot be stored"]
    assert [(t["topic"], t["partition"], t["offset"]) for t in told] == [(topic, 0, broken.at)]
    found = bench.content()
    ids = {row[1] for row in found["decision" if topic == "fraud.decisions" else "alert"]}
    assert {"t500", "t501"} <= ids
    letter = next(row for row in found["dead_letter"] if row[0] == topic)
    assert letter[:5] == (topic, 0, broken.at, "fraud", "unreadable")
    assert (letter[6], letter[7:10]) == (BROKEN[name] or b"", (topic, 0, broken.at))
    assert bench.sink.counts["unreadable"] == 1


def test_a_card_number_is_masked_in_the_log_and_in_the_reason_and_kept_in_the_original(
    on_sqlite: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    body = decision(1, domain="4111111111111111")
    on_sqlite.log.send("fraud.decisions", body)
    with caplog.at_level(logging.ERROR):
        on_sqlite.run()
    (letter,) = [row for row in on_sqlite.content()["dead_letter"] if row[0] == "fraud.decisions"]
    assert "a decision of '411111******1111'" in str([fields(record) for record in caplog.records])
    assert "a decision of '411111******1111'" in letter[5]
    assert letter[6] == body


def test_a_text_that_only_postgresql_refuses_stops_nothing(bench: Bench) -> None:
    bench.log.send("fraud.decisions", decision(600, key="a\x00b"))
    bench.log.send("fraud.decisions", decision(601))
    bench.run()
    found = bench.content()
    kept = {row[1] for row in found["decision"]} & {"t600", "t601"}
    assert kept == ({"t600", "t601"} if bench.url.startswith("sqlite") else {"t601"})


@pytest.mark.parametrize(
    ("topic", "value"),
    [("metrics", b"?"), ("metrics", b"{}"), ("metrics", b'{"kind": "sla-window", "domain": "fraud"}'), ("models", b"{}"), ("models", b"")],
)
def test_an_unreadable_metric_or_model_is_shown_without_a_domain(on_sqlite: Bench, topic: str, value: bytes) -> None:
    on_sqlite.log.send(topic, value)
    on_sqlite.run()
    (letter,) = [row for row in on_sqlite.content()["dead_letter"] if row[0] == topic]
    assert (letter[3], letter[4], letter[6]) == ("", "unreadable", value)


def test_other_metrics_and_a_models_tombstone_are_passed_over(on_sqlite: Bench) -> None:
    on_sqlite.run()
    before = on_sqlite.sink.counts["ignored"]
    on_sqlite.log.send("metrics", b'{"kind": "drift", "psi": 0.1}')
    on_sqlite.log.send("models", None)
    on_sqlite.run()
    assert on_sqlite.sink.counts["ignored"] == before + 2
    assert len(on_sqlite.content()["model"]) == len(on_sqlite.content()["dead_letter"]) == 1


@pytest.mark.parametrize("value", [None, b"", b"\x00", b"x" * 1_000_000])
def test_a_dead_letter_may_be_anything_and_say_nothing(bench: Bench, value: bytes | None) -> None:
    bench.log.send("fraud.dead-letters", value)
    headers = [("code", b"\xff\x00"), ("source-offset", b"-5"), ("failed-us", b"9" * 30), ("reason", None)]
    bench.log.send("fraud.dead-letters", value, headers=headers)
    bench.run()
    _, first, second = bench.content()["dead_letter"]
    assert (first[4], first[6], first[9]) == ("unknown", value or b"", -1)
    assert (second[4], second[6], second[9]) == ("\ufffd\ufffd", value or b"", -1)
    assert first[10] > 0


def test_topics_and_partitions_that_appear_later_are_noticed(on_sqlite: Bench) -> None:
    on_sqlite.log = MemoryLog()
    on_sqlite.restart()
    on_sqlite.run()
    assert on_sqlite.said[-1].startswith("no topics yet")
    on_sqlite.log.send("fraud.decisions", decision(1))
    on_sqlite.clock.now += LOOK_EVERY
    on_sqlite.run()
    on_sqlite.log.send("fraud.decisions", decision(2), partition=5)
    on_sqlite.run()
    assert [row[1] for row in on_sqlite.content()["decision"]] == ["t1", "t2"]


def test_a_topic_made_anew_is_read_from_its_beginning(bench: Bench) -> None:
    bench.run()
    bench.log.make_anew("fraud.decisions")
    for number in range(300, 600):  # its end lies beyond the old offsets: only the id tells
        bench.log.send("fraud.decisions", decision(number), partition=number % 3)
    bench.run()
    assert len(bench.content()["decision"]) == 500
    assert "fraud.decisions, partition 0: the topic was made anew" in " ".join(bench.said)


def test_messages_deleted_before_they_were_read_are_said(on_sqlite: Bench) -> None:
    on_sqlite.run()
    for number in range(700, 720):
        on_sqlite.log.send("fraud.decisions", decision(number))
    on_sqlite.log.cut(("fraud.decisions", 0), on_sqlite.log.ends["fraud.decisions", 0] - 5)
    on_sqlite.restart()
    on_sqlite.run()
    assert "fraud.decisions, partition 0: Kafka has deleted what lay between" in " ".join(on_sqlite.said)
    assert {f"t{n}" for n in range(715, 720)} <= {row[1] for row in on_sqlite.content()["decision"]}


def test_a_partition_that_cannot_be_read_on_is_looked_at_again(on_sqlite: Bench) -> None:
    on_sqlite.run()
    on_sqlite.log.positions = {}
    on_sqlite.log.send("fraud.decisions", decision(800))
    on_sqlite.log.stale = True
    on_sqlite.sink.step()
    assert "t800" in {row[1] for row in on_sqlite.content()["decision"]}


def test_two_sinks_on_one_database_get_in_each_others_way_but_lose_nothing(bench: Bench) -> None:
    expected_log = Bench(bench.url, bench.log)
    expected_log.run()
    expected = expected_log.content()
    databases.drop_everything(bench.url)
    other_log = MemoryLog(batch=23)
    other_log.messages, other_log.ids, other_log.ends = bench.log.messages, bench.log.ids, bench.log.ends
    other = Bench(bench.url, other_log)
    for _ in range(60):
        bench.sink.step()
        other.sink.step()
    assert bench.content() == expected
    assert any("another sink" in said for said in bench.said + other.said)


def test_a_database_that_is_away_is_tried_again_and_nothing_is_lost(bench: Bench) -> None:
    away = True

    def connect() -> Engine:
        if away:
            raise DatabaseError("database x: connection refused")
        return open_database(bench.url)

    bench.sink = bench.another(connect)
    for _ in range(3):
        with pytest.raises(DatabaseError):
            bench.sink.step()
    away = False
    bench.run()
    assert len(bench.content()["decision"]) == 200


def test_a_postgresql_restarted_in_between_is_waited_for(postgres: Any) -> None:
    bench = Bench(databases.postgres_database(postgres), filled_log())
    bench.sink.step()
    postgres.psql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'polyscore';")
    again(bench)
    assert len(bench.content()["decision"]) == 200


def test_a_full_disk_is_said_and_waited_for(on_sqlite: Bench) -> None:
    full = True

    def connect() -> Engine:
        engine = open_database(on_sqlite.url)
        if full:
            with engine.connect() as connection:
                connection.exec_driver_sql(f"PRAGMA max_page_count={connection.exec_driver_sql('PRAGMA page_count').scalar_one()}")
        return engine

    on_sqlite.sink = on_sqlite.another(connect)
    with pytest.raises(DatabaseError, match=r"full; free space there"):
        on_sqlite.run()
    full = False
    on_sqlite.run()
    assert len(on_sqlite.content()["decision"]) == 200


class Stop:
    """Stops after some waits, which take no time."""

    def __init__(self, waits: int) -> None:
        self.waited: list[float] = []
        self.left = waits

    def is_set(self) -> bool:
        return self.left <= 0

    def wait(self, seconds: float) -> None:
        self.waited.append(seconds)
        self.left -= 1


def test_what_is_away_is_said_once_and_asked_for_less_and_less_often(on_sqlite: Bench) -> None:
    def connect() -> Engine:
        raise DatabaseError("database x: connection refused")

    stop: Any = Stop(7)
    sinks._keep_on(on_sqlite.another(connect), stop, on_sqlite.said.append)
    assert stop.waited == [0.5, 1.0, 2.0, 5.0, 10.0, 10.0, 10.0]
    assert on_sqlite.said == ["database x: connection refused (trying again; nothing is lost)"]


def test_brokers_that_do_not_answer_stop_nothing(on_sqlite: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    on_sqlite.run()

    def away() -> dict[Partition, Extent]:
        raise BrokerError("Kafka is away")

    on_sqlite.clock.now += LOOK_EVERY
    monkeypatch.setattr(on_sqlite.log, "look", away)
    stop: Any = Stop(3)
    sinks._keep_on(on_sqlite.sink, stop, on_sqlite.said.append)
    assert on_sqlite.said[-1] == "Kafka is away (trying again; nothing is lost)"
    monkeypatch.undo()
    on_sqlite.log.send("fraud.decisions", decision(900))
    on_sqlite.run()
    assert "t900" in {row[1] for row in on_sqlite.content()["decision"]}


def test_what_is_older_than_the_topics_keep_is_forgotten_and_the_rest_stays(bench: Bench) -> None:
    bench.run()
    before = bench.content()
    times = sorted(row[-1] for row in before["decision"])
    assert times[0] < times[-1], "decided one after the other"
    bench.sink.forget(times[len(times) // 2])
    after = bench.content()
    assert sorted(row[-1] for row in after.pop("decision")) == times[len(times) // 2 :]
    assert after.pop("sla_window") == []
    assert before["sla_window"]
    assert after == {name: rows for name, rows in before.items() if name not in ("decision", "sla_window")}
    bench.run()
    assert bench.content()["decision"], "and the sink goes on"
