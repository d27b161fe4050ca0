"""What the formats are to reach at one size, and whether they do: the slowest of the objectives counts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

from tests.bench.cases import TARGET_SIZE
from tests.bench.subjects import KERNEL, LIBRARY

Row = dict[str, Any]
OURS: Final = (KERNEL, "pmml", "pfa")
TO_C_API: Final = 0.55
TO_PREDICT: Final = 0.55
LOAD_S: Final = 0.5
TIMES_FASTER: Final = {"pmml": ("PMML4S", 500.0), "pfa": ("Titus", 2_000.0)}
TRANSPORT: Final = {"PMML4S": "through pypmml, py4j's socket included", "Titus": "in a process of its own, the pipe there included"}


def targets(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """Each with its limit, the figure and the objective that decides, and ``met``; None where something was not measured."""
    at = {(row["objective"], row["subject"]): row for row in rows if row["size"] == TARGET_SIZE}
    objectives = list(dict.fromkeys(objective for objective, _ in at))

    def worst(what: str, limit: float, unit: str, figure: Callable[[str], float | None], *, most: bool = True) -> dict[str, Any]:
        found = {objective: figure(objective) for objective in objectives}
        known = [(value, objective) for objective, value in found.items() if value is not None]
        about = {"what": f"{what}, {TARGET_SIZE}", "limit": limit, "unit": unit, "at_most": most, "measured": None, "case": "", "met": None}
        if not known or len(known) < len(found):
            return about
        value, objective = max(known) if most else min(known)
        return {**about, "measured": value, "case": objective, "met": value <= limit if most else value >= limit}

    def figure(objective: str, subject: str, measure: str, name: str) -> float | None:
        figures = at.get((objective, subject), {}).get("figures") or {}
        value: float | None = (figures.get(measure) or {}).get(name)
        return value

    def quotient(objective: str, above: str, below: str, measure: str) -> float | None:
        """Of two subjects, each against the yardstick in its own moment."""
        both = [figure(objective, subject, measure, "p50_ratio") for subject in (above, below)]
        return None if both[0] is None or not both[1] else both[0] / both[1]

    found = [worst(f"{s}: one row, to the C API", TO_C_API, "x", lambda o, s=s: figure(o, s, "one", "p50_ratio")) for s in OURS]
    found += [
        worst(f"{s}: 10,000 rows, to {LIBRARY}", TO_PREDICT, "x", lambda o, s=s: quotient(o, s, LIBRARY, "ten_thousand")) for s in OURS
    ]
    for s in TIMES_FASTER:
        found.append(worst(f"{s}: load, a cold process", LOAD_S, "s", lambda o, s=s: figure(o, s, "cold", "process_s")))
        found.append(worst(f"{s}: load, the reading alone", LOAD_S, "s", lambda o, s=s: figure(o, s, "cold", "reading_s")))
    for s, (engine, times) in TIMES_FASTER.items():
        what = f"{s}: one row, times faster than {engine} ({TRANSPORT[engine]})"
        found.append(worst(what, times, "x", lambda o, s=s, e=engine: quotient(o, e, s, "one"), most=False))
    return found


def in_words(target: Row) -> tuple[str, str, str, str]:
    """What, its limit, what was measured, and the verdict. What is rounded to its limit is still judged by the figure itself."""
    value, unit = target["measured"], target["unit"]
    sign = "≤" if target["at_most"] else "≥"
    measured = "not measured" if value is None else f"{value:,.0f} {unit}" if value >= 100 else f"{value:.3f} {unit}"
    verdict = {True: "met", False: "not met", None: "–"}[target["met"]]
    return target["what"], f"{sign} {target['limit']:,g} {unit}", f"{measured} ({target['case']})" if target["case"] else measured, verdict
