"""`polyscore stream`: scores with the announced models, or with the one that is named, until stopped."""

from __future__ import annotations

import gc
import os
import signal
import socket
import sys
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient
from pydantic import ValidationError

from apps import process
from apps.errors import BrokerError, InputError
from apps.kafka import client_config
from apps.settings import Guarantee, Settings, in_words
from domain.registry import DOMAINS


@dataclass(frozen=True)
class Options:
    """What `polyscore stream` was told. ``bundle``: score with this one, whatever is announced."""

    domain: str
    bundle: Path | None
    format: str
    guarantee: Guarantee
    instance: str


def _begin_again(settings: Settings) -> NoReturn:
    """As a new process in the place of this one, when Kafka answers: of a client that gave up in a transaction nothing is kept.

    Raises ``KeyboardInterrupt`` where it is asked to stop meanwhile: Quix, which listened to the signals, has ended.
    """
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    while True:
        try:
            AdminClient(client_config(settings)).list_topics(timeout=5)
            break
        except (KafkaException, BrokerError):
            time.sleep(process.PAUSE)
    os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])  # noqa: S606  # the very command that runs


def command(settings: Settings, options: Options, say: Callable[[str], None]) -> None:
    """Run the scorer of a domain until SIGINT or SIGTERM. Raises ``InputError`` for settings that Quix refuses."""
    # Quix takes a second to import: wrong options are told before that. A library below it warns of a rename in another.
    with warnings.catch_warnings(record=True):
        from apps import follow, loading, stream, topics  # noqa: PLC0415
    domain = DOMAINS[options.domain]
    instance = options.instance or socket.gethostname()
    refusal = f"a scorer named {instance!r} runs here already; name this one with --instance"
    with process.only(settings.state / f"{domain.name}-{instance}.lock", refusal):
        topics.create_own(settings, domain)
        models: follow.Models
        if options.bundle:
            models = follow.Pinned(loading.load(settings, domain, options.bundle, options.format))
        else:
            models = follow.Follower(settings, domain, options.format, instance)
        at_work = models.start()
        model = at_work.champion
        say(f"scoring {domain.events_topic} with model {model.version} as {model.format}, {options.guarantee}; Ctrl-C stops")
        gc.freeze()  # half a million objects of the libraries, none of them garbage: a tenth of a payment's time to look through
        began = time.monotonic()
        try:
            counts = stream.run(settings, domain, models, at_work, options.guarantee, instance)
        except ValidationError as error:  # Quix knows fewer of librdkafka's security settings than librdkafka does
            raise InputError(in_words(error, "KAFKA_")) if error.title == "ConnectionConfig" else error from None
        except Exception as error:
            if not stream.away(error) or time.monotonic() - began < process.WORKED:
                raise
            why = error.args[0].str() if isinstance(error, KafkaException) else str(error)
            say(f"Kafka is away ({why}); this scorer begins again where it was, once Kafka answers")
            _begin_again(settings)
    said = f"stopped: {counts.decided} decisions, {counts.alerts} alerts, {counts.dead_letters} dead letters, {counts.repeated} repeated"
    say(said + (f", {counts.fallbacks} by the average, while the model's server was away" if counts.fallbacks else ""))
