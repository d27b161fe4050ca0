"""One subject on one case: opened and compared with LightGBM, and only then free to be timed."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

from exports.errors import EngineMissing, ExportError
from exports.parity import JUDGED_ROWS, Comparison, Truth
from tests.bench import cold
from tests.bench.cases import SCHEMA, Case, Prepared
from tests.bench.duel import Duel
from tests.bench.subjects import BEARABLE, Opened, Subject

FEW: Final = 100
MEASURES: Final = {"one": 1, "hundred": FEW, "ten_thousand": 10_000}
MADE: Final = 2_000  # rows that stand on splits, beside the rows that are timed
JUDGED_S: Final = 3.0  # how long an engine may be asked for its answers
LEAST_JUDGED: Final = 20
LONGEST_S: Final = 2.5  # one call that takes longer is not measured
BATCHES: Final = 11  # rounds of batches at least: a median of fewer is one moment's
BATCHES_S: Final = 20.0  # but no more than fit this, of one subject on one model,
_BATCHES_TIMES: Final = 80.0  # ... or into so many times the seconds of a small run


@dataclass
class Contest:
    """``entry`` is what the report gets; ``opened`` is None where nothing may be timed, for the reason that stands there."""

    subject: Subject
    prepared: Prepared
    yardstick: Opened
    entry: dict[str, Any]
    opened: Opened | None = None
    row_s: float = 0.0

    @property
    def timed(self) -> bool:
        return self.opened is not None

    def duel(self, measure: str, seconds: float) -> Duel | None:
        """What times ``measure``; None, and the reason in the entry, where one call would take too long."""
        rows, ours, theirs, x = MEASURES[measure], self.opened, self.yardstick, self.prepared.rows
        assert ours is not None
        expected = self._expected_s(ours, rows)
        if expected > LONGEST_S:
            self.entry["unmeasured"][measure] = f"a call would take about {expected:,.0f} s"
            return None
        if rows == 1:
            return Duel(ours.one, theirs.one, x.tolist(), seconds)
        parts = [x[i : i + rows] for i in range(0, min(len(x), 20 * rows), rows)]
        long = (expected, self._expected_s(theirs, rows)) if rows > FEW else None
        return Duel(ours.batch, theirs.batch, parts, seconds, long, least_rounds=BATCHES, most_s=min(BATCHES_S, _BATCHES_TIMES * seconds))

    def _expected_s(self, opened: Opened, rows: int) -> float:
        """What a call of so many rows takes: from a single row, or, where many rows may be quicker than one by one, from a hundred."""
        if rows <= FEW or self.row_s * FEW > LONGEST_S:
            return self.row_s * rows
        return _seconds(opened.batch, self.prepared.rows[:FEW]) / FEW * rows

    def cold(self) -> dict[str, Any]:
        """One cold process. Raises ``RuntimeError``."""
        artifact = self.prepared.artifacts[self.subject.model_format]
        return cold.start(self.subject, artifact, SCHEMA.to_json(), self.prepared.rows[0].tolist())


def enter(subject: Subject, prepared: Prepared, truth: Truth, yardstick: Opened) -> Contest:
    """Open the subject's artifact and compare its answers. What fails, is refused or missing is told in the entry and not timed."""
    entry: dict[str, Any] = {"case": prepared.case.name, "subject": subject.name, "unmeasured": {}}
    contest = Contest(subject, prepared, yardstick, entry)
    found, opened = _compared(contest, truth)
    contest.entry |= {"outcome": found.outcome, "reason": found.reason, "parity": _figures(found)}
    if found.outcome == "passed":
        contest.opened = opened
        contest.entry["bytes"] = prepared.artifacts[subject.model_format].stat().st_size
    return contest


def _compared(contest: Contest, truth: Truth) -> tuple[Comparison, Opened | None]:
    subject, prepared = contest.subject, contest.prepared
    if subject.model_format not in prepared.artifacts:
        return Comparison(subject.name, "refused", prepared.refused[subject.model_format]), None
    if (reason := too_large(subject, prepared.case)) is not None:
        return Comparison(subject.name, "unavailable", reason), None
    try:
        opened = subject.importing()(prepared.artifacts[subject.model_format], SCHEMA)
        contest.row_s = _seconds(opened.one, prepared.rows[0].tolist())
    except (EngineMissing, ImportError) as error:
        return Comparison(subject.name, "unavailable", str(error)), None
    except ExportError as error:
        return Comparison(subject.name, "failed", str(error)), None
    return answers(subject.name, opened, truth, contest.row_s), opened


def answers(name: str, opened: Opened, truth: Truth, row_s: float) -> Comparison:
    """A scorer of ours on all rows, an engine on as many as it has the time for."""
    scorer, engine = opened.scorer, opened.engine
    if scorer is not None:
        return truth.of_format(name, lambda: scorer)
    assert engine is not None
    most = max(LEAST_JUDGED, min(JUDGED_ROWS, int(JUDGED_S / max(row_s, 1e-9))))
    return truth.of_judge(name, lambda: engine, most)


def too_large(subject: Subject, case: Case) -> str | None:
    """Why a slow engine is not asked, where the model is too large for it."""
    most = BEARABLE.get(subject.name)
    if most is None or case.trees * case.leaves <= most:
        return None
    return f"left out: beyond {most:,} leaves it takes {subject.name} ten seconds to load and half a second a row"


def _seconds(call: Callable[[Any], Any], item: Any) -> float:
    """What a call takes about, at the second try."""
    call(item)
    began = time.perf_counter()
    call(item)
    return time.perf_counter() - began


def _figures(found: Comparison) -> dict[str, Any]:
    kept: Sequence[str] = ("rows", "equal", "raw_ulps", "value_ulps", "worst")
    return {name: value for name, value in asdict(found).items() if name in kept}
