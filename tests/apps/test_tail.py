"""A message as `polyscore tail` shows it: one line, harmless to a terminal, card numbers masked wherever they stand."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from apps import tail
from tests.apps.memory_log import Stored

CARD = "4111111111111111"


@dataclass
class Keyed(Stored):
    """A message with a key."""

    name: bytes = b""

    def key(self) -> bytes | None:
        return self.name


def line(value: bytes | None, key: bytes = b"", **headers: bytes) -> str:
    return tail.line(Keyed(("fraud.payments", 0), 7, value, list(headers.items()), key))


def test_a_line_is_time_place_key_value_and_headers() -> None:
    assert line(b'{"id": "t1", "amount": 2.5}', b"c1", code=b"not-json") == '12:00:00.007  0:7  c1  {"id":"t1","amount":2.5}  code=not-json'
    assert line(None, b"c1").endswith("  c1  (deleted)")


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (b"\x1b[2Jgone", r"\u001b[2Jgone"),
        (b"over\rwritten", r"over\rwritten"),
        (b"k\n1", r"k\n1"),
        ("\u009b2J\x7f".encode(), r"\u009b2J\u007f"),  # C1, DEL
        ("a\u202eb\u2028".encode(), r"a\u202eb\u2028"),  # another direction, another line
        (b"\xff no json", r"\xff no json"),
        ("café €".encode(), "café €"),
    ],
)
def test_what_is_not_printable_is_escaped_in_keys_values_and_headers(value: bytes, shown: str) -> None:
    assert line(value, value, reason=value).endswith(f"  {shown}  {shown}  reason={shown}")


def test_what_is_not_printable_is_escaped_in_json_too() -> None:
    told = '{"id": "a\\u001b[2J\u009b\\u007f\\u202e", "by": "Jos\u00e9"}'.encode()
    assert line(told).endswith(r'{"id":"a\u001b[2J\u009b\u007f\u202e","by":"José"}')
    assert tail.line(Keyed(("t", 0), 7, b"1", [("a\x1bb", b"c")])).endswith(r"  1  a\u001bb=c")


@pytest.mark.parametrize("before", [b"", b"\x80", b"\x01", "\u009b".encode()])
def test_a_card_number_behind_what_is_escaped_is_masked(before: bytes) -> None:
    assert line(before + CARD.encode()).endswith("411111******1111")


def test_a_card_number_behind_an_escaped_character_of_json_is_masked() -> None:
    assert CARD not in line(b'{"id": "\\u0001%s", "card": %s}' % (CARD.encode(), CARD.encode()))


@pytest.mark.parametrize("room", range(1, 16))
def test_a_card_number_that_the_cut_goes_through_is_masked(room: int) -> None:
    before = "x" * (4_000 - room)
    assert f"x{'411111******1111'[:room]}... ({4_017 - room:,} characters)" in line(f"{before}{CARD}x".encode())
