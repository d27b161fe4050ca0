"""Logs: JSON where a program reads, lines where people do, and no card number in either."""

from __future__ import annotations

import io
import json
import logging
import time
from collections.abc import Iterator

import pytest
from confluent_kafka import KafkaException, Producer
from confluent_kafka.admin import AdminClient

from apps import logs
from apps.kafka import client_config, producer_config
from apps.settings import Settings

CARD = "4111111111111111"


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:], root.level = handlers, level


def test_elsewhere_than_on_a_terminal_an_event_is_a_json_object_with_its_fields() -> None:
    logs.configure(out := io.StringIO())
    logs.logger("apps.here").warning("model refused", domain="fraud", offset=7)
    logging.getLogger("library").error("of %s", "theirs")
    ours, theirs = map(json.loads, out.getvalue().splitlines())
    assert ours.pop("timestamp").endswith("Z")
    assert ours == {"event": "model refused", "level": "warning", "logger": "apps.here", "domain": "fraud", "offset": 7}
    assert (theirs["event"], theirs["level"], theirs["logger"]) == ("of theirs", "error", "library")


def test_what_kafkas_client_warns_of_is_such_an_object_and_stands_nowhere_else(capfd: pytest.CaptureFixture[str]) -> None:
    nobody = Settings(kafka_bootstrap_servers="127.0.0.1:1")
    logs.configure(out := io.StringIO())
    producer, give_up = Producer(producer_config(nobody)), time.monotonic() + 20
    while not out.getvalue() and time.monotonic() < give_up:
        producer.poll(0.1)
    with pytest.raises(KafkaException):
        AdminClient(client_config(nobody)).list_topics(timeout=1)
    said = json.loads(out.getvalue().splitlines()[0])
    assert (said["logger"], said["level"]) == ("librdkafka", "error")
    assert "127.0.0.1:1" in said["event"]
    assert capfd.readouterr().err == ""


def test_on_a_terminal_it_is_a_line_for_people() -> None:
    logs.configure(out := Terminal())
    logs.logger("apps.here").warning("model refused", domain="fraud")
    (line,) = out.getvalue().splitlines()
    assert "model refused" in line
    assert "fraud" in line
    assert not line.startswith("{")


@pytest.mark.parametrize("out", [io.StringIO, Terminal])
def test_a_card_number_is_masked_in_the_event_its_fields_and_its_trace(out: type[io.StringIO]) -> None:
    logs.configure(stream := out())
    try:
        raise ValueError(f"no such card: {CARD}")
    except ValueError:
        logs.logger("apps.here").exception(f"with {CARD}", key=CARD)
    said = stream.getvalue()
    assert CARD not in said
    assert said.count("411111******1111") >= 3


def test_what_is_below_the_level_is_not_said() -> None:
    logs.configure(out := io.StringIO())
    logs.logger("apps.here").debug("a detail")
    assert not out.getvalue()
