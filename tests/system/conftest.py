"""A real Kafka for the system tests: one that all share, and one that a test may crash."""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest
from confluent_kafka.admin import AdminClient

from apps import broker as kafka
from apps import topics
from apps.kafka import client_config
from apps.settings import Settings
from tests.system.processes import STARTED


@dataclass
class Broker:
    """A broker of our own. ``settings`` name its address, as the environment would; ``own`` is what it was started with."""

    own: Settings
    settings: Settings
    port: int

    @classmethod
    def start(cls, home: Path, port: int = 0) -> Broker:
        own = Settings(home=home, database_url=f"sqlite:///{home / 'polyscore.db'}", kafka_bootstrap_servers="")
        address = kafka.start(own, port=port or kafka.free_port(0), say=print, tied=True)
        settings = own.model_copy(update={"kafka_bootstrap_servers": address.bootstrap})
        topics.create_topics(settings)
        return cls(own, settings, int(address.bootstrap.rpartition(":")[2]))

    def stop(self) -> None:
        kafka.stop(self.own, say=print)

    def crash_and_restart(self) -> None:
        """SIGKILL to the Java process, then the same broker on the same port and data."""
        process = psutil.Process(kafka.start(self.own, say=print).pid)
        process.kill()
        process.wait(30)
        kafka.start(self.own, port=self.port, say=print, tied=True)


def make_anew(settings: Settings) -> None:
    """Delete every topic, those of the scorers' state too, and create ours again."""
    admin = AdminClient(client_config(settings))

    def ours() -> set[str]:
        return {name for name in admin.list_topics(timeout=10).topics if not name.startswith("__")}

    for future in admin.delete_topics([*ours()], operation_timeout=30).values():
        future.result(30)
    give_up = time.monotonic() + 30
    while ours() and time.monotonic() < give_up:
        time.sleep(0.05)  # until Kafka has let go of them
    topics.create_topics(settings)


_PASSED = pytest.StashKey[bool]()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if report.when == "call":
        item.stash[_PASSED] = report.passed
    return report


@pytest.fixture(autouse=True)
def none_left(request: pytest.FixtureRequest) -> Iterator[None]:
    """A test that fails leaves no process behind: it would take the next one's messages. A module's own fixtures begin before this."""
    before = len(STARTED)
    yield
    for process in [] if request.node.stash.get(_PASSED, False) else STARTED[before:]:
        if process.alive():
            process.kill_all()
    del STARTED[before:]


@pytest.fixture(scope="session")
def shared_broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    started = Broker.start(tmp_path_factory.mktemp("kafka"))
    yield started
    started.stop()


@pytest.fixture
def broker(shared_broker: Broker) -> Settings:
    """The shared broker: a test finds other tests' messages there and keeps to its own."""
    return shared_broker.settings


@pytest.fixture
def clean_topics(broker: Settings) -> Settings:
    """The shared broker with every topic made anew."""
    make_anew(broker)
    return broker


@pytest.fixture
def fresh_broker(tmp_path: Path) -> Iterator[Broker]:
    """A broker for one test, which may do to it what it likes."""
    started = Broker.start(tmp_path / "home")
    yield started
    started.stop()
