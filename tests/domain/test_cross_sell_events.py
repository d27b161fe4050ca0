"""Events of a visit are told apart by their type; what is malformed is refused by reason, and the reason names the field."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import numpy as np
import pytest

from domain.contract import MalformedEvent
from domain.cross_sell.events import Checkout, Ping, Purchase, parse_event, parse_label, parse_profile, targets
from domain.cross_sell.groups import GROUPS
from tests.domain.shopping import START, label

PING = {
    "type": "ping", "ping_id": "p1", "event_time": "2026-03-01T12:00:00Z", "shopper_id": "s", "store_id": "a", "zone": "dairy",
    "dwell_seconds": 3.5,
}  # fmt: skip
LINE = {
    "type": "purchase", "purchase_id": "l1", "event_time": "2026-03-01T12:00:00Z", "shopper_id": "s", "store_id": "a", "group": "dairy",
    "amount": 2.5,
}  # fmt: skip
PAID = {"type": "checkout", "checkout_id": "c1", "event_time": "2026-03-01T12:00:00Z", "shopper_id": "s", "store_id": "a"}
PROFILE = {"shopper_id": "s", "event_time": "2026-03-01T12:00:00Z", "tier": "gold", "segment": "family", "opt_out": False}
LABEL = {
    "ping_id": "p1", "event_time": "2026-03-08T12:00:00Z", "shopper_id": "s", "ping_time": "2026-03-01T12:00:00Z",
    "visit_start": "2026-03-01T11:50:00Z", "visit_end": "2026-03-01T12:20:00Z",
    "bought": [{"group": "dairy", "at": "2026-03-01T12:10:00Z"}],
}  # fmt: skip
WRONG: list[tuple[dict[str, Any], dict[str, Any], str, str]] = [
    (PING, {"dwell_seconds": "3"}, "wrong-type", "dwell_seconds"),
    (PING, {"dwell_seconds": -1.0}, "out-of-range", "dwell_seconds"),
    (PING, {"dwell_seconds": 1e9}, "out-of-range", "dwell_seconds"),
    (PING, {"zone": 3}, "wrong-type", "zone"),
    (PING, {"zone": "x" * 65}, "out-of-range", "zone"),
    (PING, {"shopper_id": ""}, "out-of-range", "shopper_id"),
    (PING, {"event_time": "yesterday"}, "wrong-type", "event_time"),
    (PING, {"event_time": "2026-03-01T12:00:00"}, "out-of-range", "event_time"),
    (PING, {"amount": 2.5}, "unknown-field", "amount"),
    (PING, {"type": "rumour"}, "out-of-range", "rumour"),
    (LINE, {"amount": "2.5"}, "wrong-type", "amount"),
    (LINE, {"amount": -1.0}, "out-of-range", "amount"),
    (LINE, {"amount": 1e12}, "out-of-range", "amount"),
    (LINE, {"zone": "dairy"}, "unknown-field", "zone"),
    (PAID, {"amount": 2.5}, "unknown-field", "amount"),
]


@pytest.mark.parametrize(("whole", "changes", "code", "field"), WRONG)
def test_a_wrong_field_is_named_with_its_kind(whole: dict[str, Any], changes: dict[str, Any], code: str, field: str) -> None:
    with pytest.raises(MalformedEvent, match=field) as refused:
        parse_event(json.dumps({**whole, **changes}).encode())
    assert refused.value.code == code


@pytest.mark.parametrize(("whole", "field"), [(w, f) for w in (PING, LINE, PAID) for f in w if f not in ("zone", "dwell_seconds", "group")])
def test_a_field_that_is_not_there_is_named(whole: dict[str, Any], field: str) -> None:
    with pytest.raises(MalformedEvent, match=field) as refused:
        parse_event(json.dumps({k: v for k, v in whole.items() if k != field}).encode())
    assert refused.value.code == "missing-field"


@pytest.mark.parametrize(
    ("data", "code"),
    [(b"", "empty"), (b"{", "not-json"), (b"\xff\xfe", "not-json"), (b"[]", "wrong-type"), (b"null", "wrong-type"),
     (json.dumps(LINE).replace("2.5", "NaN").encode(), "not-finite"), (json.dumps(LINE).replace("2.5", "1e999").encode(), "not-finite")],
)  # fmt: skip
def test_what_is_no_event_at_all_is_refused(data: bytes, code: str) -> None:
    with pytest.raises(MalformedEvent) as refused:
        parse_event(data)
    assert refused.value.code == code


def test_the_type_tells_the_events_apart_and_only_a_sighting_asks_for_a_decision() -> None:
    found = [parse_event(json.dumps(whole).encode()) for whole in (PING, LINE, PAID)]
    assert [type(e) for e in found] == [Ping, Purchase, Checkout]
    assert [e.decides for e in found] == [True, False, False]
    assert [(e.id, e.key) for e in found] == [("p1", "s"), ("l1", "s"), ("c1", "s")]
    assert not parse_profile(json.dumps(PROFILE).encode()).decides


def test_an_event_comes_back_from_what_it_is_written_as() -> None:
    for whole in (PING, LINE, PAID):
        event = parse_event(json.dumps(whole).encode())
        assert parse_event(event.model_dump_json().encode()) == event
    known = parse_label(json.dumps(LABEL).encode())
    assert parse_label(known.model_dump_json().encode()) == known


def test_a_profile_and_a_label_are_checked_as_strictly() -> None:
    for changes, field in (({"opt_out": "no"}, "opt_out"), ({"tier": 3}, "tier"), ({"card": "1"}, "card")):
        with pytest.raises(MalformedEvent, match=field):
            parse_profile(json.dumps({**PROFILE, **changes}).encode())
    many = [{"group": "dairy", "at": "2026-03-01T12:10:00Z"}] * (len(GROUPS) + 1)
    for bought in ([{"group": "fuel", "at": "2026-03-01T12:10:00Z"}], [{"group": "dairy"}], many):
        with pytest.raises(MalformedEvent, match="bought"):
            parse_label(json.dumps({**LABEL, "bought": bought}).encode())


def test_the_target_is_the_group_bought_next_and_not_yet_in_the_basket() -> None:
    start, end, minute = START, START + timedelta(minutes=30), timedelta(minutes=1)
    bought = [("fruit", start + minute), ("meat", start + 9 * minute), ("deli", start + 5 * minute), ("care", end + timedelta(days=2))]
    labels = [label(f"p{m}", start + m * minute, start, end, bought) for m in (0, 1, 2, 6, 10, 31)]
    target = targets([*labels, labels[0], label("none", end, start, end, bought[:3])])

    def of(name: str) -> str | None:
        code = target(Ping.model_construct(ping_id=name))
        return None if np.isnan(code) else GROUPS[int(code)]

    assert [of(f"p{m}") for m in (0, 1, 2, 6, 10, 31)] == ["fruit", "fruit", "deli", "meat", "care", "care"]
    assert [of("none"), of("nobody")] == [None, None]
