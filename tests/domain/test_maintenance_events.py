"""Malformed messages of machines are told apart by reason, and the reason names the field."""

from __future__ import annotations

import json
from typing import Any

import pytest

from domain.contract import MalformedEvent
from domain.maintenance.events import Replacement, Telemetry, parse_event, parse_label

CYCLE: dict[str, Any] = {
    "type": "telemetry", "machine_id": "m1", "event_time": "2026-03-01T12:00:00Z", "cycle": 7,
    "settings": [10.0, 0.25, 100.0], "sensors": [None, *range(20)],
}  # fmt: skip
RECORD = {"type": "replacement", "machine_id": "m1", "event_time": "2026-03-01T12:00:00Z", "cycle": 7}
END: dict[str, Any] = {
    "machine_id": "m1", "event_time": "2026-03-01T12:00:00Z", "installed": 3, "cycle": 7, "kind": "planned", "unused": 40.0,
}  # fmt: skip
WRONG: list[tuple[dict[str, Any], str, str]] = [
    ({"cycle": 0}, "out-of-range", "cycle"),
    ({"cycle": "7"}, "wrong-type", "cycle"),
    ({"cycle": 7.5}, "wrong-type", "cycle"),
    ({"cycle": 10**12}, "out-of-range", "cycle"),
    ({"sensors": [1.0] * 20}, "out-of-range", "sensors"),
    ({"sensors": [1.0] * 22}, "out-of-range", "sensors"),
    ({"sensors": [*[1.0] * 20, "hot"]}, "wrong-type", "sensors.20"),
    ({"sensors": [*[1.0] * 20, 1e12]}, "out-of-range", "sensors.20"),
    ({"sensors": None}, "wrong-type", "sensors"),
    ({"settings": [1.0, 2.0]}, "out-of-range", "settings"),
    ({"event_time": "2026-03-01T12:00:00"}, "out-of-range", "event_time"),
    ({"machine_id": ""}, "out-of-range", "machine_id"),
    ({"operator": "Ann"}, "unknown-field", "operator"),
    ({"type": "weather"}, "out-of-range", "type"),
]


@pytest.mark.parametrize(("changes", "code", "field"), WRONG)
def test_a_wrong_field_is_named_with_its_kind(changes: dict[str, Any], code: str, field: str) -> None:
    with pytest.raises(MalformedEvent, match=field) as refused:
        parse_event(json.dumps({**CYCLE, **changes}).encode())
    assert refused.value.code == code


@pytest.mark.parametrize("field", list(CYCLE))
def test_a_field_that_is_not_there_is_named(field: str) -> None:
    with pytest.raises(MalformedEvent, match=field) as refused:
        parse_event(json.dumps({k: v for k, v in CYCLE.items() if k != field}).encode())
    assert refused.value.code == "missing-field"


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "empty"), (b"{", "not-json"), (b"\xff", "not-json"), (b"[]", "wrong-type"),
        (json.dumps(CYCLE).replace("0.25", "NaN").encode(), "not-finite"),
    ],
)  # fmt: skip
def test_what_is_no_message_at_all_is_refused(data: bytes, code: str) -> None:
    with pytest.raises(MalformedEvent) as refused:
        parse_event(data)
    assert refused.value.code == code


def test_cycles_decide_and_records_do_not_and_sensors_may_drop_out() -> None:
    cycle, record = parse_event(json.dumps(CYCLE).encode()), parse_event(json.dumps(RECORD).encode())
    assert isinstance(cycle, Telemetry)
    assert isinstance(record, Replacement)
    assert (cycle.decides, record.decides) == (True, False)
    assert (cycle.key, cycle.sensors[0], cycle.context["cycle"]) == ("m1", None, 7.0)
    assert cycle.id != record.id


def test_a_message_comes_back_from_its_own_json() -> None:
    for data in (CYCLE, RECORD):
        event = parse_event(json.dumps(data).encode())
        assert parse_event(event.model_dump_json().encode()) == event


def test_a_label_is_a_failure_or_a_planned_replacement() -> None:
    assert parse_label(json.dumps(END).encode()).unused == 40.0
    for changes, field in (({"kind": "theft"}, "kind"), ({"installed": -1}, "installed"), ({"unused": -3.0}, "unused")):
        with pytest.raises(MalformedEvent, match=field):
            parse_label(json.dumps({**END, **changes}).encode())
