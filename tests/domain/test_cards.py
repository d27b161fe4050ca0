"""Card numbers are masked where people look, and nothing else is."""

from __future__ import annotations

import math

import pytest

from domain.cards import masked, masked_value


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("4111111111111111", "411111******1111"),
        ("4222222222222", "422222***2222"),  # the shortest, 13 digits
        ("378282246310005", "378282*****0005"),
        ("135410014004955", "135410*****4955"),  # an airline's
        ("No.4111111111111111", "No.411111******1111"),
        ("6304000000000000000", "630400*********0000"),  # the longest, 19
        ('{"customer_id":"5555555555554444","amount":1}', '{"customer_id":"555555******4444","amount":1}'),
        ("4111111111111111, then c4222222222222x", "411111******1111, then c422222***2222x"),
        ("4111 1111 1111 1111", "4111 11** **** 1111"),
        ("4111-1111-1111-1111 of t9", "4111-11**-****-1111 of t9"),
        ("4111.1111.1111.1111", "4111.11**.****.1111"),
        ("3782 822463 10005", "3782 82**** *0005"),
        ("6304 0000 0000 0000 000", "6304 00** **** ***0 000"),
    ],
)
def test_a_card_number_keeps_its_first_six_and_last_four_digits(text: str, shown: str) -> None:
    assert masked(text) == shown


@pytest.mark.parametrize(
    "text",
    [
        "4111111111111112",  # a wrong check digit
        "411111111111",  # 12 digits
        "0.4111111111111111",  # decimal places
        "1772366400000005",  # microseconds, though the check digit is right
        "41111111111111111111",  # 20 digits, though its first 16 are a card number
        "4111 1111 1111 1112",  # a wrong check digit
        "4111 1111-1111 1111",  # no card is printed so
        "2026-03-01 2026-03-08",
        "t000042 of c1, 2026-03-01T12:00:00Z",
        "",
    ],
)
def test_what_is_no_card_number_is_left_alone(text: str) -> None:
    assert masked(text) == text


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("card 4111111111111111", "card 411111******1111"),
        (4111111111111111, "411111******1111"),
        (4111111111111111.0, "411111******1111"),  # as JSON's numbers come
        (4222222222222.0, "422222***2222"),
        (6304000000000000000, "630400*********0000"),
        (-4111111111111111, "-411111******1111"),
    ],
)
def test_a_card_number_that_travels_as_a_number_is_masked_too(value: object, shown: str) -> None:
    assert masked_value(value) == shown


@pytest.mark.parametrize(
    "value",
    [0, 25.0, 4111111111111112, 4222222222222.5, 1772366400000005, 10**19, 10**400, 1e300, math.inf, -math.inf, True, None, b"1"],
)
def test_any_other_value_is_left_as_it_is(value: object) -> None:
    assert masked_value(value) is value


def test_what_is_not_a_number_stays_so() -> None:
    assert math.isnan(masked_value(math.nan))  # type: ignore[arg-type]  # what it was given, a float
