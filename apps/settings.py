"""All configuration in one class, read once at start: environment variables, nothing else."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

Guarantee = Literal["exactly-once", "at-least-once"]


class Settings(BaseSettings):
    """Read from ``POLYSCORE_*``; Kafka's own settings from ``KAFKA_*`` (see ``apps.kafka``)."""

    model_config = SettingsConfigDict(env_prefix="POLYSCORE_", frozen=True)

    home: Path = Path(".polyscore")  # broker data, state, bundles, logs and the default database
    database_url: str = ""  # a SQLAlchemy URL; empty: SQLite in ``home``
    partitions: int = Field(default=4, ge=1, le=1000)
    guarantee: Guarantee = "at-least-once"
    commit_interval: float | None = Field(default=None, gt=0)  # seconds; None: what suits the guarantee
    kafka_bootstrap_servers: str = Field(default="", validation_alias="KAFKA_BOOTSTRAP_SERVERS")

    @property
    def database(self) -> str:
        return self.database_url or f"sqlite:///{self.home / 'polyscore.db'}"

    @property
    def bundles(self) -> Path:
        return self.home / "bundles"

    @property
    def broker_folder(self) -> Path:
        return self.home / "broker"

    @property
    def logs(self) -> Path:
        return self.home / "logs"

    @property
    def state(self) -> Path:
        return self.home / "state"


def security(environment: dict[str, str] | None = None) -> dict[str, str]:
    """librdkafka's security settings from the environment: ``KAFKA_SASL_USERNAME`` becomes ``sasl.username``."""
    variables = os.environ if environment is None else environment
    found = {name.removeprefix("KAFKA_").lower().replace("_", "."): value for name, value in variables.items() if name.startswith("KAFKA_")}
    return {name: value for name, value in found.items() if name.startswith(("security.", "sasl.", "ssl."))}
