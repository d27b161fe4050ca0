"""A table's rows as messages: each cell typed as in the CSV file, each that cannot be told by its column and what is allowed there."""

from __future__ import annotations

import json
import math
from datetime import UTC, datetime
from typing import Any

import pytest

from domain.contract import MalformedEvent
from domain.schema import Feature, FeatureSchema
from domain.table.policy import RowPolicy
from domain.table.rows import Label, RowFeatures, label_parser, row_parser, targets_of, value_reader

SCHEMA = FeatureSchema((
    Feature("Amount [EUR]"),
    Feature("purpose", "categorical", ("car", "flat & home")),
    Feature("rooms", "categorical", ("1", "2.5")),
    Feature("new", "categorical", ("False", "True")),
))  # fmt: skip
NOON = "2026-01-31T12:00:00Z"
PARSE = row_parser(SCHEMA)


def body(**fields: Any) -> bytes:
    return json.dumps({"id": "a", "event_time": NOON, **fields}).encode()


def codes(**cells: Any) -> list[float]:
    """What the model is asked for a row of these cells."""
    computed = RowFeatures(SCHEMA).compute(PARSE(body(**cells)), None)
    assert not computed.repeated
    return computed.row


def refused(data: bytes) -> tuple[str, str]:
    with pytest.raises(MalformedEvent) as caught:
        PARSE(data)
    return caught.value.code, str(caught.value)


def test_cells_are_what_training_took_them_for() -> None:
    assert codes(**{"Amount [EUR]": 0.1, "purpose": "flat & home", "rooms": "2.5", "new": "True"}) == [0.1, 1.0, 1.0, 1.0]
    assert codes(**{"Amount [EUR]": -7, "rooms": 1.0, "new": False})[::2] == [-7.0, 0.0]
    assert codes(rooms=1, new=True)[2:] == [0.0, 1.0], "a number and a truth stand for the labels that are written so"


def test_what_is_left_out_null_or_a_blank_label_is_missing_and_an_unknown_label_is_unseen() -> None:
    assert all(map(math.isnan, codes()))
    assert all(map(math.isnan, codes(**{"Amount [EUR]": None, "purpose": " ", "rooms": None})))
    assert codes(purpose="boat")[1] == -1.0


@pytest.mark.parametrize(
    ("cells", "code", "words"),
    [
        ({"Amount [EUR]": "12"}, "wrong-type", ["'Amount [EUR]' takes a number", "'12'"]),
        ({"Amount [EUR]": True}, "wrong-type", ["'Amount [EUR]' takes a number", "True"]),
        ({"Amount [EUR]": [1]}, "wrong-type", ["'Amount [EUR]'"]),
        ({"Amount [EUR]": math.nan}, "not-finite", ["'Amount [EUR]'"]),
        ({"Amount [EUR]": math.inf}, "not-finite", ["'Amount [EUR]'"]),
        ({"Amount [EUR]": 10**400}, "not-finite", ["'Amount [EUR]'"]),
        ({"purpose": 3}, "wrong-type", ["'purpose' takes a label as text", "3"]),
        ({"purpose": True}, "wrong-type", ["'purpose'"]),
        ({"rooms": True}, "wrong-type", ["'rooms'"]),
        ({"rooms": math.nan}, "not-finite", ["'rooms'"]),
        ({"new": 1}, "wrong-type", ["'new'"]),
        ({"new": {}}, "wrong-type", ["'new'"]),
        ({"repaid": "yes"}, "unknown-field", ["'repaid' is no column", "'purpose'"]),
        ({"key": ""}, "out-of-range", ["key"]),
        ({"event_time": "soon"}, "wrong-type", ["event_time", "such as 2026-01-31T12:00:00Z"]),
        ({"event_time": "2026-01-31T12:00:00"}, "out-of-range", ["event_time", "such as 2026-01-31T12:00:00Z"]),
        ({"id": 7}, "wrong-type", ["id"]),
    ],
)
def test_a_cell_that_cannot_be_used_is_refused_by_its_column(cells: dict[str, Any], code: str, words: list[str]) -> None:
    found, why = refused(body(**cells))
    assert found == code, why
    assert [word for word in words if word not in why] == []


def test_a_row_says_when_it_happened() -> None:
    code, why = refused(b'{"id": "a"}')
    assert (code, "event_time" in why, "such as 2026" in why) == ("missing-field", True, True)


def test_a_row_that_names_no_key_stands_alone_and_is_read_back_as_it_was_sent() -> None:
    row = PARSE(body(purpose="car"))
    assert (row.id, row.key, PARSE(body(key="k")).key) == ("a", "a", "k")
    assert PARSE(row.model_dump_json().encode()) == row
    with pytest.raises(ValueError, match="frozen"):
        row.key = "other"
    assert row.context == {"purpose": "car"}


def label(value: Any, at: str = NOON, of: str = "a", classes: tuple[str, ...] = ("no", "yes")) -> Label:
    return label_parser("repaid", classes)(json.dumps({"id": of, "event_time": at, "value": value}).encode())


def test_a_label_is_one_of_the_classes_or_a_number() -> None:
    assert value_reader("repaid", ("no", "yes"))(label("yes")) == 1.0
    assert value_reader("y", ())(label(2.5, classes=())) == 2.5
    assert value_reader("y", ("0", "1"))(label(1, classes=("0", "1"))) == 1.0, "as whole numbers are written in JSON"
    for value, classes in (("maybe", ("no", "yes")), (1, ("no", "yes")), ("1", ()), (True, ()), ("", ("no", "yes"))):
        with pytest.raises(MalformedEvent, match="value"):
            label(value, classes=classes)


def test_of_several_labels_of_a_row_the_latest_counts_in_any_order() -> None:
    early, late = label("no", "2026-01-01T00:00:00Z"), label("yes", "2026-01-02T00:00:00Z")
    targets = targets_of(value_reader("repaid", ("no", "yes")))
    for order in ([early, late], [late, early], [late, early, late]):
        assert targets(order)(PARSE(body())) == 1.0
    assert math.isnan(targets([late])(PARSE(body(id="other"))))


EVENT = PARSE(body())


def test_a_row_is_flagged_from_the_threshold_on() -> None:
    policy = RowPolicy("repaid", ("no", "yes"), 0.3)
    said = [policy.judge([p], EVENT) for p in (0.3, math.nextafter(0.3, 0))]
    assert [(v.action, v.alert, v.threshold) for v in said] == [("flag", True, 0.3), ("pass", False, 0.3)]


def test_of_many_classes_the_likeliest_is_noted_and_a_quantity_is_only_scored() -> None:
    verdict = RowPolicy("species", ("a", "b", "c")).judge([0.2, 0.5, 0.3], EVENT)
    assert (verdict.action, verdict.alert, verdict.score, verdict.threshold, verdict.output) == ("scored", False, 0.5, 0.3, 1)
    assert verdict.notes == {"predicted species": "b"}
    assert RowPolicy("price").judge([17.5], EVENT)[:3] == ("scored", False, 17.5)


def test_a_rows_time_is_its_own() -> None:
    assert EVENT.event_time == datetime(2026, 1, 31, 12, tzinfo=UTC)
