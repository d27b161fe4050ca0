"""What several rounds come to: medians with their range, ratios round by round, and whether all did the same work."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import median
from typing import Any

Kind = tuple[str, str, str]  # what runs, its guarantee, its format
Counted = dict[str, float]  # one round of one kind, as `counting` prints it


def spread(values: Sequence[float]) -> tuple[float, float, float]:
    """The median, the least and the most."""
    return median(values), min(values), max(values)


def ratios(above: Sequence[float], below: Sequence[float]) -> list[float]:
    """Round by round, so that whatever the machine did in a round falls on both."""
    return [a / b for a, b in zip(above, below, strict=True)]


def speeds(kind: Kind, rounds: Sequence[Counted]) -> dict[str, Any]:
    """Payments per second of a core and of the clock: the medians, and the former of each round."""
    per_core = [r["payments"] / r["cpu_s"] for r in rounds]
    per_second = median(r["payments"] / r["wall_s"] for r in rounds)
    about = dict(zip(("kind", "guarantee", "format"), kind, strict=True))
    return {**about, "per_core": median(per_core), "per_second": per_second, "rounds": per_core}


def latencies(rounds: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The median of each percentile and of the rate, the most that the sender was late; what is unanswered adds up."""
    figures = {name: median(r[name] for r in rounds) for name in rounds[0] if name.startswith("p")}
    shares = [r["after_decision"] for r in rounds if r["after_decision"] is not None]
    return {
        **figures,
        "p99_rounds": [r["p99_ms"] for r in rounds],
        "after_decision": median(shares) if shares else None,
        "sent_per_second": median(r["sent_per_second"] for r in rounds),
        "latest_ms": max(r["latest_ms"] for r in rounds),
        **{name: sum(r[name] for r in rounds) for name in ("count", "missing")},
    }


def check_work(found: Mapping[Kind, Sequence[Counted]]) -> None:
    """Raises ``RuntimeError`` where speeds are of different work: a format that did not score, or did not decide what others did."""
    decided = dict[str, tuple[str, float]]()
    for (kind, guarantee, model_format), rounds in found.items():
        if kind != "full":
            continue
        name = f"{model_format}, {guarantee}"
        for r, frame in zip(rounds, found["frame", guarantee, "-"], strict=True):
            if r["fallbacks"]:
                raise RuntimeError(f"{name}: {r['fallbacks']:,.0f} payments were decided by the average, not by the model: no speed of it")
            if r["dead_letters"] != frame["dead_letters"]:
                theirs = f"{frame['dead_letters']:,.0f} of the bare frame"
                raise RuntimeError(f"{name}: {r['dead_letters']:,.0f} dead letters beside {theirs}: not every payment was scored")
            first, expected = decided.setdefault(guarantee, (name, r["decided"]))
            if r["decided"] != expected:
                raise RuntimeError(f"{name} decided {r['decided']:,.0f} payments, {first} {expected:,.0f}: their speeds cannot be compared")
