"""Settings from the environment: what is wrong is named, and Kafka's security reaches every client."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Any

import pytest

from apps import broker, kafka
from apps.errors import BrokerError, InputError
from apps.settings import Settings, from_environment, security
from apps.stream import application
from domain.registry import DOMAINS

APPS = Path(broker.__file__).parent
NAMED = Settings(KAFKA_BOOTSTRAP_SERVERS="127.0.0.1:1")
SECURE = {"security.protocol": "SASL_SSL", "sasl.mechanism": "SCRAM-SHA-512", "sasl.username": "me", "sasl.password": "hush"}


@pytest.fixture
def secure(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in SECURE.items():
        monkeypatch.setenv(f"KAFKA_{name.upper().replace('.', '_')}", value)


@pytest.mark.parametrize(
    ("name", "value", "allowed"),
    [
        ("POLYSCORE_PARTITIONS", "many", "valid integer"),
        ("POLYSCORE_PARTITIONS", "0", "greater than or equal to 1"),
        ("POLYSCORE_GUARANTEE", "twice", "'exactly-once' or 'at-least-once'"),
        ("POLYSCORE_COMMIT_INTERVAL", "-1", "greater than 0"),
    ],
)
def test_a_setting_that_cannot_be_used_is_named_with_what_is_allowed(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, allowed: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(InputError, match=rf"^{name}={value}: ") as caught:
        from_environment()
    assert allowed in str(caught.value)
    assert "\n" not in str(caught.value)


def test_every_security_setting_of_librdkafka_is_taken_and_nothing_else() -> None:
    found = security({
        "KAFKA_SECURITY_PROTOCOL": "SASL_SSL",
        "KAFKA_SSL_CA_LOCATION": "ca.pem",
        "KAFKA_ENABLE_SSL_CERTIFICATE_VERIFICATION": "false",
        "KAFKA_SASL_PASSWORD": "",
        "KAFKA_BOOTSTRAP_SERVERS": "b:1",
        "KAFKA_GROUP_ID": "mine",
        "SSL_CA_LOCATION": "other.pem",
    })  # fmt: skip
    assert found == {"security.protocol": "SASL_SSL", "ssl.ca.location": "ca.pem", "enable.ssl.certificate.verification": "false"}


@pytest.mark.parametrize("name", ["KAFKA_SASL_MECHANISM", "KAFKA_SASL_MECHANISMS"])
def test_the_mechanism_has_two_names_and_means_one_thing(name: str) -> None:
    assert security({name: "PLAIN"}) == {"sasl.mechanism": "PLAIN"}


@pytest.mark.usefixtures("secure")
def test_every_configuration_of_ours_carries_the_security() -> None:
    for config in (kafka.client_config(NAMED), kafka.producer_config(NAMED), kafka.consumer_config(NAMED, "group")):
        assert SECURE.items() <= config.items()


@pytest.mark.usefixtures("secure")
@pytest.mark.parametrize("alias", [False, True])
def test_quix_carries_the_security_to_its_clients(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, alias: bool) -> None:
    if alias:
        monkeypatch.delenv("KAFKA_SASL_MECHANISM")
        monkeypatch.setenv("KAFKA_SASL_MECHANISMS", SECURE["sasl.mechanism"])
    settings = NAMED.model_copy(update={"home": tmp_path})
    app = application(settings, DOMAINS["fraud"], "at-least-once", "test")
    found = app.config.broker_address.as_librdkafka_dict()
    assert {**found, "security.protocol": found["security.protocol"].upper()} == {"bootstrap.servers": "127.0.0.1:1", **SECURE}


@pytest.mark.usefixtures("secure")
def test_the_status_is_asked_with_the_security(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[dict[str, Any]] = []

    class Admin:
        def __init__(self, config: dict[str, Any]) -> None:
            seen.append(config)

        def list_topics(self, timeout: float) -> None: ...

    monkeypatch.setattr(broker, "AdminClient", Admin)
    assert broker.status(NAMED).running
    assert SECURE.items() <= seen[0].items()


def test_no_client_is_opened_with_a_configuration_of_its_own() -> None:
    """Each function that makes a client takes its configuration from ours; but the one that asks the broker just started here."""
    own, shared = [], []
    for file in APPS.glob("*.py"):
        for function in (node for node in ast.walk(ast.parse(file.read_text())) if isinstance(node, ast.FunctionDef)):
            text = ast.unparse(function)
            if re.search(r"\b(AdminClient|Consumer|Producer)\(", text):
                (shared if re.search(r"\b(client|consumer|producer)_config\(", text) else own).append(f"{file.name} {function.name}")
    assert len(shared) >= 10
    assert own == ["broker.py _answers"]


@pytest.mark.usefixtures("secure")
def test_security_without_a_cluster_is_refused_since_the_broker_of_this_machine_has_none(tmp_path: Path) -> None:
    with pytest.raises(BrokerError, match=r"KAFKA_SECURITY_PROTOCOL.*KAFKA_BOOTSTRAP_SERVERS"):
        broker.start(Settings(home=tmp_path, KAFKA_BOOTSTRAP_SERVERS=""), say=print)
    assert not (tmp_path / "broker").exists()
