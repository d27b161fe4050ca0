"""`python -m tests.bench.readme bench README.md`: puts what `make bench` measured of the formats between the README's marks."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from exports.formats import FORMATS
from tests.bench.cases import TARGET_SIZE
from tests.bench.contest import MADE
from tests.bench.report import to_frame

BEGIN, END = "<!-- formats -->\n", "<!-- /formats -->\n"
NONE = "–"
_APART = timedelta(days=1)
CASE = f"binary {TARGET_SIZE}"  # the demo's objective, at the size that has targets
_HEAD = [
    "| format | what it is | exact | one row | 10,000 rows | to load | size | the whole stream |",
    "| --- | --- | --- | ---: | ---: | ---: | ---: | ---: |",
]


def table(found: dict[str, Any], stream: dict[str, Any]) -> list[str]:
    """One line a format, its times as ratios to the yardstick's in the same moments, and a line that says what they are."""
    whole = to_frame(stream)
    lines = list(_HEAD)
    for name, chosen in FORMATS.items():
        rows = [row for row in found["rows"] if row["subject"] == name]
        figures = next((row["figures"] for row in rows if row["case"] == CASE), None) or {}
        ratios = [_ratio(figures.get(measure)) for measure in ("one", "ten_thousand")]
        load = f"{figures['cold']['process_s']:.2f} s" if figures.get("cold") else NONE
        size = f"{figures['bytes'] / 1000:,.0f} kB" if figures else NONE
        in_stream = f"{whole['at-least-once', name][0]:.2f}" if ("at-least-once", name) in whole else NONE
        lines.append(f"| {' | '.join([name, chosen.description, exact(rows), *ratios, load, size, in_stream])} |")
    return [*lines, "", _legend(found)]


def check_together(found: dict[str, Any], stream: dict[str, Any]) -> None:
    """Raises ``ValueError`` where formats and stream were not measured within a day of each other and on one machine."""
    again = "measure both again: make bench"
    if "measured" not in stream:
        raise ValueError(f"stream.json does not say when and where it was measured; {again}")
    formats_at, stream_at = (datetime.fromisoformat(each["measured"]) for each in (found, stream))
    if abs(formats_at - stream_at) > _APART:
        raise ValueError(f"the formats were measured {formats_at}, the stream {stream_at}: more than a day apart; {again}")
    if found["machine"] != stream["machine"]:
        raise ValueError(f"the formats were measured on {found['machine']}, the stream on {stream['machine']}; {again}")


def exact(rows: Iterable[dict[str, Any]]) -> str:
    """Whether every raw score was LightGBM's in every bit, over all cases; else what was wrong with the first that was not."""
    wrong = [row["outcome"] for row in rows if row["outcome"] != "passed" or row["parity"]["equal"] != row["parity"]["rows"]]
    return wrong[0] if wrong else "every bit"


def _ratio(times: dict[str, float] | None) -> str:
    return NONE if times is None else f"{times['p50_ratio']:.2f}"


def _legend(found: dict[str, Any]) -> str:
    machine, day = found["machine"], datetime.fromisoformat(found["measured"]).date()
    yardstick = next(row["figures"] for row in found["rows"] if (row["subject"], row["case"]) == (found["yardstick"], CASE))
    one, many = yardstick["one"]["p50_us"], yardstick["ten_thousand"]["row_us"]
    compared, models = found["rows"][0]["parity"]["rows"], len(found["cases"])
    return "\n".join((
        f"A binary model of {TARGET_SIZE.replace(' x ', ' trees of ')} leaves and 20 features. *Exact*: raw scores on {compared:,} rows",
        f"of each of {models} models, {MADE:,} of them made to stand on its splits and beside. Times are ratios to LightGBM's C API on one",
        f"thread, in the same moments: it took {one:.1f} µs for one row and {many:.1f} µs for a row of 10,000.",
        "*To load* is a cold process until its first score. The last column is payments per second of a core through the whole stream,",
        "with the fraud model, on a real Kafka, against the same Quix application with the features and the model taken out. Of *remote*,",
        "load and size are the client's alone, without the server that has the model; in the last column the server's time counts too.",
        f"Measured on {day} on {machine['cores']} cores, Python {machine['python']}:",
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
    """Read the folder's measurements, change the files."""
    folder, *documents = map(Path, sys.argv[1:])
    found, stream = (json.loads((folder / name).read_text()) for name in ("comparison.json", "stream.json"))
    try:
        check_together(found, stream)
    except ValueError as error:
        sys.exit(str(error))
    for document in documents:
        document.write_text(insert(document.read_text(), table(found, stream)))


if __name__ == "__main__":
    main()
