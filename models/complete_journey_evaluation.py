"""Judges the cross-sell recipe on *The Complete Journey*: what goes into a basket next, on visits of the last 12 weeks.

Two tasks. ``underway``: sightings in the midst of a visit, at most three of each, drawn by lot; a hit is a group that is not in the
basket yet and that the rest of the visit brings. ``before``: the sighting at the beginning; a hit is a group that the household did
not buy in its last ``LAST_BASKETS`` baskets and that this visit brings. A sighting after which no such group is bought has no answer,
and is no row. One model answers both: it learns from all sightings what the rest of a visit brings.

The baselines know all that there is to know by then, not only what the features remember: the sales of the weeks trained on, and
what the household bought since its first visit, leaning on everybody's sales while that is little.

What is to be expected: before the basket is known, how often a household bought a group is nearly all that the recording tells of
it. A model of one tree set for all groups, with a year of history, recency, time of day and the trend of sales, found 1 to 2 % more
hits than the household's frequency does; with the basket so far, 4 to 5 %.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

import lightgbm as lgb
import numpy as np
from numpy.typing import NDArray

from domain.contract import Domain
from domain.cross_sell.features import SCHEMA
from domain.cross_sell.groups import GROUPS
from domain.cross_sell.ranking import Mask, per_row
from domain.learning import Matrix, Rows
from models import complete_journey, report
from models.complete_journey_sightings import Sightings, sightings
from models.dataset import Progress, counted, silent
from models.errors import DataError
from models.train import one_by_one

if TYPE_CHECKING:
    from models.recorded import Question

TRAIN_WEEKS, TEST_WEEKS = 36, 12
WARM_UP_WEEKS: Final = 4  # of a household's first baskets there is nothing to learn
LAST_BASKETS: Final = 3  # a median basket has five lines: one basket says little of what a household buys
LEANING: Final = 10.0  # baskets that everybody's sales count for in a household's frequency; the strongest of 0.1 to 10
EXAMPLES: Final = 250_000  # pairs of a sighting and a group bought after it, drawn by lot, that a model is fitted to
DRAWS: Final = 1000  # of the bootstrap
INTERVAL: Final = (2.5, 97.5)  # percentiles
_SINCE: Final = [SCHEMA.names.index(f"{g}_baskets_since") for g in GROUPS]


class Task(NamedTuple):
    """The sightings that are judged (n,), and which groups may be said of each (n, groups)."""

    rows: NDArray[np.int64]
    allowed: Mask


def evaluate(domain: Domain, question: Question, progress: Progress = silent) -> dict[str, Any]:
    """The report on both tasks, each with 95 % intervals over households; what stands at its top is of ``underway``.

    Trained on the first 36 weeks; ``split="key"``: on one half of the households, and judged on the other half. Raises
    ``DataError`` for files of another form, and for a recording that is too short.
    """
    if question.test or question.answers:
        raise DataError("--test and --rul: the recorded visits have no files of their own to be judged on")
    emissions = counted(complete_journey.emissions(question.data, underway=True), f"reading {domain.events_name}", 0, progress)
    seen = sightings(domain.features(), emissions)
    learned, judged = _parted(seen, by_household=question.split == "key")
    steps = one_by_one("judging what is bought next", 2, progress)
    steps("the model")
    examples = _examples(seen, learned)
    booster = report.fit(domain.learning().recipe, examples, SCHEMA)
    sales = seen.relevant[learned & ~seen.midway].mean(axis=0)
    steps("the tasks")
    found = {
        name: _judged(seen, task, booster, sales) for name, task in (("underway", underway(seen, judged)), ("before", before(seen, judged)))
    }
    steps("done")
    return {**_flat(found["underway"]), "protocol": {**_protocol(question), "examples": len(examples.y)}, "tasks": found}


def underway(seen: Sightings, judged: Mask) -> Task:
    """Sightings with something in the basket: what may be said is what is not in it."""
    return _task(seen, judged & seen.midway & (seen.baskets > 0), _outside(seen))


def before(seen: Sightings, judged: Mask) -> Task:
    """Sightings at the beginning: what may be said is what was not in the last baskets."""
    return _task(seen, judged & ~seen.midway & (seen.baskets >= LAST_BASKETS), ~(seen.x[:, _SINCE] <= LAST_BASKETS))


def _task(seen: Sightings, chosen: Mask, allowed: Mask) -> Task:
    rows = np.flatnonzero(chosen & (seen.relevant & allowed).any(axis=1))
    if not len(rows):
        raise DataError("the recording holds no visits to be judged on; are its products and transactions of one recording?")
    return Task(rows, allowed[rows])


def _outside(seen: Sightings) -> Mask:
    """(n, groups) what is not in the basket."""
    return np.asarray(seen.x[:, _SINCE] != 0)


def _parted(seen: Sightings, *, by_household: bool) -> tuple[Mask, Mask]:
    """(n,) which sightings are learned from, and which are judged."""
    last = int(seen.week.max()) + 1 - TEST_WEEKS
    if last < TRAIN_WEEKS:
        raise DataError(f"the recording has {seen.week.max() + 1} weeks; {TRAIN_WEEKS + TEST_WEEKS} are needed to learn and to judge")
    learned, judged = (seen.week >= WARM_UP_WEEKS) & (seen.week < TRAIN_WEEKS), seen.week >= last
    if not by_household:
        return learned, judged
    names, place = np.unique(seen.household, return_inverse=True)
    half = (np.random.default_rng(7).permutation(len(names)) % 2 == 0)[place]
    return learned & half, judged & ~half


def _judged(seen: Sightings, task: Task, booster: lgb.Booster, sales: Matrix) -> dict[str, Any]:
    """The model and the baselines on a task. ``sales`` (groups,): the share of visits that brought each group."""
    rows, allowed = task
    answers = {
        "model": np.asarray(booster.predict(seen.x[rows], num_threads=1)),
        "popularity": np.tile(sales, (len(rows), 1)),
        "household frequency": (seen.habits[rows] + LEANING * sales) / (seen.baskets[rows, None] + LEANING),
    }
    hits = {name: per_row(seen.relevant[rows], scores, allowed) for name, scores in answers.items()}
    return {
        "judged": len(rows),
        "households": len(np.unique(seen.household[rows])),
        "groups_allowed": float(allowed.sum(axis=1).mean()),
        "groups_bought": float((seen.relevant[rows] & allowed).sum(axis=1).mean()),
        **_compared(hits, seen.household[rows]),
    }


def _examples(seen: Sightings, learned: Mask) -> Rows:
    """One example for each group that a visit brought after a sighting: so a group's score follows the chance that it is bought at all."""
    row, group = np.nonzero(seen.relevant & _outside(seen) & (learned & (seen.baskets > 0))[:, None])
    if not len(row):
        raise DataError("the recording holds no visits to learn from; are its products and transactions of one recording?")
    if len(row) > EXAMPLES:
        chosen = np.sort(np.random.default_rng(7).choice(len(row), EXAMPLES, replace=False))
        row, group = row[chosen], group[chosen]
    return Rows(seen.x[row], group.astype(np.float64), seen.household[row], seen.week[row] * 7)


def _compared(hits: dict[str, dict[str, Matrix]], household: NDArray[np.str_]) -> dict[str, Any]:
    """Every measure of every contestant with its interval, and the model's lead over the stronger baseline."""
    names, place = np.unique(household, return_inverse=True)
    drawn = np.random.default_rng(7).multinomial(len(names), np.full(len(names), 1 / len(names)), size=DRAWS).astype(np.float64)
    counts = drawn @ np.bincount(place).astype(np.float64)

    def means(values: Matrix) -> Matrix:
        return np.asarray(drawn @ np.bincount(place, values) / counts)

    found: dict[str, Any] = {who: {name: _interval(float(v.mean()), means(v)) for name, v in of.items()} for who, of in hits.items()}
    strongest = max((who for who in hits if who != "model"), key=lambda who: float(found[who]["hit@1"]["mean"]))
    ours, theirs = hits["model"]["hit@1"], hits[strongest]["hit@1"]
    found["stronger baseline"] = strongest
    found["lead in hit@1"] = _interval(float((ours - theirs).mean()), means(ours - theirs))
    found["relative lead in hit@1"] = _interval(float(ours.mean() / theirs.mean() - 1), means(ours) / means(theirs) - 1)
    return found


def _interval(mean: float, draws: Matrix) -> dict[str, float]:
    low, high = np.percentile(draws, INTERVAL)
    return {"mean": mean, "low": float(low), "high": float(high)}


def _flat(task: dict[str, Any]) -> dict[str, float | int]:
    """The numbers that are shown first."""
    plain: dict[str, float | int] = {"households": task["households"], "sightings_judged": task["judged"]}
    for who in ("model", "popularity", "household frequency"):
        for name, found in task[who].items():
            plain[name if who == "model" else f"{who} {name}"] = found["mean"]
    for name in ("lead in hit@1", "relative lead in hit@1"):
        plain |= {name: task[name]["mean"], f"{name}, low": task[name]["low"], f"{name}, high": task[name]["high"]}
    return plain


def _protocol(question: Question) -> dict[str, Any]:
    return {
        "method": "other households" if question.split == "key" else "the same households, later",
        "train_weeks": TRAIN_WEEKS,
        "test_weeks": TEST_WEEKS,
        "last_baskets": LAST_BASKETS,
        "groups": list(GROUPS),
        "intervals": f"95 %, bootstrap over households, {DRAWS} draws",
    }
