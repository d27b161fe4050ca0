"""The broker of this machine: on a free port, whole or not at all; and what is said where there is no Kafka, or another one."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from apps import broker, kafka, partitions, reset, status, topics
from apps.errors import BrokerError, InputError
from apps.process import only
from apps.scenario_result import new_folder, now
from apps.settings import Settings
from tests.system.conftest import Broker
from tests.system.processes import start, until

pytestmark = [pytest.mark.system, pytest.mark.timeout(300)]
NOBODY = "127.0.0.1:1"  # where no Kafka answers
ENDED = 4_000_000  # above any process id


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Settings]:
    """A folder without a broker; what a test leaves running there is stopped."""
    settings = Settings(home=tmp_path / "home", database_url="", kafka_bootstrap_servers="")
    yield settings
    broker.stop(settings, say=print)


def javas(settings: Settings) -> list[psutil.Process]:
    place = str(settings.broker_folder.absolute())
    return [p for p in psutil.process_iter(["cmdline"]) if any(place in word for word in p.info["cmdline"] or ())]


def remains(settings: Settings) -> list[str]:
    return sorted(path.name for path in settings.broker_folder.iterdir())


@contextmanager
def taken_port() -> Iterator[int]:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        yield int(listening.getsockname()[1])


def test_a_taken_port_is_replaced_and_said_and_the_broker_leaves_only_its_data(own: Settings) -> None:
    said: list[str] = []
    with taken_port() as port:
        address = broker.start(own, port=port, say=said.append, tied=True)
    chosen = int(address.bootstrap.rpartition(":")[2])
    assert chosen != port
    assert f"port {port} is taken; Kafka uses {chosen}" in said
    assert broker.status(own).bootstrap == address.bootstrap
    assert remains(own) == ["address.json", "broker.log", "data", "server.properties"]
    assert kafka.bootstrap(own) == address.bootstrap
    broker.stop(own, say=said.append)
    assert remains(own) == ["broker.log", "data", "server.properties"]
    assert javas(own) == []


def test_a_port_that_another_broker_was_quicker_to_is_given_up_for_a_free_one(
    own: Settings, shared_broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both looked for a free port before either had taken it."""
    said: list[str] = []
    theirs, free_port = shared_broker.port, broker.free_port
    looked = [theirs]
    monkeypatch.setattr(broker, "free_port", lambda wanted: looked.pop() if wanted in looked else free_port(wanted))
    address = broker.start(own, port=theirs, say=said.append, tied=True)
    assert address.bootstrap != f"127.0.0.1:{theirs}"
    assert "another program has taken Kafka's port meanwhile; looking for another" in said
    assert len(topics.create_topics(own)) == len(topics.topic_specs()), "a Kafka of its own, without a topic"


def test_a_broker_whose_address_cannot_be_written_is_not_left_running(own: Settings) -> None:
    (own.broker_folder / "address.tmp").mkdir(parents=True)
    with pytest.raises(BrokerError, match="Is a directory"):
        broker.start(own, port=broker.free_port(0), say=print)
    assert javas(own) == []


@pytest.mark.parametrize("error", [KeyboardInterrupt(), BrokerError("no answer")])
def test_a_start_that_is_interrupted_leaves_no_java_and_no_lock(
    own: Settings, monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    def waiting(*_: object) -> bool:
        shown = time.monotonic() + 10
        while len(javas(own)) != 1:  # Linux shows no command line for a moment while a process begins
            assert time.monotonic() < shown
        raise error

    monkeypatch.setattr(broker, "_answers", waiting)
    with pytest.raises(type(error)):
        broker.start(own, port=broker.free_port(0), say=print)
    assert javas(own) == []
    assert remains(own) == ["broker.log", "data", "server.properties"]


def test_preparing_the_data_that_is_interrupted_leaves_none(own: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object, **__: object) -> None:
        (own.broker_folder / "data").mkdir()
        raise KeyboardInterrupt

    monkeypatch.setattr(broker.subprocess, "run", interrupted)
    with pytest.raises(KeyboardInterrupt):
        broker.start(own, port=broker.free_port(0), say=print)
    assert remains(own) == ["server.properties"]


@pytest.mark.parametrize(
    "words", [["broker", "status"], ["demo", "--headless"], ["monitor"], ["setup", "fraud"], ["simulate", "fraud", "--for", "5s"]]
)
def test_a_cluster_that_does_not_answer_ends_a_command_with_one_error_and_the_remedy(words: list[str], tmp_path: Path) -> None:
    process = start(*words, settings=Settings(home=tmp_path, database_url="", kafka_bootstrap_servers=NOBODY))
    assert process.ended() == 1
    output = process.output()
    assert "Traceback" not in output
    assert output.count("error ") == 1
    assert "KAFKA_BOOTSTRAP_SERVERS" in output
    assert "KAFKA_SASL" in output


def test_the_status_says_why_a_cluster_does_not_answer() -> None:
    with pytest.raises(BrokerError, match=r"Connection refused"):
        broker.status(Settings(KAFKA_BOOTSTRAP_SERVERS=NOBODY))


@pytest.mark.parametrize("words", [["monitor"], ["simulate", "fraud"], ["stream", "fraud"], ["sink"]])
def test_an_address_whose_broker_has_ended_is_not_waited_for(words: list[str], bundle: Path, tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, database_url="", kafka_bootstrap_servers="")
    settings.broker_folder.mkdir()
    (settings.broker_folder / "address.json").write_text(json.dumps({"bootstrap": NOBODY, "pid": ENDED}))
    model = ["--model", str(bundle)] if words[0] == "stream" else []
    process = start(*words, *model, settings=settings)
    assert process.ended() == 1
    lines = [line for line in process.output().splitlines() if not line.startswith("scoring ")]
    assert len(lines) == 1, "a client was opened and told of its tries, or a thread of its own error"
    assert lines[0].startswith(f"error the Kafka that answered at {NOBODY} has ended: run `polyscore broker start`")


def test_a_kafka_that_falls_silent_while_a_topic_is_read_is_not_waited_for_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(partitions, "partition_ids", lambda consumer, topic: [0])  # it still answered this
    monkeypatch.setattr(partitions, "_PATIENCE", 1.0)
    with pytest.raises(BrokerError, match="topic models: Kafka has said nothing for 1 s"):
        partitions.read_to_end(Settings(KAFKA_BOOTSTRAP_SERVERS=NOBODY), "models", {})


def test_no_kafka_at_all_ends_the_monitor_with_one_error(tmp_path: Path) -> None:
    process = start("monitor", settings=Settings(home=tmp_path, database_url="", kafka_bootstrap_servers=""))
    assert process.ended() == 1
    assert process.output().startswith("error no Kafka runs here: ")
    assert process.output().count("\n") == 1


def test_a_reset_beside_a_running_demo_is_refused_and_deletes_nothing(own: Settings) -> None:
    own.bundles.mkdir(parents=True)
    new_folder(own.home, "rush", now())  # a scenario's result
    with only(own.home / "demo.lock", "taken"), pytest.raises(InputError, match="a demo runs in"):
        reset.run(own, say=print)
    waits = start("simulate", "fraud", settings=own.model_copy(update={"kafka_bootstrap_servers": NOBODY}))
    until(lambda: any(status.running(own)), waits, running=True)  # Linux shows no command line for a moment while a process begins
    with pytest.raises(InputError, match=r"simulate fraud runs in .*; stop what runs first"):
        reset.run(own, say=print)
    waits.kill_hard()
    assert own.bundles.is_dir()
    reset.run(own, say=print)
    assert not own.home.exists()
