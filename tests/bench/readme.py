"""`python -m tests.bench.readme bench README.md`: puts what `make bench` measured of the formats between the README's marks."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from exports.formats import FORMATS
from tests.bench.report import to_frame

BEGIN, END = "<!-- formats -->\n", "<!-- /formats -->\n"
_MEASURES = ("load", "score_one_row", "score_a_batch")
_HEAD = [
    "| format | what it is | size | to load | one row | a row of 2,000 | the whole stream |",
    "| --- | --- | ---: | ---: | ---: | ---: | ---: |",
]


def table(measured: dict[str, Any], stream: dict[str, Any]) -> list[str]:
    """One line a format, every time as a ratio to native's in the same run, and a line that says what they are."""
    medians = {b["name"]: b["stats"]["median"] for b in measured["benchmarks"]}
    said = {b["name"]: b["extra_info"] for b in measured["benchmarks"]}
    whole = to_frame(stream)
    lines = list(_HEAD)
    for name, chosen in FORMATS.items():
        times = [medians[f"test_{what}[{name}]"] / medians[f"test_{what}[native]"] for what in _MEASURES]
        ratios = " | ".join(f"{ratio:.2f}" for ratio in (*times, whole["at-least-once", name]))
        lines.append(f"| {name} | {chosen.description} | {said[f'test_score_one_row[{name}]']['bytes'] / 1000:,.0f} kB | {ratios} |")
    return [*lines, "", _legend(medians, said["test_score_one_row[native]"]["model"], stream["machine"])]


def _legend(medians: dict[str, float], model: str, machine: dict[str, Any]) -> str:
    load, one, batch = (medians[f"test_{what}[native]"] for what in _MEASURES)
    native = f"{load * 1e3:.1f} ms to load, {one * 1e6:.1f} µs for one row and {batch / 2000 * 1e6:.1f} µs for a row in a batch of 2,000"
    return "\n".join((
        f"A model of {model}. Times are ratios to native's, which took",
        f"{native}.",
        "The last column is payments per second of a core through the whole stream, on a real Kafka, against the same Quix application",
        f"with the features and the model taken out. Measured in one run on {machine['cores']} cores, Python {machine['python']}:",
        "the ratios carry over to another machine, with care; the times do not.",
    ))  # fmt: skip


def insert(text: str, lines: list[str]) -> str:
    """The README with these lines between its marks. Raises ``ValueError`` where it has none."""
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not end:
        raise ValueError(f"no {BEGIN.strip()} and {END.strip()} here")
    return "".join([before, begin, *(f"{line}\n" for line in lines), end, after])


def main() -> None:
    """Read the folder's measurements, change the file."""
    folder, readme = Path(sys.argv[1]), Path(sys.argv[2])
    measured, stream = (json.loads((folder / name).read_text()) for name in ("formats.json", "stream.json"))
    readme.write_text(insert(readme.read_text(), table(measured, stream)))


if __name__ == "__main__":
    main()
