"""A Kafka that asks who is there: with the security settings of the environment every process of ours reaches it."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from apps import broker, topics
from apps.audit import audit, wait_until_scored
from apps.replay import Replay
from apps.settings import Settings
from domain.registry import DOMAINS
from tests.system.processes import start
from tests.system.source import emissions

pytestmark = [pytest.mark.system, pytest.mark.timeout(300)]
FRAUD = DOMAINS["fraud"]
ME = {
    "KAFKA_SECURITY_PROTOCOL": "SASL_PLAINTEXT",
    "KAFKA_SASL_MECHANISMS": "PLAIN",
    "KAFKA_SASL_USERNAME": "me",
    "KAFKA_SASL_PASSWORD": "hush",
}
_LOGIN = 'org.apache.kafka.common.security.plain.PlainLoginModule required username="me" password="hush" user_me="hush";'
_SASL = (
    broker._PROPERTIES.replace("PLAINTEXT://", "SASL_PLAINTEXT://").replace("map=PLAINTEXT:PLAINTEXT", "map=SASL_PLAINTEXT:SASL_PLAINTEXT")
    + "inter.broker.listener.name=SASL_PLAINTEXT\nsasl.enabled.mechanisms=PLAIN\nsasl.mechanism.inter.broker.protocol=PLAIN\n"
    + f"listener.name.sasl_plaintext.plain.sasl.jaas.config={_LOGIN}\n"
)


def _listens(bootstrap: str, cluster: str, timeout: float) -> bool:
    try:
        socket.create_connection(("127.0.0.1", int(bootstrap.rpartition(":")[2])), timeout).close()
        return True
    except OSError:
        return False


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """A cluster with SASL, and an environment that holds the password."""
    home = tmp_path_factory.mktemp("guarded")
    own = Settings(home=home, database_url=f"sqlite:///{home / 'polyscore.db'}", kafka_bootstrap_servers="")
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(broker, "_PROPERTIES", _SASL)
        patched.setattr(broker, "_answers", _listens)
        address = broker.start(own, port=broker.free_port(0), say=print, tied=True)
        for name, value in ME.items():
            patched.setenv(name, value)
        yield own.model_copy(update={"kafka_bootstrap_servers": address.bootstrap})
        broker.stop(own, say=print)


def at(guarded: Settings, home: Path) -> Settings:
    """The same cluster, with a home and logs of a test's own."""
    return guarded.model_copy(update={"home": home})


def test_every_process_reaches_a_cluster_that_asks_for_a_password(guarded: Settings, bundle: Path) -> None:
    asked = start("broker", "status", settings=guarded)
    assert asked.ended() == 0, asked.output()
    assert len(topics.create_topics(guarded)) == len(topics.topic_specs())
    Replay(guarded, FRAUD).send(emissions(300, seed=3, days=9), pace=None, stop=threading.Event(), progress=lambda *_: None)
    running = [
        start("stream", "fraud", "--model", str(bundle), settings=guarded),
        start("sink", settings=guarded),
        start("monitor", settings=guarded),
        start("simulate", "fraud", "--rate", "20", settings=guarded),
    ]
    give_up = time.monotonic() + 120
    while audit(guarded, FRAUD, {}).decided < 320 and time.monotonic() < give_up:
        time.sleep(0.5)  # until the others have got there
    running[-1].stop()
    assert wait_until_scored(guarded, FRAUD, 60)
    assert audit(guarded, FRAUD, {}).passed
    assert audit(guarded, FRAUD, {}).decided >= 320
    for process in running:
        assert process.stop() == 0, process.output()


def test_a_wrong_password_is_told_in_one_line(guarded: Settings, tmp_path: Path) -> None:
    process = start("broker", "status", settings=at(guarded, tmp_path), KAFKA_SASL_PASSWORD="wrong")
    assert process.ended() == 1
    assert "Authentication failed" in process.output()
    assert process.output().count("\n") == 1


def test_a_security_setting_that_there_is_not_is_told_in_one_line(guarded: Settings, tmp_path: Path) -> None:
    process = start("sink", settings=at(guarded, tmp_path), KAFKA_SSL_COLOUR="green")
    assert process.ended() == 1
    assert process.output().startswith('error Kafka: No such configuration property: "ssl.colour"')
    assert process.output().count("\n") == 1


def test_what_only_quix_refuses_is_told_in_one_line_without_its_value(guarded: Settings, bundle: Path, tmp_path: Path) -> None:
    topics.create_topics(guarded)
    home = at(guarded, tmp_path)
    process = start("stream", "fraud", "--model", str(bundle), settings=home, KAFKA_SASL_OAUTHBEARER_GRANT_TYPE="client_credentials")
    assert process.ended() == 1
    assert process.output().splitlines()[-1] == "error KAFKA_SASL_OAUTHBEARER_GRANT_TYPE: Extra inputs are not permitted"
    assert "Traceback" not in process.output()
    assert "client_credentials" not in process.output()
