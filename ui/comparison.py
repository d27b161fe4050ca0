"""What `make bench` measured of the formats, and what is proven of the newest bundle: two files, read as they are now."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

from models import bundle, manifest
from models.errors import BundleError

VERSION: Final = 1  # of the file that this page understands
Comparison = dict[str, Any]


class UnreadableError(Exception):
    """The file is there and is none that this page can draw."""


def read(path: Path) -> Comparison | None:
    """The comparison; None where none was made yet. Raises ``UnreadableError``."""
    try:
        found = json.loads(path.read_text())
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise UnreadableError(f"{path} cannot be read: {error}") from None
    if not isinstance(found, dict) or found.get("version") != VERSION or not found.get("rows"):
        raise UnreadableError(f"{path} is no comparison that this dashboard knows")
    return found


def proven(bundles: Path) -> tuple[str, list[dict[str, Any]]] | None:
    """The newest bundle's version and the comparisons of its parity report; None where there is no bundle, or no report."""
    try:
        folder = bundle.latest(bundles)
        found = json.loads((folder / manifest.PARITY).read_text())["comparisons"]
    except (BundleError, OSError, ValueError, KeyError, TypeError):
        return None
    return folder.name, found


def here(found: Comparison, case: str) -> list[dict[str, Any]]:
    """The rows of one case."""
    return [row for row in found["rows"] if row["case"] == case]


def by_ratio(rows: list[dict[str, Any]], measure: str) -> list[dict[str, Any]]:
    """Who was timed, and the median of ``measure`` against the yardstick's, in the list's order."""
    return [
        {"subject": row["subject"], "kind": row["kind"], "ratio": times["p50_ratio"], "us": times["row_us"], "p99_us": times["p99_us"]}
        for row in rows
        if row["figures"] and (times := row["figures"][measure])
    ]


def cells(row: dict[str, Any]) -> dict[str, Any]:
    """One row of the table: parity, and the figures where there are any."""
    figures, parity = row["figures"] or {}, row["parity"]
    one, many, cold = (figures.get(name) or {} for name in ("one", "ten_thousand", "cold"))
    return {
        "subject": row["subject"],
        "outcome": row["outcome"],
        "compared": parity["rows"],
        "equal": parity["equal"],
        "ulps": parity["value_ulps"],
        "one_us": one.get("p50_us"),
        "p99_us": one.get("p99_us"),
        "one_ratio": one.get("p50_ratio"),
        "many_us": many.get("row_us"),
        "many_ratio": many.get("p50_ratio"),
        "cold_s": cold.get("process_s"),
        "reading_s": cold.get("reading_s"),
        "memory_mb": cold.get("memory_mb"),
        "kb": figures["bytes"] / 1000 if figures else None,
        "reason": row["reason"] or "; ".join(f"{name.replace('_', ' ')} rows: {why}" for name, why in row["unmeasured"].items()),
    }
