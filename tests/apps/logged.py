"""What was logged, as a test sees it."""

from __future__ import annotations

import logging
from typing import Any

_EVERY = {*vars(logging.makeLogRecord({})), "message"}  # of any record


def fields(record: logging.LogRecord) -> dict[str, Any]:
    """The fields of an event beside its words."""
    return {name: value for name, value in vars(record).items() if name not in _EVERY}
