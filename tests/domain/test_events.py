"""Malformed messages are told apart by reason, and the reason names the field."""

from __future__ import annotations

import json
import math
from datetime import timedelta
from typing import Any

import pytest

from domain.contract import MalformedEvent
from domain.fraud.events import parse_label, parse_payment, targets, verdicts

PAYMENT = {
    "transaction_id": "t1", "event_time": "2026-03-01T12:00:00Z", "customer_id": "c", "terminal_id": "x",
    "amount": 25.5, "merchant_category": "fuel",
}  # fmt: skip
LABEL = {
    "transaction_id": "t1", "event_time": "2026-03-08T12:00:00Z", "payment_time": "2026-03-01T12:00:00Z",
    "customer_id": "c", "terminal_id": "x", "verdict": "chargeback",
}  # fmt: skip
WRONG: list[tuple[dict[str, Any], str, str]] = [
    ({"amount": "25"}, "wrong-type", "amount"),
    ({"amount": None}, "wrong-type", "amount"),
    ({"amount": True}, "wrong-type", "amount"),
    ({"amount": -1}, "out-of-range", "amount"),
    ({"amount": 1e12}, "out-of-range", "amount"),
    ({"event_time": "yesterday"}, "wrong-type", "event_time"),
    ({"event_time": "2026-03-01T12:00:00"}, "out-of-range", "event_time"),
    ({"event_time": "1900-01-01T00:00:00Z"}, "out-of-range", "event_time"),
    ({"event_time": "2999-01-01T00:00:00Z"}, "out-of-range", "event_time"),
    ({"customer_id": ""}, "out-of-range", "customer_id"),
    ({"customer_id": "a\u0000b"}, "out-of-range", "customer_id"),
    ({"customer_id": "x" * 65}, "out-of-range", "customer_id"),
    ({"terminal_id": 7}, "wrong-type", "terminal_id"),
    ({"merchant_category": 3}, "wrong-type", "merchant_category"),
    ({"card_number": "4111111111111111"}, "unknown-field", "card_number"),
]


@pytest.mark.parametrize(("changes", "code", "field"), WRONG)
def test_a_wrong_field_is_named_with_its_kind(changes: dict[str, Any], code: str, field: str) -> None:
    with pytest.raises(MalformedEvent, match=field) as refused:
        parse_payment(json.dumps({**PAYMENT, **changes}).encode())
    assert refused.value.code == code


@pytest.mark.parametrize("field", [name for name in PAYMENT if name != "merchant_category"])
def test_a_field_that_is_not_there_is_named(field: str) -> None:
    with pytest.raises(MalformedEvent, match=field) as refused:
        parse_payment(json.dumps({k: v for k, v in PAYMENT.items() if k != field}).encode())
    assert refused.value.code == "missing-field"


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "empty"), (b"{", "not-json"), (b"\xff\xfe", "not-json"), (b"[]", "wrong-type"), (b"null", "wrong-type"),
        (json.dumps(PAYMENT).replace("25.5", "NaN").encode(), "not-finite"),
        (json.dumps(PAYMENT).replace("25.5", "Infinity").encode(), "not-finite"),
        (json.dumps(PAYMENT).replace("25.5", "1e999").encode(), "not-finite"),
    ],
)  # fmt: skip
def test_what_is_no_payment_at_all_is_refused(data: bytes, code: str) -> None:
    with pytest.raises(MalformedEvent) as refused:
        parse_payment(data)
    assert refused.value.code == code


def test_a_payment_may_lack_its_category_and_shows_what_a_person_wants_to_see() -> None:
    found = parse_payment(json.dumps({k: v for k, v in PAYMENT.items() if k != "merchant_category"}).encode())
    assert found.merchant_category is None
    assert (found.id, found.key, found.context["amount"]) == ("t1", "c", 25.5)


def test_a_label_is_a_chargeback_or_an_all_clear() -> None:
    assert parse_label(json.dumps(LABEL).encode()).fraud
    assert not parse_label(json.dumps({**LABEL, "verdict": "all-clear"}).encode()).fraud
    with pytest.raises(MalformedEvent, match="verdict"):
        parse_label(json.dumps({**LABEL, "verdict": "maybe"}).encode())


def test_a_label_without_a_source_is_late_and_an_analysts_is_not() -> None:
    assert parse_label(json.dumps(LABEL).encode()).late
    assert not parse_label(json.dumps({**LABEL, "source": "analyst"}).encode()).late
    with pytest.raises(MalformedEvent, match="source"):
        parse_label(json.dumps({**LABEL, "source": "rumour"}).encode())


def test_targets_come_of_late_labels_and_verdicts_of_analysts_alone() -> None:
    payment = parse_payment(json.dumps({**PAYMENT, "transaction_id": LABEL["transaction_id"]}).encode())
    late = parse_label(json.dumps({**LABEL, "verdict": "all-clear"}).encode())
    first = late.model_copy(update={"source": "analyst", "verdict": "chargeback"})
    second = first.model_copy(update={"verdict": "all-clear", "event_time": first.event_time + timedelta(hours=1)})
    assert math.isnan(targets([first])(payment))
    assert math.isnan(verdicts([late])(payment))
    assert (targets([first, late])(payment), verdicts([first, late])(payment)) == (0.0, 1.0)
    assert verdicts([first, second])(payment) == verdicts([second, first])(payment) == 0.0


def test_a_message_that_no_decision_could_carry_is_told_from_all_others() -> None:
    with pytest.raises(MalformedEvent, match=r"131,073 bytes; a payment has 131,072 at most") as found:
        parse_payment(b" " * 131_073)
    assert found.value.code == "too-large"
    assert parse_payment(json.dumps(PAYMENT).encode().ljust(131_072)).amount == 25.5
