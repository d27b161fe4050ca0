"""Where the broker of this machine answers: a file beside its data, believed only while its process runs."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil

from apps.settings import Settings


@dataclass(frozen=True)
class Address:
    """Where Kafka answers; ``pid`` is 0 for a cluster that is not ours."""

    bootstrap: str
    pid: int


def known(settings: Settings) -> Address | None:
    """What the file says, be it still true or not."""
    try:
        found = json.loads(_file(settings).read_text())
        return Address(str(found["bootstrap"]), int(found["pid"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def running(settings: Settings) -> Address | None:
    """The broker that the file speaks of, if that process is still a Kafka of this folder."""
    address = known(settings)
    try:
        command = psutil.Process(address.pid).cmdline() if address else []
    except (psutil.Error, ValueError):
        return None
    return address if str(properties(settings)) in command else None


def properties(settings: Settings) -> Path:
    """Kafka's configuration file: its command line names it, which tells our broker from any other process."""
    return settings.broker_folder.absolute() / "server.properties"


def write(settings: Settings, address: Address) -> None:
    """Let other processes know. Raises ``OSError``; half a file is never seen."""
    unfinished = _file(settings).with_suffix(".tmp")
    try:
        unfinished.write_text(json.dumps(asdict(address)))
        os.replace(unfinished, _file(settings))
    except OSError:
        if unfinished.is_file():
            unfinished.unlink()
        raise


def forget(settings: Settings) -> None:
    """It answers no more."""
    _file(settings).unlink(missing_ok=True)


def _file(settings: Settings) -> Path:
    return settings.broker_folder / "address.json"
