"""The sink: keeps the database a view of the topics. How far it has read stands in the database, beside the rows it read."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from threading import Event

from sqlalchemy import Connection, Engine, delete, select
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, StatementError
from sqlmodel import col

from apps import reviewed
from apps.database import drop_tables, explain, open_database, sqlite_file, upsert
from apps.errors import BrokerError, DatabaseError, InputError
from apps.logs import logger
from apps.partitions import Extent, KafkaSource, Message, Partition, Source
from apps.records import UNREADABLE, Reader, Record, UnreadableError, readers, unreadable
from apps.settings import Settings
from apps.tables import KEPT_DAYS, AlertRow, DecisionRow, ReviewRow, SinkOffsetRow, SlaWindowRow, Table
from apps.topics import MODELS
from domain.cards import masked
from domain.registry import DOMAINS

LOOK_EVERY = 5.0  # seconds between two looks for new topics and partitions
_FORGET_EVERY = 600.0  # seconds
_GROWS = DecisionRow.metadata.tables["decision"].c.decided_us, SlaWindowRow.metadata.tables["sla_window"].c.end_us
_BACKOFF = (0.5, 1.0, 2.0, 5.0, 10.0)  # seconds before each further try
_log = logger(__name__)
_COMPACTED = {MODELS}  # what goes there is said again by what stays
_Stored = tuple[int, str]  # next offset and topic id
_Item = tuple[Message, Record | None]  # None: nothing to keep


class OffsetsMovedError(Exception):
    """Somebody else changed the offsets in the database (a rebuild, or a second sink): read them again."""


class Sink:
    """Moves messages into the database, one batch a ``step``.

    Each batch's rows and offsets are one transaction, which first checks that the offsets are still those that this
    sink knows. Whatever fails (a database that is away, full or dropped; offsets changed by somebody else), the batch
    is forgotten and read again from the offsets that the database holds: nothing is lost and nothing counts twice.
    """

    def __init__(
        self,
        connect: Callable[[], Engine],
        source: Source,
        topics: Mapping[str, Reader],
        say: Callable[[str], None],
        clock: Callable[[], float],  # seconds, monotonic
    ) -> None:
        self._connect, self._source, self._readers, self._say, self._clock = connect, source, topics, say, clock
        self._engine: Engine | None = None
        self._file: tuple[Path, int] | None = None
        self._extents: dict[Partition, Extent] = {}
        self._stored: dict[Partition, _Stored] = {}
        self._assigned = False
        self._next_look = 0.0
        self.counts: Counter[str] = Counter()

    def step(self) -> int:
        """Read one batch and write it; returns its number of messages.

        Raises ``DatabaseError`` or ``BrokerError``; the next step starts again from what the database holds.
        """
        try:
            engine = self._engine or self._open()
            if not self._assigned or self._source.stale or self._clock() >= self._next_look:
                self._look(engine)
            messages = self._source.read()
            if messages:
                self._check_file()
                self._write(engine, [(message, self._record(message)) for message in messages])
            return len(messages)
        except OffsetsMovedError:
            self._say("the database's offsets were changed by a rebuild or another sink; reading again from there")
            self.close()
            return 0
        except DBAPIError as error:
            url = self._engine.url if self._engine else None
            self.close()
            raise (explain(error, url) if url else DatabaseError(str(error.orig))) from None
        except DatabaseError:
            self.close()
            raise

    def forget(self, before_us: int) -> None:
        """Delete what grows without end and is older (UTC microseconds), as the topics do. Raises ``DatabaseError``."""
        if self._engine is None:
            return
        try:
            with self._engine.begin() as connection:
                for moment in _GROWS:
                    old = (moment.table.c.domain.in_([*DOMAINS]), moment < before_us)  # with the domain: an index says which they are
                    connection.execute(delete(moment.table).where(*old))
        except DBAPIError as error:
            raise explain(error, self._engine.url) from None

    def close(self) -> None:
        """Let go of the database; a further step opens it again."""
        if self._engine is not None:
            self._engine.dispose()
        self._engine = None

    def _open(self) -> Engine:
        self._engine = self._connect()
        file = sqlite_file(self._engine)
        self._file = (file, file.stat().st_ino) if file else None
        self._assigned = False
        return self._engine

    def _look(self, engine: Engine) -> None:
        """Notice new, lost and newly made partitions, and offsets that are gone from the database."""
        self._check_file()
        stale, extents = self._source.stale, self._source.look()
        with engine.begin() as connection:
            stored = _offsets(connection)
        if self._assigned and stored != self._stored:
            raise OffsetsMovedError
        self._next_look = self._clock() + LOOK_EVERY
        if not self._assigned or stale or _ids(extents) != _ids(self._extents):
            self._assign(extents, stored)

    def _assign(self, extents: dict[Partition, Extent], stored: dict[Partition, _Stored]) -> None:
        self._say(f"reading {len(extents)} partitions" if extents else "no topics yet: `polyscore broker start` makes them; waiting")
        self._extents, self._stored, self._assigned = extents, stored, True
        self._source.assign({place: self._start(place, extent) for place, extent in extents.items()})

    def _start(self, place: Partition, extent: Extent) -> int:
        stored = self._stored.get(place)
        if stored is None:
            return extent.low
        offset, topic_id = stored
        if topic_id == extent.topic_id and extent.low <= offset <= extent.high:
            return offset
        if topic_id == extent.topic_id and offset < extent.low:
            why = f"Kafka has deleted what lay between offsets {offset} and {extent.low}"
        else:
            why = "the topic was made anew; rows of the former one stay until `polyscore sink --rebuild`"
        self._say(f"{place[0]}, partition {place[1]}: {why}; reading it from its beginning")
        return extent.low

    def _check_file(self) -> None:
        """An SQLite file that was deleted or replaced would go on taking rows that nobody can read."""
        if self._file is None:
            return
        path, inode = self._file
        if not path.exists() or path.stat().st_ino != inode:
            self._say(f"the database {path} was removed; filling a new one from the topics")
            raise OffsetsMovedError

    def _record(self, message: Message) -> Record | None:
        try:
            return self._readers[message.topic()](message)
        except UnreadableError as error:
            return self._refuse(message, str(error))

    def _refuse(self, message: Message, reason: str) -> Record:
        topic, partition, offset, reason = message.topic(), message.partition(), message.offset(), masked(reason)
        _log.error("a message cannot be stored", topic=topic, partition=partition, offset=offset, why=reason)
        return unreadable(message, reason)

    def _write(self, engine: Engine, batch: Sequence[_Item]) -> None:
        """One transaction; where the database refuses a value, halves, until the one message is found and set aside."""
        try:
            with engine.begin() as connection:
                stored = self._advanced(connection, [message for message, _ in batch])
                found = _by_table(batch)
                acts = found.pop(ReviewRow, [])
                for table, rows in found.items():
                    upsert(connection, table, rows)
                reviewed.enter(connection, acts, found.get(AlertRow, []))
        except (DataError, IntegrityError, OverflowError, StatementError) as error:
            if isinstance(error, DBAPIError) and not isinstance(error, DataError | IntegrityError):
                raise
            for part in self._parts(batch, error):
                self._write(engine, part)
            return
        self._stored |= stored
        self.counts.update(_kind(record) for _, record in batch)

    def _parts(self, batch: Sequence[_Item], error: Exception) -> list[Sequence[_Item]]:
        if len(batch) > 1:
            return [batch[: len(batch) // 2], batch[len(batch) // 2 :]]
        message, record = batch[0]
        if record is None or not record.readable:
            raise error
        return [[(message, self._refuse(message, _said(error)))]]

    def _advanced(self, connection: Connection, messages: Sequence[Message]) -> dict[Partition, _Stored]:
        """Move the offsets on in the database and return the new ones. Raises ``OffsetsMovedError``."""
        places = {(message.topic(), message.partition()): message.offset() + 1 for message in messages}
        found = _offsets(connection)
        if any(found.get(place) != self._stored.get(place) for place in places):
            raise OffsetsMovedError
        stored = {place: (offset, self._extents[place].topic_id) for place, offset in places.items()}
        rows = [{"topic": t, "partition": p, "next_offset": offset, "topic_id": topic_id} for (t, p), (offset, topic_id) in stored.items()]
        upsert(connection, SinkOffsetRow, rows)
        return stored


def run(settings: Settings, *, stop: Event, say: Callable[[str], None] = _log.info) -> Counter[str]:
    """Fill the database until ``stop``; returns how many messages became rows of which table.

    Raises ``DatabaseError`` or ``BrokerError`` where it cannot start; once it runs, it says what is away, once, and tries again.
    """
    topics = readers(list(DOMAINS.values()))
    source = KafkaSource(settings, "polyscore-sink", list(topics))
    sink = Sink(lambda: open_database(settings.database), source, topics, say, time.monotonic)
    try:
        sink.step()
        say("the sink keeps the database in step with the topics; Ctrl-C stops")
        _keep_on(sink, stop, say)
    finally:
        sink.close()
        source.close()
    say(f"stopped: {', '.join(f'{count} {name}' for name, count in sorted(sink.counts.items())) or 'nothing came'}")
    return sink.counts


def _keep_on(sink: Sink, stop: Event, say: Callable[[str], None]) -> None:
    tries, told, due = 0, "", 0.0
    while not stop.is_set():
        try:
            sink.step()
            if time.monotonic() >= due:
                sink.forget(time.time_ns() // 1000 - KEPT_DAYS * 86_400_000_000)
                due = time.monotonic() + _FORGET_EVERY
        except (DatabaseError, BrokerError) as error:
            if str(error) != told:
                say(f"{error} (trying again; nothing is lost)")
            told = str(error)
            stop.wait(_BACKOFF[min(tries, len(_BACKOFF) - 1)])
            tries += 1
            continue
        if told:
            say("going on")
        tries, told = 0, ""


def rebuild(settings: Settings, *, anyway: bool = False) -> None:
    """Drop our tables and make them anew; a sink then fills them from the topics.

    Raises ``DatabaseError``, ``BrokerError`` without a Kafka, and ``InputError`` where it has let go of messages and not ``anyway``.
    """
    source = KafkaSource(settings, "polyscore-sink", list(readers(list(DOMAINS.values()))))
    try:
        cut = sorted({topic for (topic, _), extent in source.look().items() if extent.low > 0 and topic not in _COMPACTED})
    finally:
        source.close()
    if cut and not anyway:
        gone = f"Kafka has let go of the first messages of {', '.join(cut)}, and what they made in the database would be gone for good"
        raise InputError(f"{gone}; say --yes to drop the tables all the same")
    drop_tables(settings.database)


def _offsets(connection: Connection) -> dict[Partition, _Stored]:
    row = SinkOffsetRow
    found = connection.execute(select(col(row.topic), col(row.partition), col(row.next_offset), col(row.topic_id)))
    return {(topic, partition): (offset, topic_id) for topic, partition, offset, topic_id in found}


def _ids(extents: Mapping[Partition, Extent]) -> dict[Partition, str]:
    return {place: extent.topic_id for place, extent in extents.items()}


def _by_table(batch: Sequence[_Item]) -> dict[type[Table], list[dict[str, object]]]:
    rows: dict[type[Table], list[dict[str, object]]] = {}
    for _, record in batch:
        if record is not None:
            rows.setdefault(record.table, []).append(record.row)
    return rows


def _kind(record: Record | None) -> str:
    if record is None:
        return "ignored"
    return str(record.table.__tablename__) if record.readable else UNREADABLE


def _said(error: Exception) -> str:
    return " ".join(str(getattr(error, "orig", None) or error).split())
