"""The report's plots as PNG files: precision against recall, ROC, calibration, what the model looks at."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

_INK = "#1f6f8b"


def draw(report: dict[str, Any], folder: Path) -> list[Path]:
    """Write every plot that the report has the numbers for; returns the files."""
    curves = report["curves"]
    return [
        _line(folder / "precision_recall.png", curves["precision_recall"], "recall", "precision", diagonal=False),
        _line(folder / "roc.png", curves["roc"], "false positive rate", "true positive rate", diagonal=True),
        _calibration(folder / "calibration.png", report["calibration"]),
        _importance(folder / "importance.png", report["importance"]),
    ]


def _figure(x_label: str, y_label: str) -> tuple[Figure, Any]:
    figure = Figure(figsize=(5, 4), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    axes.set_xlabel(x_label)
    axes.set_ylabel(y_label)
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(alpha=0.25)
    return figure, axes


def _line(path: Path, points: list[list[float]], x_label: str, y_label: str, *, diagonal: bool) -> Path:
    figure, axes = _figure(x_label, y_label)
    axes.plot(*zip(*points, strict=True), color=_INK)
    if diagonal:
        axes.plot([0, 1], [0, 1], color="grey", linestyle=":", linewidth=1)
    figure.savefig(path, dpi=120)
    return path


def _calibration(path: Path, bins: list[dict[str, float]]) -> Path:
    figure, axes = _figure("mean score of the bin", "share of frauds in the bin")
    top = max(max(b["score"], b["fraud"]) for b in bins) * 1.05
    axes.plot([0, top], [0, top], color="grey", linestyle=":", linewidth=1)
    axes.plot([b["score"] for b in bins], [b["fraud"] for b in bins], "o-", color=_INK)
    figure.savefig(path, dpi=120)
    return path


def _importance(path: Path, shares: dict[str, float]) -> Path:
    figure, axes = _figure("share of the gain", "")
    top = list(shares.items())[:12][::-1]
    axes.barh([name for name, _ in top], [share for _, share in top], color=_INK)
    figure.savefig(path, dpi=120)
    return path
