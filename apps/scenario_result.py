"""What a run of a scenario came to, and the folder that keeps it: `<home>/scenarios/NAME-<time>/`. Also who runs one now.

Knows no Kafka: the dashboard reads these folders too.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

import psutil
from pydantic import BaseModel, ConfigDict, Field, ValidationError

Verdict = Literal["PASS", "FAIL", "CANNOT RUN", "STOPPED"]
STATUS: dict[Verdict, int] = {"PASS": 0, "FAIL": 1, "CANNOT RUN": 2, "STOPPED": 130}  # exit statuses
RESULT, MARKDOWN, HTML, LOG, RUNNING = "result.json", "report.md", "report.html", "log.txt", "running.json"
_NAMED = re.compile(r"(?P<name>.+)-(?P<time>\d{8}-\d{6})(-(?P<number>\d+))?")


class _Kept(BaseModel):
    model_config = ConfigDict(frozen=True)


class Step(_Kept):
    """A line of the story as it went. Times in seconds since the run began."""

    kind: Literal["given", "when", "then"]
    text: str
    at_s: float
    took_s: float
    value: float | None = None  # of a claim
    wanted: str = ""
    unit: str = ""
    held: bool | None = None
    why: str = ""  # where it did not hold, beyond the number

    @property
    def shown(self) -> str:
        """The claim's number as people read it."""
        return "–" if self.value is None else f"{self.value:,.4g}{self.unit}" if abs(self.value) < 1e4 else f"{self.value:,.0f}{self.unit}"


class Sample(_Kept):
    """Where the live events stood at a moment: counts since the first one, and the ledger's sums."""

    at_s: float
    sent: int
    decided: int
    worth: dict[str, float] = Field(default_factory=dict)


class Result(_Kept):
    """A run."""

    name: str
    domain: str
    expects: str
    verdict: Verdict
    why: str  # one line
    began: datetime
    seconds: float
    seed: int
    speed: float
    format: str
    model: str = ""
    planted: tuple[str, ...] = ()
    steps: tuple[Step, ...] = ()
    samples: tuple[Sample, ...] = ()
    numbers: dict[str, float] = Field(default_factory=dict)


class Running(_Kept):
    """Who runs a scenario; believed only while that very process lives."""

    name: str
    pid: int
    created: float  # of the process, by the system's clock
    folder: str = ""


def kept_in(home: Path) -> Path:
    """Where results are kept."""
    return home / "scenarios"


def new_folder(home: Path, name: str, now: datetime) -> Path:
    """A folder that is not there yet; it is made. Raises ``OSError``."""
    base = f"{name}-{now:%Y%m%d-%H%M%S}"
    for number in range(1, 100):
        folder = kept_in(home) / (base if number == 1 else f"{base}-{number}")
        try:
            folder.mkdir(parents=True)
        except FileExistsError:
            continue
        return folder
    raise FileExistsError(str(kept_in(home) / base))


def write(folder: Path, result: Result) -> None:
    """Raises ``OSError``."""
    _whole(folder / RESULT, result.model_dump_json(indent=1) + "\n")


def _whole(path: Path, text: str) -> None:
    """Half a file is never seen."""
    unfinished = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    unfinished.write_text(text)
    os.replace(unfinished, path)


def read(folder: Path) -> Result | None:
    """The result in a folder; None where there is none that can be read."""
    try:
        return Result.model_validate_json((folder / RESULT).read_bytes())
    except (OSError, ValidationError):
        return None


def folders(home: Path, name: str = "") -> list[Path]:
    """The folders of runs (of one story), the newest first."""
    named = [(m, f) for f in kept_in(home).glob("*") if (m := _NAMED.fullmatch(f.name)) and (not name or m["name"] == name)]
    return [folder for _, folder in sorted(named, key=lambda each: (each[0]["time"], int(each[0]["number"] or 1)), reverse=True)]


def newest(home: Path, name: str) -> tuple[Path, Result] | None:
    """The newest finished run of a story."""
    return next(((folder, found) for folder in folders(home, name) if (found := read(folder))), None)


def mark_running(folder: Path, name: str, pid: int | None = None) -> None:
    """Say in the folder that a process (this one) runs a scenario there. Raises ``psutil.Error`` where it has ended."""
    process = psutil.Process(pid)
    _whole(folder / RUNNING, Running(name=name, pid=process.pid, created=process.create_time()).model_dump_json())


def running(home: Path) -> Running | None:
    """The scenario that runs now, if one does: found by its folder, however it was started."""
    for file in sorted(kept_in(home).glob(f"*/{RUNNING}"), reverse=True):
        try:
            found = Running.model_validate_json(file.read_bytes())
            process = psutil.Process(found.pid)
            if abs(process.create_time() - found.created) < 1.0 and process.status() != psutil.STATUS_ZOMBIE:
                return found.model_copy(update={"folder": str(file.parent)})
        except (OSError, ValidationError, psutil.Error):
            continue
    return None


def now() -> datetime:
    return datetime.now(UTC)


def as_json(result: Result) -> str:
    """One document for other programs."""
    return json.dumps(result.model_dump(mode="json"), indent=2)


def failed(steps: Sequence[Step]) -> list[Step]:
    """The claims that did not hold."""
    return [step for step in steps if step.held is False]
