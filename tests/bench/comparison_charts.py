"""The comparison's charts as SVG text. Colours are of Okabe and Ito's palette, told apart by the colour-blind; marks tell the same."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from typing import Any, Final

from matplotlib import rc_context
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

from tests.bench.cases import TARGET_SIZE

_BLUE, _ORANGE, _GREEN, _GUIDE = "#0072b2", "#d55e00", "#009e73", "#707070"
_COLOURS: Final = (_BLUE, _ORANGE, _GREEN)
_MARKS: Final = ("o", "s", "^")
Figures = dict[str, Any]


def charts(found: Figures) -> list[str]:
    """Each as an ``<svg>``: speed of one row and in batches by size, loading, and the stream where it was measured."""
    one = _by_size(found, "one", "p50_ratio", "one row: p50, times the C API's")
    many = _by_size(found, "ten_thousand", "p50_ratio", "10,000 rows: p50, times the C API's")
    drawn = [figure for figure in (one, many, _loading(found), _size(found), _stream(found)) if figure is not None]
    return [_svg(figure, f"chart {number}") for number, figure in enumerate(drawn)]


def _svg(figure: Figure, salt: str) -> str:
    """``salt``: the ids in it are unlike those of other charts of the page, and the same each time."""
    FigureCanvasSVG(figure)
    written = io.StringIO()
    with rc_context({"svg.hashsalt": salt, "svg.fonttype": "none"}):
        figure.savefig(written, format="svg", metadata={"Date": None})
    text = written.getvalue()
    return text[text.index("<svg") :]


def _figure(height: float, columns: int = 1) -> tuple[Figure, Sequence[Any]]:
    figure = Figure(figsize=(11, height), layout="constrained")
    found = figure.subplots(1, columns, squeeze=False, sharey=True)[0]
    for axes in found:
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(alpha=0.25, axis="x")
        axes.set_axisbelow(True)
    return figure, found


def _by_size(found: Figures, measure: str, name: str, title: str) -> Figure | None:
    """A panel a size, a line a subject, a mark an objective, on a logarithmic scale with the yardstick at 1."""
    sizes = list(dict.fromkeys(case["size"] for case in found["cases"]))
    objectives = list(dict.fromkeys(case["objective"] for case in found["cases"]))
    names = _names(found, lambda figures: figures[measure])
    if not names:
        return None
    figure, panels = _figure(0.6 + 0.32 * len(names) + 0.6, len(sizes))
    for axes, size in zip(panels, sizes, strict=True):
        axes.axvline(1, color=_GUIDE, linestyle=":", linewidth=1)
        for objective, colour, mark in zip(objectives, _COLOURS, _MARKS, strict=False):
            points = [
                (row["figures"][measure][name], names.index(row["subject"]))
                for row in found["rows"]
                if row["size"] == size and row["objective"] == objective and row["figures"] and row["figures"][measure]
            ]
            axes.plot([x for x, _ in points], [y for _, y in points], mark, color=colour, markersize=6, alpha=0.85, label=objective)
        axes.set_xscale("log")
        axes.set_title(size, fontsize="medium")
        _rows(axes, names)
    panels[0].legend(frameon=False, fontsize="small")
    figure.suptitle(title, fontsize="large")
    return figure


def _names(found: Figures, has: Callable[[Figures], object]) -> list[str]:
    """Subjects of which that was measured somewhere, in their order."""
    measured = {row["subject"] for row in found["rows"] if row["figures"] and has(row["figures"])}
    return [s["name"] for s in found["subjects"] if s["name"] in measured]


def _rows(axes: Any, names: Sequence[str]) -> None:
    axes.set_yticks(range(len(names)), names)
    axes.set_ylim(len(names) - 0.5, -0.5)


def _chosen(found: Figures) -> list[Figures]:
    """The rows of one case: of the size that has targets, or of whatever there is."""
    case = next((c for c in found["cases"] if c["size"] == TARGET_SIZE), found["cases"][0])
    return [row for row in found["rows"] if row["case"] == case["name"] and row["figures"]]


def _loading(found: Figures) -> Figure | None:
    """A cold process until its first score, and the reading alone before it."""
    rows = [row for row in _chosen(found) if row["figures"]["cold"]]
    if not rows:
        return None
    figure, (axes,) = _figure(0.6 + 0.36 * len(rows) + 0.4)
    for place, row in enumerate(rows):
        cold = row["figures"]["cold"]
        axes.barh(place, cold["process_s"], 0.6, color="#56b4e9", label="a cold process until its first score" if place == 0 else None)
        if cold["reading_s"] is not None:
            axes.barh(place, cold["reading_s"], 0.3, color=_BLUE, label="the reading alone" if place == 0 else None)
        axes.annotate(
            f"{cold['process_s']:.2f} s", (cold["process_s"], place), (4, 0), textcoords="offset points", va="center", fontsize="small"
        )
    axes.legend(frameon=False, fontsize="small", loc="lower right")
    axes.set_title(f"to load, seconds: {rows[0]['case']}")
    _rows(axes, [row["subject"] for row in rows])
    return figure


def _size(found: Figures) -> Figure | None:
    """Size of the artifact and memory of a cold process."""
    rows = [row for row in _chosen(found) if row["figures"]["cold"]]
    if not rows:
        return None
    figure, (size, memory) = _figure(0.6 + 0.32 * len(rows) + 0.4, 2)
    places = range(len(rows))
    size.barh(places, [row["figures"]["bytes"] / 1000 for row in rows], 0.6, color=_GREEN)
    size.set_title(f"artifact, kB: {rows[0]['case']}", fontsize="medium")
    memory.barh(places, [row["figures"]["cold"]["memory_mb"] for row in rows], 0.6, color=_ORANGE)
    memory.set_title("memory that a cold process grows by, MB", fontsize="medium")
    _rows(size, [row["subject"] for row in rows])
    return figure


def _stream(found: Figures) -> Figure | None:
    """Payments per second of a core, by guarantee."""
    if not found["stream"]:
        return None
    names = list(dict.fromkeys(r["format"] for r in found["stream"]))
    guarantees = list(dict.fromkeys(r["guarantee"] for r in found["stream"]))
    figure, (axes,) = _figure(0.6 + 0.4 * len(names) + 0.4)
    for i, (guarantee, colour) in enumerate(zip(guarantees, _COLOURS, strict=False)):
        found_here = [(names.index(r["format"]) + 0.36 * i - 0.18, r["per_core"]) for r in found["stream"] if r["guarantee"] == guarantee]
        axes.barh([y for y, _ in found_here], [x for _, x in found_here], 0.34, color=colour, label=guarantee)
    axes.legend(frameon=False, fontsize="small", loc="lower right")
    axes.set_title("the whole stream, payments per second of a core")
    _rows(axes, names)
    return figure
