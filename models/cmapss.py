"""Reads NASA's C-MAPSS turbofan engines (train, test and RUL files of FD001 to FD004) as telemetry and ends of lives of ours.

A line is an engine's cycle: unit, cycle, 3 settings and 21 sensors, blank separated, no header; plain text or gzip. An engine of a train
file fails after its last cycle; one of a test file is cut off before, and the RUL file says, a line an engine, how many cycles it had left.
"""

from __future__ import annotations

import gzip
import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from domain.contract import Emission
from domain.maintenance.events import SENSORS, SETTINGS, Ending, Telemetry
from models.errors import DataError

START: Final = datetime(2008, 1, 1, tzinfo=UTC)  # the files have no times: every engine's first cycle is given this one
CYCLE: Final = timedelta(hours=1)
COLUMNS: Final = 2 + SETTINGS + SENSORS
_LARGEST: Final = 1e9  # what a reading of ours may be
_GZIP: Final = b"\x1f\x8b"


@dataclass
class Engine:
    """An engine's cycles, from its first: settings and sensors in one tuple each. ``left``: cycles after the last one until it fails."""

    name: str
    cycles: list[tuple[float, ...]] = field(default_factory=list)
    left: int = 0


def train_files(data: list[Path]) -> list[Path]:
    """The files themselves, and the train files of folders. Raises ``DataError`` for a folder without any."""
    found: list[Path] = []
    for path in data:
        inside = sorted(path.glob("train_FD*.txt*")) if path.is_dir() else [path]
        if not inside:
            raise DataError(f"{path}: no train file of C-MAPSS in this folder (train_FD001.txt, or .txt.gz)")
        found += inside
    for file in found:
        if file.name.startswith("test_FD"):
            raise DataError(f"{file}: a test file's engines are cut off before they fail; give the train file, and this one with --test")
    return found


def count(data: list[Path]) -> int:
    """How many cycles the train files hold."""
    return sum(len(engine.cycles) for file in train_files(data) for engine in engines(file))


def emissions(data: list[Path]) -> Iterator[Emission]:
    """Telemetry and failures of all train files, in order of time. Raises ``DataError`` naming file and line."""
    files = train_files(data)
    if len({_stem(file) for file in files}) < len(files):
        raise DataError(f"{', '.join(map(str, files))}: two files of the same name would mix their engines; give one of them, or rename it")
    return told([engine for file in files for engine in engines(file)])


def tested(test: Path, answers: Path) -> list[Engine]:
    """The engines of a test file, each with the cycles that it had left. Raises ``DataError`` naming file and line."""
    if (one := _set(test)) and (other := _set(answers)) and one != other:
        raise DataError(f"{answers} is of {other}, {test} of {one}: give the RUL file of the same set")
    found, left = engines(test), remaining(answers)
    if len(found) != len(left):
        raise DataError(f"{answers}: {len(left)} lines for the {len(found)} engines of {test}; give the RUL file of the same set")
    for engine, cycles in zip(found, left, strict=True):
        engine.left = cycles
    return found


def _set(file: Path) -> str:
    """Which of the four sets a file is of, by its name; empty where that does not say."""
    found = re.search(r"FD[0-9]{3}", file.name)
    return found[0] if found else ""


def told(fleet: list[Engine]) -> Iterator[Emission]:
    """The engines' cycles side by side, one an hour, and the failure of each an hour after its last cycle."""
    return iter(sorted((e for engine in fleet for e in _messages(engine)), key=lambda e: (e.at, e.stream, e.key)))


def engines(file: Path) -> list[Engine]:
    """The engines of a train or test file, in their order there. Raises ``DataError`` naming the line that is none of theirs."""
    found: list[Engine] = []
    for number, words in _lines(file):
        if len(words) != COLUMNS:
            raise DataError(f"{file}, line {number}: {len(words)} columns; C-MAPSS has {COLUMNS}: unit, cycle, 3 settings, 21 sensors")
        unit, cycle = (_whole(file, number, word, name) for word, name in zip(words, ("unit", "cycle"), strict=False))
        due = len(found[-1].cycles) + 1 if found else 1
        if unit == len(found) + 1 and cycle == 1:
            found.append(Engine(f"{_stem(file)}-{unit:03d}"))
        elif unit != len(found) or cycle != due:
            raise DataError(
                f"{file}, line {number}: unit {unit}, cycle {cycle}; expected is cycle {due} of unit {max(len(found), 1)}"
                f"{f', or cycle 1 of unit {len(found) + 1}' if found else ''}"
            )
        found[-1].cycles.append(tuple(_reading(file, number, i, word) for i, word in enumerate(words[2:], 3)))
    if not found:
        raise DataError(f"{file}: no engines there; a line is unit, cycle, 3 settings and 21 sensors")
    return found


def remaining(file: Path) -> list[int]:
    """The cycles left, an engine a line. Raises ``DataError`` naming the line that is no whole number."""
    found = []
    for number, words in _lines(file):
        if len(words) != 1:
            raise DataError(f"{file}, line {number}: {len(words)} columns; a RUL file has one number a line, the cycles left")
        found.append(_whole(file, number, words[0], "remaining life"))
    return found


def _lines(file: Path) -> Iterator[tuple[int, list[str]]]:
    try:
        data = file.read_bytes()
        text = (gzip.decompress(data) if data.startswith(_GZIP) else data).decode("ascii")
    except OSError as error:
        raise DataError(f"{file}: {error.strerror or error}") from None
    except (EOFError, zlib.error, UnicodeDecodeError) as error:
        raise DataError(f"{file}: neither the text of a C-MAPSS file nor a whole gzip of it ({error})") from None
    for number, line in enumerate(text.splitlines(), 1):
        if words := line.split():
            yield number, words


def _whole(file: Path, number: int, word: str, name: str) -> int:
    value = float(word) if word.replace(".", "", 1).isdigit() else -1.0  # some copies write 1.0
    if value < 0 or value != int(value):
        raise DataError(f"{file}, line {number}: {name} {word!r} is not a whole number")
    return int(value)


def _reading(file: Path, number: int, column: int, word: str) -> float:
    try:
        value = float(word)
    except ValueError:
        raise DataError(f"{file}, line {number}, column {column}: {word!r} is not a number") from None
    if not abs(value) <= _LARGEST:
        raise DataError(f"{file}, line {number}, column {column}: {word!r} is no reading; at most {_LARGEST:g} either way is allowed")
    return value


def _stem(file: Path) -> str:
    return file.name.split(".")[0]


def _messages(engine: Engine) -> Iterator[Emission]:
    at = START
    for cycle, values in enumerate(engine.cycles, 1):
        at = START + (cycle - 1) * CYCLE
        event = Telemetry(machine_id=engine.name, event_time=at, cycle=cycle, settings=values[:SETTINGS], sensors=values[SETTINGS:])
        yield Emission(at, "events", event.key, event)
    known, failed = at + (engine.left + 1) * CYCLE, len(engine.cycles) + engine.left
    label = Ending(machine_id=engine.name, event_time=known, installed=0, cycle=failed, kind="failure")
    yield Emission(known, "labels", label.key, label)
