"""All configuration in one class, read once at start: environment variables, nothing else."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from apps.errors import InputError

Guarantee = Literal["exactly-once", "at-least-once"]
_PREFIX = "POLYSCORE_"
# What of librdkafka's settings has to do with security. All others are ours to choose.
_SECURITY = ("security.", "sasl.", "ssl.", "enable.sasl.", "enable.ssl.", "https.ca.")


class Settings(BaseSettings):
    """Read from ``POLYSCORE_*``; Kafka's own settings from ``KAFKA_*`` (see ``apps.kafka``)."""

    model_config = SettingsConfigDict(env_prefix=_PREFIX, frozen=True)

    home: Path = Path(".polyscore")  # broker data, state, bundles, logs and the default database
    comparison: Path = Path("bench/comparison.json")  # what `make bench` wrote of the formats
    database_url: str = ""  # a SQLAlchemy URL; empty: SQLite in ``home``
    partitions: int = Field(default=4, ge=1, le=1000)
    guarantee: Guarantee = "at-least-once"
    commit_interval: float | None = Field(default=None, gt=0)  # seconds; None: what suits the guarantee
    gate_margin: float = Field(default=0.02, ge=0)  # by which share of the champion's headline a candidate must be better
    gate_calibration: float = Field(default=1.1, gt=0)  # how many times the champion's calibration error it may have
    gate_size: float = Field(default=1.5, gt=0)  # ... the champion's bytes of artifacts
    gate_latency: float = Field(default=2.0, gt=0)  # ... the champion's time a row
    api_key: SecretStr = SecretStr("")  # what a model server asks for; empty: nothing
    # From where on a model's inputs count as drifted (``models.watch.Limits``).
    drift_psi: float = Field(default=0.25, gt=0)  # population stability index beyond what chance explains
    drift_share: float = Field(default=0.05, gt=0, lt=1)  # by which missing values or unseen categories may grow
    drift_mean: float = Field(default=0.5, gt=0)  # by which the mean score may change and the mean error grow, as a part of itself
    drift_persist: int = Field(default=3, ge=1, le=30)  # daily windows in a row
    drift_quality: float = Field(default=0.3, gt=0)  # by which the headline measure may be worse than the report's, as a part of that
    drift_adwin: float = Field(default=1e-4, gt=0, lt=1)  # ADWIN's delta
    analyst: str = ""  # who reviews alerts in this dashboard, until another name is typed there
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


def from_environment() -> Settings:
    """The settings. Raises ``InputError`` naming each variable that cannot be used and what is allowed there."""
    try:
        return Settings()
    except ValidationError as error:
        raise InputError(in_words(error, _PREFIX)) from None


def in_words(error: ValidationError, prefix: str) -> str:
    """One line for refused settings, by the names of their variables. Values are shown for ours only: Kafka's may be secrets."""
    found = []
    for each in error.errors(include_url=False):
        name = ".".join(str(part) for part in each["loc"]).upper()
        shown = f"={each['input']}" if prefix == _PREFIX else ""
        found.append(f"{prefix}{name.removeprefix(prefix)}{shown}: {each['msg']}")
    return "; ".join(found)


def security(environment: dict[str, str] | None = None) -> dict[str, str]:
    """librdkafka's security settings from the environment: ``KAFKA_SASL_USERNAME`` becomes ``sasl.username``.

    An empty variable counts as none. ``sasl.mechanisms`` is an alias of ``sasl.mechanism``, and is called so here.
    """
    variables = os.environ if environment is None else environment
    named = {name.removeprefix("KAFKA_").lower().replace("_", "."): value for name, value in variables.items() if name.startswith("KAFKA_")}
    found = {name: value for name, value in named.items() if name.startswith(_SECURITY) and value}
    if "sasl.mechanisms" in found:
        found["sasl.mechanism"] = found.pop("sasl.mechanisms")
    return found
