"""What happened over time, as one SVG: what came and was decided, what waited, what it was worth, and the story's steps as marks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from itertools import pairwise

from apps.scenario_result import Result, Sample, Step

WIDTH, PANEL, LEFT, RIGHT, GAP, TOP = 860, 130, 64, 20, 44, 26
_COLOURS = ("#2f7f9b", "#c8503c", "#8e5bb5")
Series = Mapping[str, Sequence[tuple[float, float]]]  # a name, and points of (seconds, value)


def svg(result: Result) -> str:
    """The chart of a run; empty where nothing was sampled."""
    if len(result.samples) < 2:
        return ""
    panels = [(title, series) for title, series in _panels(result.samples).items() if any(series.values())]
    height = TOP + len(panels) * (PANEL + GAP)
    last = max(result.samples[-1].at_s, 1.0)
    first = result.samples[0].at_s
    drawn = [_panel(title, series, TOP + i * (PANEL + GAP), first, last) for i, (title, series) in enumerate(panels)]
    marks = _marks([s for s in result.steps if s.kind == "when"], first, last, height - GAP)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img" '
        f'aria-label="what happened over the time of {escape(result.name)}" font-family="sans-serif" font-size="11">'
        f"{marks}{''.join(drawn)}</svg>"
    )


def _panels(samples: Sequence[Sample]) -> dict[str, Series]:
    names = sorted({name for sample in samples for name in sample.worth})
    waiting = {"sent and not decided": [(s.at_s, float(max(s.sent - s.decided, 0))) for s in samples]}
    worth = {name: [(s.at_s, s.worth.get(name, 0.0)) for s in samples] for name in names if any(s.worth.get(name) for s in samples)}
    return {"a second": {"sent": _rate(samples, "sent"), "decided": _rate(samples, "decided")}, "waiting": waiting, "so far": worth}


def _rate(samples: Sequence[Sample], what: str) -> list[tuple[float, float]]:
    """From counts to what was added a second."""
    pairs = pairwise(samples)
    return [(b.at_s, (getattr(b, what) - getattr(a, what)) / (b.at_s - a.at_s)) for a, b in pairs if b.at_s > a.at_s]


def _panel(title: str, series: Series, top: int, first: float, last: float) -> str:
    most = max((value for points in series.values() for _, value in points), default=0.0) or 1.0
    lines, legend = [], []
    for i, (name, points) in enumerate(series.items()):
        path = " ".join(f"{_x(at, first, last):.1f},{top + PANEL * (1 - value / most):.1f}" for at, value in points)
        lines.append(f'<polyline points="{path}" fill="none" stroke="{_COLOURS[i]}" stroke-width="1.7"/>')
        legend.append(f'<tspan fill="{_COLOURS[i]}" dx="10">\u25cf {escape(name)}</tspan>')
    base, end = top + PANEL, WIDTH - RIGHT
    axis = f'<path d="M{LEFT} {top}V{base}H{end}" fill="none" stroke="#8a8f98"/>'
    scale = f'<text x="{LEFT - 6}" y="{top + 4}" text-anchor="end" fill="#8a8f98">{most:,.4g}</text>'
    zero = f'<text x="{LEFT - 6}" y="{base}" text-anchor="end" fill="#8a8f98">0</text>'
    times = "".join(
        f'<text x="{_x(at, first, last):.1f}" y="{base + 14}" text-anchor="middle" fill="#8a8f98">{at:.0f} s</text>'
        for at in (first, (first + last) / 2, last)
    )
    name = f'<text x="{LEFT}" y="{top - 8}" fill="#8a8f98">{escape(title)}{"".join(legend)}</text>'
    return axis + scale + zero + times + name + "".join(lines)


def _marks(steps: Sequence[Step], first: float, last: float, bottom: int) -> str:
    """Where something happened: a numbered line, and a light band for as long as it took."""
    drawn, free = [], 0.0  # from where on a number has room
    for number, step in enumerate(steps, start=1):
        begin, end = _x(max(step.at_s, first), first, last), _x(min(step.at_s + step.took_s, last), first, last)
        drawn.append(
            f'<rect x="{begin:.1f}" y="{TOP}" width="{max(end - begin, 1):.1f}" height="{bottom - TOP}" fill="#e0a030" opacity="0.10"/>'
        )
        drawn.append(f'<text x="{max(begin + 3, free):.1f}" y="11" fill="#b07a10">{number}</text>')
        free = max(begin + 3, free) + 14
    return "".join(drawn)


def _x(at: float, first: float, last: float) -> float:
    return LEFT + (WIDTH - LEFT - RIGHT) * (at - first) / max(last - first, 1e-9)
