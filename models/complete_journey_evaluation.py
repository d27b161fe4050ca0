"""Judges the cross-sell recipe on *The Complete Journey*: what goes into a basket next, on visits of the last 12 weeks.

A hit is a group that the household bought neither on this visit yet nor in its last ``LAST_BASKETS`` baskets, and that the rest of this
visit brings. A sighting after which no such group is bought has no answer, and is no row. ``underway``: sightings in the midst of a
visit, at most three of each, drawn by lot. ``before``: the sighting at the beginning, when nothing is in the basket. One model answers
both: it learns from all sightings what the rest of a visit brings.

Each is judged on two lists of groups. ``companions``: the 20 categories that go together most (``complete_journey_companions``), because
cross-selling is selling what belongs to a basket; which they are is measured on the visits learned from. ``shelves``: the domain's 14
groups, into which a whole supermarket is parted. What stands at the top of the report is of the companions, underway.

The baselines know all that there is to know by then of what is bought, not only what the features remember: the sales of the weeks
trained on, and what the household bought since its first visit, with every basket alike or with the recent ones counting more, leaning
on everybody's sales while that is little, as much as is best on the weeks trained on.

What is to be expected: before the basket is known, how often a household bought a group is nearly all that the recording tells of it.
No choice of groups, of last baskets or of features that was tried made more than 3 % of it (docs/cross-sell-on-recorded-baskets.md).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import lightgbm as lgb
import numpy as np
from numpy.typing import NDArray

from domain.contract import Domain
from domain.cross_sell.features import schema_of
from domain.cross_sell.ranking import Mask, per_row
from domain.learning import Matrix, Recipe, Rows
from models import complete_journey, report
from models.complete_journey_companions import MOST, SHARE, categories, companions
from models.complete_journey_groups import OURS, Grouping
from models.complete_journey_sightings import Sightings, sightings
from models.dataset import Progress, counted, silent
from models.errors import DataError
from models.train import one_by_one

if TYPE_CHECKING:
    from models.recorded import Question

TRAIN_WEEKS, TEST_WEEKS = 36, 12
WARM_UP_WEEKS: Final = 4  # of a household's first baskets there is nothing to learn
LAST_BASKETS: Final = 3  # a median basket has five lines: one basket says little of what a household buys
LEANINGS: Final = (0.1, 0.3, 1.0, 3.0, 10.0, 30.0)  # baskets that everybody's sales may count for in a household's frequency
EXAMPLES: Final = 250_000  # pairs of a sighting and a group bought after it, drawn by lot, that a model is fitted to
DRAWS: Final = 1000  # of the bootstrap
INTERVAL: Final = (2.5, 97.5)  # percentiles
BASELINES: Final = ("popularity", "household frequency", "recent household frequency")


class Task(NamedTuple):
    """The sightings that are judged (n,), and which groups may be said of each (n, groups)."""

    rows: NDArray[np.int64]
    allowed: Mask


def evaluate(domain: Domain, question: Question, progress: Progress = silent) -> dict[str, Any]:
    """The report on all tasks, each with 95 % intervals over households; what stands at its top is of ``companions underway``.

    Trained on the first 36 weeks; ``split="key"``: on one half of the households, and judged on the other half. Raises
    ``DataError`` for files of another form, and for a recording that is too short.
    """
    if question.test or question.answers:
        raise DataError("--test and --rul: the recorded visits have no files of their own to be judged on")
    found, by_household = dict[str, Any](), question.split == "key"
    groupings = {"companions": together(question, by_household=by_household), "shelves": OURS}
    steps = one_by_one("judging what is bought next", len(groupings), progress)
    for name, grouping in groupings.items():
        stream = complete_journey.emissions(question.data, underway=True, grouping=grouping)
        seen = sightings(counted(stream, f"reading {domain.events_name}", 0, progress), grouping.names)
        steps(name)
        for task, report_on in _of_grouping(seen, domain.learning().recipe, grouping, by_household=by_household).items():
            found[f"{name} {task}"] = report_on
    steps("done")
    return {**_flat(found["companions underway"]), "protocol": _protocol(question, groupings["companions"]), "tasks": found}


def together(question: Question, *, by_household: bool) -> Grouping:
    """The categories that go together, on the visits that are learned from."""
    every = categories(question.data)
    visits = complete_journey.visits(question.data, every)
    learned, _ = parted(visits.household, visits.week, by_household=by_household)
    return companions(every.names, visits.brought[learned])


def underway(seen: Sightings, chosen: Mask) -> Task:
    """Sightings with something in the basket."""
    return _task(seen, chosen & seen.midway)


def before(seen: Sightings, chosen: Mask) -> Task:
    """Sightings at the beginning."""
    return _task(seen, chosen & ~seen.midway)


def _task(seen: Sightings, chosen: Mask) -> Task:
    """What may be said is what is neither in the basket nor was in the last ones; a household without so many is not judged."""
    allowed = ~(seen.since <= LAST_BASKETS)
    rows = np.flatnonzero(chosen & (seen.baskets >= LAST_BASKETS) & (seen.relevant & allowed).any(axis=1))
    if not len(rows):
        raise DataError("the recording holds no visits to be judged on; are its products and transactions of one recording?")
    return Task(rows, allowed[rows])


def parted(household: NDArray[np.str_], week: NDArray[np.int64], *, by_household: bool) -> tuple[Mask, Mask]:
    """(n,) which visits or sightings are learned from, and which are judged."""
    last = int(week.max()) + 1 - TEST_WEEKS
    if last < TRAIN_WEEKS:
        raise DataError(f"the recording has {week.max() + 1} weeks; {TRAIN_WEEKS + TEST_WEEKS} are needed to learn and to judge")
    learned, judged = (week >= WARM_UP_WEEKS) & (week < TRAIN_WEEKS), week >= last
    if not by_household:
        return learned, judged
    names, place = np.unique(household, return_inverse=True)
    half = (np.random.default_rng(7).permutation(len(names)) % 2 == 0)[place]
    return learned & half, judged & ~half


def _of_grouping(seen: Sightings, recipe: Recipe, grouping: Grouping, *, by_household: bool) -> dict[str, Any]:
    """The report on both tasks, by one model."""
    learned, judged = parted(seen.household, seen.week, by_household=by_household)
    examples = _examples(seen, learned)
    fitting = replace(recipe, params={**recipe.params, "num_class": len(grouping.names)})
    booster = report.fit(fitting, examples, schema_of(grouping.names))
    tasks = {"underway": underway, "before": before}
    return {name: {"examples": len(examples.y), **_judged(seen, task, learned, judged, booster)} for name, task in tasks.items()}


def _judged(seen: Sightings, task: Callable[[Sightings, Mask], Task], learned: Mask, judged: Mask, booster: lgb.Booster) -> dict[str, Any]:
    """The model and the baselines on a task. What the baselines lean on was tried on the sightings learned from."""
    (rows, allowed), practice = task(seen, judged), task(seen, learned)
    sales = seen.relevant[learned & ~seen.midway].mean(axis=0)
    shares = {
        "household frequency": (seen.habits, seen.baskets),
        "recent household frequency": (seen.recent_habits, seen.recent_baskets),
    }
    answers = {
        "model": np.asarray(booster.predict(seen.x[rows], num_threads=1)),
        "popularity": np.tile(sales, (len(rows), 1)),
        **{name: _leaning(seen, practice, *of, sales)[rows] for name, of in shares.items()},
    }
    hits = {name: per_row(seen.relevant[rows], scores, allowed) for name, scores in answers.items()}
    return {
        "judged": len(rows),
        "households": len(np.unique(seen.household[rows])),
        "groups_allowed": float(allowed.sum(axis=1).mean()),
        "groups_bought": float((seen.relevant[rows] & allowed).sum(axis=1).mean()),
        **_compared(hits, seen.household[rows]),
    }


def _leaning(seen: Sightings, practice: Task, habits: Matrix, baskets: Matrix, sales: Matrix) -> Matrix:
    """(n, groups) each household's shares, leaning on ``sales`` as much as finds most on ``practice``.

    ``sales`` (groups,): the share of visits that brought each group.
    """
    leaning = [(habits + much * sales) / (baskets[:, None] + much) for much in LEANINGS]
    rows, allowed = practice
    return max(leaning, key=lambda shares: float(per_row(seen.relevant[rows], shares[rows], allowed)["hit@1"].mean()))


def _examples(seen: Sightings, learned: Mask) -> Rows:
    """One example for each group that a visit brought after a sighting: so a group's score follows the chance that it is bought at all."""
    row, group = np.nonzero(seen.relevant & (seen.since != 0) & (learned & (seen.baskets > 0))[:, None])
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
    strongest = max(BASELINES, key=lambda who: float(found[who]["hit@1"]["mean"]))
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
    for who in ("model", *BASELINES):
        for name, found in task[who].items():
            plain[name if who == "model" else f"{who} {name}"] = found["mean"]
    for name in ("lead in hit@1", "relative lead in hit@1"):
        plain |= {name: task[name]["mean"], f"{name}, low": task[name]["low"], f"{name}, high": task[name]["high"]}
    return plain


def _protocol(question: Question, grouping: Grouping) -> dict[str, Any]:
    return {
        "method": "other households" if question.split == "key" else "the same households, later",
        "train_weeks": TRAIN_WEEKS,
        "test_weeks": TEST_WEEKS,
        "last_baskets": LAST_BASKETS,
        "groups": list(grouping.names),
        "groups_are": f"of the categories in {SHARE:.1%} of the visits learned from, the {MOST} with the highest lift over another",
        "intervals": f"95 %, bootstrap over households, {DRAWS} draws",
    }
