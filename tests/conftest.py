"""Fixtures that all tests share."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from datetime import timedelta
from itertools import groupby
from pathlib import Path
from typing import Any

import pytest

from apps.simulate import LIVE
from domain.learning import Window
from domain.registry import DOMAINS
from models.train import train
from tests import own
from tests.apps import databases
from tests.environment import forget_the_callers
from tests.once import bundle_once, once
from tests.published import DATA

LONG = 400.0  # seconds that a test is given
DAYS = 28  # of simulated history: what the smallest training needs


def pytest_configure() -> None:
    """The caller's own Kafka, database and settings are none of the tests', and a machine without a C compiler gets ``ziglang``'s."""
    forget_the_callers()
    if os.environ.get("POLYSCORE_TEST_DATA") and not DATA.is_dir():
        pytest.exit(f"POLYSCORE_TEST_DATA: there is no folder {DATA}", 2)
    if not (os.environ.get("CC") or any(map(shutil.which, ("cc", "gcc", "clang")))):
        os.environ["CC"] = f"{sys.executable} -m ziglang cc"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest first, by the time they are given, and dealt out among the workers, modules as a whole: they then end together.

    A worker begins with its share of the list as it stands (xdist's ``worksteal``), and nobody takes from it what stands in front.
    """

    def given(item: pytest.Item) -> float:
        return max((float(mark.args[0]) for mark in item.iter_markers("timeout")), default=0.0)

    def place(item: pytest.Item) -> str:
        return str(item.path)

    items.sort(key=given, reverse=True)
    workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    long = [item for item in items if given(item) >= LONG]
    modules = [list(found) for _, found in groupby(sorted(long, key=place), key=place)]  # what a module shares is made once
    modules.sort(key=lambda found: -sum(map(given, found)))
    rest, hands = items[len(long) :], [list[pytest.Item]() for _ in range(workers)]
    for found in modules:
        min(hands, key=lambda hand: sum(map(given, hand))).extend(found)
    for i, hand in enumerate(hands):
        share = sum(map(len, hands[i:])) + len(rest)
        more = max(0, share // (workers - i) - len(hand))
        hand.extend(rest[:more])
        del rest[:more]
    items[:] = [item for hand in hands for item in hand]


@pytest.fixture(scope="module", autouse=True)
def forgotten(request: pytest.FixtureRequest) -> Iterator[None]:
    """What a module of tests has kept for itself goes with it: simulated worlds are large."""
    yield
    for value in vars(request.module).values():
        if hasattr(value, "cache_clear") and value.__module__ == request.module.__name__:
            value.cache_clear()


@pytest.fixture(autouse=True)
def built_in_only() -> Iterator[None]:
    """A table that a test adopts, or that lies in the folder it was started in, is no domain of the next one."""
    yield
    DOMAINS.adopt({})


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A real PostgreSQL."""
    yield from databases.postgres_server(tmp_path_factory.mktemp("postgres"))


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of an empty database, of either kind."""
    return databases.urls(request, tmp_path)


@pytest.fixture(scope="session")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle trained on a small simulated world; a test that changes it takes a copy."""
    fraud = DOMAINS["fraud"]
    history = fraud.simulate(7, LIVE - timedelta(days=DAYS), customers=600, terminals=1200, days=DAYS)
    window = Window(train=7, delay=7, test=3)
    return bundle_once(tmp_path_factory, "fraud", lambda folder: train(fraud, history, "simulated", folder, window=window))


@pytest.fixture(scope="session")
def loans(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with the bundle of a table of one's own, ``loans``; look at it, and copy what is to be changed."""
    return once(tmp_path_factory, "loans", own.loans)
