"""The page on messages: each example is what its topic's own reader takes, under the key that the page names."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from apps import own
from apps.records import UNREADABLE
from apps.resend import readers
from apps.settings import Settings
from domain.contract import MalformedEvent
from domain.messages import _CODES, MOST_BYTES
from domain.registry import DOMAINS

ROOT = Path(__file__).resolve().parents[1]
PAGE = (ROOT / "docs" / "messages.md").read_text()
EXAMPLES = re.findall(r"^`([\w.]+)`: .*?```json\n(.*?)\n```", PAGE, re.MULTILINE | re.DOTALL)
KEYS = dict(re.findall(r"^\| `([\w.]+)` \| [^|]+ \| the \w+, `(\w+)` \|$", PAGE, re.MULTILINE))
TABLE = {"NAME.rows", "NAME.labels"}


@pytest.fixture(autouse=True)
def adopted(loans: Path) -> None:
    own.adopt(Settings(home=loans), pytest.fail)


def topics() -> dict[str, Callable[[bytes], Any]]:
    """What reads each topic that takes messages from others."""
    return {topic: read for name in ("fraud", "cross_sell", "maintenance", "loans") for topic, read in readers(DOMAINS[name]).items()}


@pytest.mark.parametrize(("topic", "example"), EXAMPLES, ids=[f"{topic}-{i}" for i, (topic, _) in enumerate(EXAMPLES)])
def test_each_example_is_read_and_has_the_key_that_is_named(topic: str, example: str) -> None:
    fields, read = json.loads(example), topics()[topic]
    assert read(example.encode()).key == fields[KEYS.get(topic, "id")]
    with pytest.raises(MalformedEvent, match="unknown"):
        read(json.dumps({**fields, "unknown": 1}).encode())


def test_every_topic_has_its_key_and_an_example() -> None:
    assert {topic for topic, _ in EXAMPLES} == set(topics())
    assert set(KEYS) == {topic for topic in topics() if not topic.startswith("loans.")}
    assert all(f"`{name}`" in PAGE for name in TABLE)


def test_every_code_of_a_dead_letter_is_explained() -> None:
    code = "".join(path.read_text() for folder in ("apps", "domain") for path in (ROOT / folder).rglob("*.py"))
    raised = set(re.findall(r"MalformedEvent\(\s*\"([\w-]+)\"", code)) | set(re.findall(r"_dead_letter\(value, \"([\w-]+)\"", code))
    assert raised | {*_CODES.values(), "wrong-type", "out-of-range", UNREADABLE} == set(
        re.findall(r"^\| `([\w-]+)` \|", PAGE, re.MULTILINE)
    )


def test_the_limit_of_a_message_is_the_topics() -> None:
    assert f"**Size**: {MOST_BYTES:,} bytes" in PAGE
