"""The comparison to read, as Markdown and as one HTML file with its charts in it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Any, Final

from tests.bench import comparison_charts
from tests.bench.contest import MEASURES
from tests.bench.duel import P99_CALLS
from tests.bench.targets import in_words

Cells = Sequence[str]
NONE: Final = "–"
_STYLE: Final = """
body { font: 15px/1.5 system-ui, sans-serif; max-width: 75rem; margin: 2rem auto; padding: 0 1rem; color: #222; background: #fff; }
.wide { overflow-x: auto; } figure { margin: 1rem 0; } svg { max-width: 100%; height: auto; }
table { border-collapse: collapse; margin: 0.6rem 0; font-variant-numeric: tabular-nums; font-size: 0.88rem; }
th, td { padding: 0.2rem 0.7rem; border-bottom: 1px solid #ddd; text-align: right; white-space: nowrap; }
.w { text-align: left; }
"""


@dataclass(frozen=True)
class Section:
    """A heading, what is to be said, and a table whose first ``words`` columns are words; numbers stand to the right."""

    title: str
    text: str = ""
    head: Cells = ()
    rows: Sequence[Cells] = ()
    words: int = 1


def sections(found: dict[str, Any]) -> list[Section]:
    """All that the pages say."""
    tables = [_speed(found, case) for case in found["cases"]]
    return [_about(found), _targets(found), _parity(found), *tables, _stream(found), _subjects(found)]


def markdown(found: dict[str, Any]) -> str:
    """The page as Markdown."""
    lines = ["# The formats compared", ""]
    for section in sections(found):
        lines += [f"## {section.title}", "", *([section.text, ""] if section.text else [])]
        if section.head:
            rule = ["---" if i < section.words else "---:" for i in range(len(section.head))]
            cells = [section.head, rule, *([cell.replace("|", "\\|") for cell in row] for row in section.rows)]
            lines += [*(f"| {' | '.join(row)} |" for row in cells), ""]
    return "\n".join(lines)


def html(found: dict[str, Any]) -> str:
    """The page as HTML that needs no other file."""
    body = "".join(map(_html, sections(found)))
    drawn = "".join(f"<figure>{svg}</figure>" for svg in comparison_charts.charts(found))
    head = f'<meta charset="utf-8"><title>The formats compared</title><style>{_STYLE}</style>'
    return f"<!doctype html><html lang=en><head>{head}</head><body><h1>The formats compared</h1>{drawn}{body}</body></html>\n"


def _html(section: Section) -> str:
    text = f"<h2>{escape(section.title)}</h2>" + (f"<p>{escape(section.text)}</p>" if section.text else "")
    if not section.head:
        return text
    rows = "".join(_line_of("td", row, section.words) for row in section.rows)
    return f"{text}<div class=wide><table>{_line_of('th', section.head, section.words)}{rows}</table></div>"


def _line_of(tag: str, cells: Cells, words: int) -> str:
    shown = (f"<{tag}{' class=w' if i < words else ''}>{escape(cell)}</{tag}>" for i, cell in enumerate(cells))
    return f"<tr>{''.join(shown)}</tr>"


def _about(found: dict[str, Any]) -> Section:
    machine, compiling = found["machine"], found["compiling_s"]
    text = (
        f"Measured {found['measured']} on {machine['processor']}, {machine['cores']} cores, Python {machine['python']}. "
        "One thread each; but remote's server, PMML4S's Java and Titus's Python are processes of their own, with threads of their own, "
        "and a call of theirs includes the way there and back. Outputs were compared with LightGBM's before any time was taken. "
        f"Every ratio is to the {found['yardstick']}, timed in turn with the subject; times in a cold process are set against its cold "
        f"process. A p99 is told of {P99_CALLS:,} calls or more. Ratios carry over to another machine, with care; times do not."
    )
    if compiling is not None:
        text += f" The very first load on a machine compiles the kernel: {compiling:.1f} s until the first score, then never again."
    return Section("How", text)


def _targets(found: dict[str, Any]) -> Section:
    rows = [in_words(target) for target in found["targets"]]
    return Section("Against the targets", "The slowest of the objectives counts.", ("what", "target", "measured", "verdict"), rows)


def _parity(found: dict[str, Any]) -> Section:
    rows = []
    for row in found["rows"]:
        parity = row["parity"]
        bits = NONE if parity["equal"] is None else f"{parity['equal']:,}"
        ulps = NONE if parity["value_ulps"] is None else f"{parity['value_ulps']:g}"
        rows.append((row["subject"], row["case"], row["outcome"], row["reason"], f"{parity['rows']:,}", bits, ulps))
    head = ("subject", "case", "outcome", "reason", "rows compared", "equal in every bit of the raw score", "ulps apart after the link")
    text = "Ours owe every bit of the raw score, and the value within 2 ulps; other engines the value within 4. Who fails has no figures."
    return Section("Parity", text, head, rows, words=4)


def _speed(found: dict[str, Any], case: dict[str, Any]) -> Section:
    here = [row for row in found["rows"] if row["case"] == case["name"]]
    head = ("subject", "one row, p50", "ratio", "p99", "ratio", "row of 100", "ratio", "row of 10,000", "ratio",
            "calls", "cold process", "ratio", "reading", "memory", "size")  # fmt: skip
    missing = [f"{row['subject']}, {MEASURES[m]:,} rows: {why}" for row in here for m, why in row["unmeasured"].items()]
    return Section(case["name"], f"Not measured: {'; '.join(missing)}." if missing else "", head, [_line(row) for row in here])


def _line(row: dict[str, Any]) -> Cells:
    figures = row["figures"]
    if figures is None:
        return (f"{row['subject']}: {row['outcome']}", *[NONE] * 14)
    one, hundred, many = (figures[measure] or {} for measure in MEASURES)
    cold = figures["cold"] or {}
    return (
        row["subject"],
        *(_us(one.get("p50_us")), _ratio(one.get("p50_ratio")), _us(one.get("p99_us")), _ratio(one.get("p99_ratio"))),
        *(_us(hundred.get("row_us")), _ratio(hundred.get("p50_ratio")), _us(many.get("row_us")), _ratio(many.get("p50_ratio"))),
        "; ".join(f"{figures[m]['calls']:,}" if figures[m] else NONE for m in MEASURES),
        *(_with(cold.get("process_s"), "s"), _ratio(cold.get("process_s_ratio")), _with(cold.get("reading_s"), "s")),
        *(_with(cold.get("memory_mb"), "MB"), f"{figures['bytes'] / 1000:,.0f} kB"),
    )


def _stream(found: dict[str, Any]) -> Section:
    if not found["stream"]:
        return Section("In the stream", "Not measured in this run.")
    rows = [(r["format"], r["guarantee"], f"{r['per_core']:,.0f}", f"{r['per_second']:,.0f}") for r in found["stream"]]
    text = "Payments through the whole fraud stream on a real Kafka, scored in this format, with the fraud model: stream.md says more."
    if found["stream_measured"]:
        text += f" Measured {found['stream_measured']}."
    return Section("In the stream", text, ("format", "guarantee", "payments/s of a core", "payments/s"), rows, words=2)


def _subjects(found: dict[str, Any]) -> Section:
    rows = [(s["name"], s["kind"], s["description"] + ("; memory is the client's alone" if s["served"] else "")) for s in found["subjects"]]
    return Section("Who is who", "", ("subject", "kind", "what it is"), rows, words=3)


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def _us(value: float | None) -> str:
    return _with(value, "µs")


def _ratio(value: float | None) -> str:
    return NONE if value is None else f"{value:,.0f}" if value >= 100 else f"{value:.2f}"


def _with(value: float | None, unit: str) -> str:
    return NONE if value is None else f"{_number(value)} {unit}"
