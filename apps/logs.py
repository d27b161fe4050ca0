"""The processes' logs: events with fields, readable on a terminal, one JSON object a line elsewhere. Card numbers are masked."""

from __future__ import annotations

import logging
import sys
from typing import TextIO

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from domain.cards import masked

_LOUD = ("matplotlib", "quixstreams.rowconsumer")  # the first tells of its font cache
Logger = structlog.stdlib.BoundLogger

# Ours end as records of the standard library, fields and all: whatever listens there (a test, a handler of a library) hears them.
structlog.configure(
    processors=[
        structlog.stdlib.filter_by_level,
        structlog.stdlib.render_to_log_kwargs,
    ],
    logger_factory=structlog.stdlib.LoggerFactory(),
    wrapper_class=Logger,
    cache_logger_on_first_use=True,
)


def logger(name: str) -> Logger:
    """A logger that takes an event in words and its fields: ``log.warning("model refused", domain="fraud", version=...)``."""
    found: Logger = structlog.stdlib.get_logger(name)
    return found


def configure(stream: TextIO | None = None, level: int = logging.INFO) -> None:
    """Send what is logged, by us and by libraries, to ``stream`` (None: standard error): in colours on a terminal, else as JSON lines."""
    stream = stream or sys.stderr
    handler = logging.StreamHandler(stream)
    handler.setFormatter(formatter(on_terminal=stream.isatty()))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for name in _LOUD:
        logging.getLogger(name).setLevel(logging.WARNING)


def formatter(*, on_terminal: bool) -> logging.Formatter:
    """Records as text: a line for people, or a JSON object with ``event``, ``level``, ``logger``, ``timestamp`` and the fields."""
    shared: list[Processor] = [
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.ExtraAdder(),
        structlog.processors.TimeStamper(fmt="%H:%M:%S" if on_terminal else "iso", utc=True),
    ]
    rendered: Processor = structlog.processors.JSONRenderer(ensure_ascii=False, default=str)
    if on_terminal:
        rendered = structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
    last: list[Processor] = [
        structlog.stdlib.ProcessorFormatter.remove_processors_meta,
        structlog.processors.format_exc_info,
        _masked,
        rendered,
    ]
    return structlog.stdlib.ProcessorFormatter(foreign_pre_chain=shared, processors=last)


def _masked(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    return {name: masked(value) if isinstance(value, str) else value for name, value in event.items()}
