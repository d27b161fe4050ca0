"""`python -m tests.bench.formats bench/formats.json`: pytest-benchmark's measurements as the table of formats, `bench/formats.md`."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from exports.formats import FORMATS


def table(found: dict[str, Any]) -> list[str]:
    """One line a format: size, time to load, time of a row and of a row in a batch, against native in the same run. Medians."""
    by_name = {b["name"]: b for b in found["benchmarks"]}
    lines = ["| format | kB | to load | one row | to native | a row in a batch of 2,000 |", "| --- | ---: | ---: | ---: | ---: | ---: |"]
    native = by_name["test_score_one_row[native]"]["stats"]["median"]
    for name in FORMATS:
        one, batch, load = (by_name[f"test_{what}[{name}]"]["stats"]["median"] for what in ("score_one_row", "score_a_batch", "load"))
        size = by_name[f"test_score_one_row[{name}]"]["extra_info"]["bytes"] / 1000
        lines.append(
            f"| {name} | {size:,.0f} | {load * 1e3:.1f} ms | {one * 1e6:.1f} µs | {one / native:.2f} | {batch / 2000 * 1e6:.2f} µs |"
        )
    return lines


def main() -> None:
    """Write the table beside the measurements."""
    source = Path(sys.argv[1])
    text = "\n".join(["# The formats' speed", "", *table(json.loads(source.read_text())), ""])
    source.with_suffix(".md").write_text(text)
    print(text)


if __name__ == "__main__":
    main()
