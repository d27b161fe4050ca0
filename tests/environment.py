"""The caller's own Kafka, database and settings: what runs here, tests and benchmark, would flood them and replace a champion."""

from __future__ import annotations

import os
from typing import Final

_THEIRS: Final = ("KAFKA_", "POLYSCORE_")
_KEPT: Final = ("POLYSCORE_TEST_DATA",)  # where published data lies: read only


def forget_the_callers() -> None:
    """Delete what points at the caller's own from the environment, and so from that of every process started here."""
    for name in [name for name in os.environ if name.startswith(_THEIRS) and name not in _KEPT]:
        del os.environ[name]
