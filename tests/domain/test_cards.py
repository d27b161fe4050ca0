"""Card numbers are masked where people look, and nothing else is."""

from __future__ import annotations

import pytest

from domain.cards import masked


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("4111111111111111", "411111******1111"),
        ("4222222222222", "422222***2222"),  # the shortest, 13 digits
        ("378282246310005", "378282*****0005"),
        ("6304000000000000000", "630400*********0000"),  # the longest, 19
        ('{"customer_id":"5555555555554444","amount":1}', '{"customer_id":"555555******4444","amount":1}'),
        ("4111111111111111, then c4222222222222x", "411111******1111, then c422222***2222x"),
    ],
)
def test_a_card_number_keeps_its_first_six_and_last_four_digits(text: str, shown: str) -> None:
    assert masked(text) == shown


@pytest.mark.parametrize(
    "text",
    [
        "4111111111111112",  # a wrong check digit
        "411111111111",  # 12 digits
        "41111111111111111111",  # 20 digits, though its first 16 are a card number
        "t000042 of c1, 2026-03-01T12:00:00Z",
        "",
    ],
)
def test_what_is_no_card_number_is_left_alone(text: str) -> None:
    assert masked(text) == text
