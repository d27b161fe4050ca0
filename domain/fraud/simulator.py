"""A seeded source of payments and late labels, after the Fraud Detection Handbook's published process."""

from __future__ import annotations

from collections.abc import Iterator

from domain.contract import Emission


def simulate() -> Iterator[Emission]:
    yield from ()
