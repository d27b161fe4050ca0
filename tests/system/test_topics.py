"""The topics as a real Kafka has them after we made them: partitions, retention, clean-up, the clock of the timestamps."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
from confluent_kafka import KafkaError
from confluent_kafka.admin import AdminClient, ConfigResource, ResourceType

from apps.kafka import client_config
from apps.settings import Settings
from apps.topics import create_topics
from domain.registry import DOMAINS

pytestmark = pytest.mark.system
DAY_MS = 86_400_000
# partitions (4 is the default setting), retention.ms, cleanup.policy, message.timestamp.type
WANTED = {
    **dict.fromkeys(("fraud.payments", "cross_sell.visits", "maintenance.telemetry"), (4, 60 * DAY_MS, "delete", "LogAppendTime")),
    **{f"{name}.labels": (4, 60 * DAY_MS, "delete", "LogAppendTime") for name in DOMAINS},
    **{f"{name}.decisions": (4, 60 * DAY_MS, "delete", "CreateTime") for name in DOMAINS},
    **{f"{name}.alerts": (4, 60 * DAY_MS, "delete", "CreateTime") for name in DOMAINS},
    **{f"{name}.shadow": (4, 30 * DAY_MS, "delete", "CreateTime") for name in DOMAINS},
    **{f"{name}.batch": (4, 60 * DAY_MS, "delete", "CreateTime") for name in DOMAINS},
    **{f"{name}.reviews": (1, -1, "delete", "LogAppendTime") for name in DOMAINS},
    **{f"{name}.dead-letters": (1, 60 * DAY_MS, "delete", "CreateTime") for name in DOMAINS},
    "cross_sell.profiles": (4, 60 * DAY_MS, "compact", "CreateTime"),
    "metrics": (1, 30 * DAY_MS, "delete", "CreateTime"),
    "models": (1, 60 * DAY_MS, "compact", "CreateTime"),
}


def test_topics_have_the_partitions_retention_and_clean_up_that_the_project_gives_them(clean_topics: Settings) -> None:
    admin = AdminClient(client_config(clean_topics))
    until(lambda: len(partitions(admin)) >= len(WANTED))
    found = {}
    for resource, future in admin.describe_configs([ConfigResource(ResourceType.TOPIC, name) for name in partitions(admin)]).items():
        has = {name: entry.value for name, entry in future.result(30).items()}
        settings = int(has["retention.ms"]), has["cleanup.policy"], has["message.timestamp.type"]
        found[resource.name] = (partitions(admin)[resource.name], *settings)
    assert found == WANTED


def test_the_number_of_partitions_is_a_setting_and_what_is_there_is_left_alone(clean_topics: Settings) -> None:
    admin = AdminClient(client_config(clean_topics))
    admin.delete_topics(["fraud.alerts"], operation_timeout=30)["fraud.alerts"].result(30)
    until(lambda: "fraud.alerts" not in partitions(admin))
    more = clean_topics.model_copy(update={"partitions": 7})
    assert create_topics(more) == ["fraud.alerts"]
    until(lambda: partitions(admin).get("fraud.alerts") == 7)
    assert partitions(admin)["fraud.payments"] == 4
    assert create_topics(more) == []


def test_a_topic_that_nobody_made_does_not_make_itself(clean_topics: Settings) -> None:
    admin = AdminClient(client_config(clean_topics))
    assert admin.list_topics("fraud.payment", timeout=30).topics["fraud.payment"].error == KafkaError.UNKNOWN_TOPIC_OR_PART
    assert "fraud.payment" not in admin.list_topics(timeout=30).topics


def partitions(admin: AdminClient) -> dict[str, int]:
    """Our topics, and how many partitions each has."""
    topics = admin.list_topics(timeout=30).topics.items()
    return {name: len(topic.partitions) for name, topic in topics if not name.startswith("__")}


def until(condition: Callable[[], bool]) -> None:
    give_up = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < give_up, "it never came"
        time.sleep(0.05)  # until Kafka's metadata has it
