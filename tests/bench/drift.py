"""A world whose frauds change: what each way to go on learning buys against a model that is left as it is, week by week, as one chart.

In memory: the rows of a simulated stream and its labels, a week late. Every week each way may offer a candidate to the gate, as
``polyscore retrain`` does; the online learner learns label by label and is followed as it is. Figures are average precisions of what each
would have decided by, on all payments of the week.
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import lightgbm as lgb
import numpy as np
from matplotlib import rc_context
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from sklearn.metrics import average_precision_score

from domain.learning import Matrix
from domain.registry import DOMAINS
from models import gate
from models.dataset import Dataset, replay
from models.online import learner
from models.refit import DECAY
from models.report import fitted, learnable

FRAUD = DOMAINS["fraud"]
WEEK, TRAIN, DELAY = 7, 14, 7  # days
FIRST = TRAIN + DELAY + WEEK  # the first day that is judged: what the first model learned from, and the wait for its labels
_COLOURS = {"left as it is": "#707070", "trained again": "#0072b2", "leaves refitted": "#009e73", "online": "#d55e00"}
_MARKS = {"left as it is": "x", "trained again": "o", "leaves refitted": "s", "online": "^"}
Booster = lgb.Booster
Candidate = Callable[[Booster, np.ndarray], Booster]


@dataclass(frozen=True)
class World:
    """How large and how long, and when its frauds change (days)."""

    customers: int = 800
    days: int = 133
    drift: int = 63


FULL, SMOKE = World(), World(200, 70, 42)


def measured(world: World) -> dict[str, Any]:
    """Average precision a week of each way, and when it took a new model."""
    start = datetime(2025, 3, 3, tzinfo=UTC)
    sizes = {"customers": world.customers, "terminals": 2 * world.customers, "drift_after_days": world.drift}
    data = replay(FRAUD, FRAUD.simulate(5, start, days=world.days, **sizes))
    weeks = list(range(FIRST, int(data.day[data.labelled].max()) + 2 - WEEK, WEEK))
    first = fitted(FRAUD, data.chosen(_days(data, 0, TRAIN)))[""]
    said = _online(data)
    ways = {
        "left as it is": ([_of_week(data, week, _answers(data, first)) for week in weeks], []),
        "trained again": _offering(data, weeks, first, lambda _, rows: fitted(FRAUD, data.chosen(rows))[""]),
        "leaves refitted": _offering(data, weeks, first, lambda champion, rows: _refitted(data, champion, rows)),
        "online": ([_of_week(data, week, said.__getitem__) for week in weeks], []),
    }
    return {
        "world": {"customers": world.customers, "days": world.days, "drift_day": world.drift, "payments": len(data)},
        "weeks": weeks,
        "average_precision": {name: values for name, (values, _) in ways.items()},
        "promotions": {name: taken for name, (_, taken) in ways.items()},
    }


def _days(data: Dataset, first: int, end: int) -> np.ndarray:
    return np.flatnonzero(data.labelled & (data.day >= first) & (data.day < end))


def _answers(data: Dataset, booster: Booster) -> Callable[[np.ndarray], Matrix]:
    return lambda rows: np.asarray(booster.predict(data.x[rows], num_threads=1))


def _of_week(data: Dataset, week: int, answers: Callable[[np.ndarray], Matrix]) -> float:
    rows = _days(data, week, week + WEEK)
    return float(average_precision_score(data.y[rows], answers(rows)))


def _offering(data: Dataset, weeks: list[int], first: Booster, candidate: Candidate) -> tuple[list[float], list[int]]:
    """A candidate a week, from the days before those that it is judged on; the gate says whether it is taken."""
    champion, values, taken = first, [], []
    for week in weeks:
        judged = _days(data, week - DELAY - WEEK, week - DELAY)
        offered = candidate(champion, _days(data, week - DELAY - WEEK - TRAIN, week - DELAY - WEEK))
        one, other = (
            gate.Contender(name, _answers(data, b)(judged)[:, None], 1, 1.0, {}) for name, b in (("old", champion), ("new", offered))
        )
        if gate.judge(FRAUD, data.chosen(judged), one, other, gate.Limits(resamples=50), np.random.default_rng(7)).better:
            champion = offered
            taken.append(week)
        values.append(_of_week(data, week, _answers(data, champion)))
    return values, taken


def _refitted(data: Dataset, champion: Booster, rows: np.ndarray) -> Booster:
    return champion.refit(learnable(data.x[rows], FRAUD.schema), data.y[rows], decay_rate=DECAY)


def _online(data: Dataset) -> Matrix:
    """(n,) what the learner said of each row, when it had learned what was known by then."""
    model, said, known = learner(FRAUD, 1), np.zeros(len(data)), _known(data)
    for i, day in enumerate(data.day):
        for j in known(int(day)):
            model.learn(data.x[j], data.y[j])
        said[i] = model.answer(data.x[i])[0]
    return said


def _known(data: Dataset) -> Callable[[int], Iterator[int]]:
    """The rows whose labels have come by a day and were not told yet."""
    waiting = iter(np.flatnonzero(data.labelled).tolist())
    held: list[int] = []

    def by(day: int) -> Iterator[int]:
        while True:
            row = held.pop() if held else next(waiting, None)
            if row is None:
                return
            if data.day[row] + DELAY > day:
                held.append(row)
                return
            yield row

    return by


def chart(found: Mapping[str, Any]) -> str:
    """As SVG text: a line a way, a mark where it took a new model, and when the world changed."""
    figure = Figure(figsize=(9, 4), layout="constrained")
    FigureCanvasSVG(figure)
    axes = figure.subplots()
    axes.axvline(found["world"]["drift_day"], color="#707070", linestyle=":", linewidth=1)
    axes.text(found["world"]["drift_day"], 1.01, "frauds change", ha="center", transform=axes.get_xaxis_transform(), fontsize=9)
    for name, values in found["average_precision"].items():
        axes.plot(found["weeks"], values, color=_COLOURS[name], marker=_MARKS[name], markersize=5, label=name)
    axes.set(xlabel="day on which the week begins", ylabel="average precision of the week", ylim=(0, 1))
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(alpha=0.25)
    axes.legend(frameon=False, ncols=4, loc="upper center", bbox_to_anchor=(0.5, -0.16))
    written = io.StringIO()
    with rc_context({"svg.hashsalt": "drift", "svg.fonttype": "none"}):
        figure.savefig(written, format="svg", metadata={"Date": None})
    return written.getvalue()


def page(found: Mapping[str, Any]) -> str:
    """What each way came to before the change, right after it and at the end, as Markdown."""
    weeks, drift = found["weeks"], found["world"]["drift_day"]
    before = [i for i, week in enumerate(weeks) if week + WEEK <= drift]
    after = [i for i, week in enumerate(weeks) if week >= drift]
    spans = {"before": before, "four weeks after": after[:4], "the last three weeks": after[-3:]}
    world = found["world"]
    lines = [
        "# What learning on buys",
        "",
        f"{world['payments']:,} simulated payments of {world['customers']:,} customers over {world['days']} days. "
        f"Frauds change on day {drift}. Labels come a week late.",
        "Mean average precision of weeks; the gate decides on each week's candidate.",
        "",
        f"| | {' | '.join(spans)} | promoted on days |",
        f"| --- |{' ---: |' * len(spans)} --- |",
    ]
    for name, values in found["average_precision"].items():
        means = [f"{np.mean([values[i] for i in span]):.3f}" for span in spans.values()]
        lines.append(f"| {name} | {' | '.join(means)} | {', '.join(map(str, found['promotions'][name]))} |")
    return "\n".join([*lines, "", "![Average precision by week](drift.svg)", ""])


def write(out: Path, world: World) -> dict[str, Any]:
    """Measure, and write figures, page and chart below ``out``."""
    found = measured(world)
    (out / "drift.json").write_text(json.dumps(found, indent=1) + "\n")
    (out / "drift.svg").write_text(chart(found))
    (out / "drift.md").write_text(page(found))
    return found
