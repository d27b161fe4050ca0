"""A run's report, as Markdown and as one HTML page that needs nothing beside it."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from pathlib import Path

from apps.scenario_chart import svg
from apps.scenario_result import HTML, MARKDOWN, Result, Step

_STYLE = """
:root { color-scheme: light dark; }
body { font: 15px/1.45 system-ui, sans-serif; max-width: 900px; margin: 2rem auto; padding: 0 1rem; }
table { border-collapse: collapse; width: 100%; margin: 0.8rem 0 1.6rem; }
td, th { text-align: left; padding: 0.3rem 0.7rem 0.3rem 0; border-bottom: 1px solid rgba(128, 128, 128, 0.35); vertical-align: top; }
td.n { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
.verdict { display: inline-block; padding: 0.15rem 0.7rem; border-radius: 5px; color: #fff; font-weight: 600; }
.pass { background: #3a7d59; } .fail { background: #b8432f; } .other { background: #6b7078; }
svg { width: 100%; height: auto; }
"""
_CLASS = {"PASS": "pass", "FAIL": "fail"}


def write(folder: Path, result: Result) -> None:
    """Both reports into the folder. Raises ``OSError``."""
    (folder / MARKDOWN).write_text(markdown(result))
    (folder / HTML).write_text(html(result))


def markdown(result: Result) -> str:
    """The report for a terminal, a ticket or a merge request."""
    lines = [f"# {result.name}: {result.verdict}", "", result.why, "", f"Expected: {result.expects}", "", "## What happened", ""]
    lines += [f"{number}. {_event(step)}" for number, step in enumerate(_events(result.steps), start=1)]
    lines += ["", "## What was claimed", "", "| claim | wanted | found | |", "| --- | --- | ---: | --- |"]
    lines += [f"| {_cell(s.text)} | {s.wanted}{s.unit} | {s.shown} | {_held(s)} |" for s in _claims(result.steps)]
    lines += ["", "## Numbers", "", "| | |", "| --- | ---: |", *(f"| {_cell(name)} | {text} |" for name, text in _numbers(result))]
    return "\n".join([*lines, "", _made(result), ""])


def html(result: Result) -> str:
    """The report for a browser, with the chart in it."""
    chart = svg(result)
    numbers = {id(step): number for number, step in enumerate((s for s in result.steps if s.kind == "when"), start=1)}
    events = "".join(
        f"<tr><td>{step.kind}</td><td>{escape(step.text)}</td><td class=n>{numbers.get(id(step), '')}</td>"
        f"<td class=n>{step.at_s:.0f} s</td><td class=n>{step.took_s:.1f} s</td></tr>"
        for step in _events(result.steps)
    )
    claims = "".join(
        f"<tr><td>{escape(step.text)}</td><td>{escape(step.wanted + step.unit)}</td>"
        f"<td class=n>{escape(step.shown)}</td><td>{escape(_held(step))}</td></tr>"
        for step in _claims(result.steps)
    )
    figures = "".join(f"<tr><td>{escape(name)}</td><td class=n>{text}</td></tr>" for name, text in _numbers(result))
    return (
        f"<!doctype html><html lang=en><meta charset=utf-8><title>{escape(result.name)}: {result.verdict}</title><style>{_STYLE}</style>"
        f"<h1>{escape(result.name)} <span class='verdict {_CLASS.get(result.verdict, 'other')}'>{result.verdict}</span></h1>"
        f"<p>{escape(result.why)}</p><p>Expected: {escape(result.expects)}</p>"
        f"<h2>What was claimed</h2><table><tr><th>claim<th>wanted<th>found<th></tr>{claims}</table>"
        f"<h2>What happened</h2>{chart}<table><tr><th><th><th>mark<th>at<th>took</tr>{events}</table>"
        f"<h2>Numbers</h2><table>{figures}</table><p>{escape(_made(result))}</p></html>\n"
    )


def _events(steps: Iterable[Step]) -> list[Step]:
    return [step for step in steps if step.kind != "then"]


def _claims(steps: Iterable[Step]) -> list[Step]:
    return [step for step in steps if step.kind == "then"]


def _event(step: Step) -> str:
    return f"{step.kind} {step.text} (at {step.at_s:.0f} s, took {step.took_s:.1f} s)"


def _held(step: Step) -> str:
    return "holds" if step.held else f"does not hold{f': {step.why}' if step.why else ''}"


def _numbers(result: Result) -> list[tuple[str, str]]:
    return [(name, f"{value:,.4g}" if abs(value) < 1e4 else f"{value:,.0f}") for name, value in result.numbers.items()]


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _made(result: Result) -> str:
    planted = f", planted at {', '.join(result.planted)}" if result.planted else ""
    return (
        f"Domain {result.domain}, model {result.model or '(none)'} as {result.format}, seed {result.seed}, {result.speed:g} times real time"
        f"{planted}; began {result.began:%Y-%m-%d %H:%M:%S} UTC, took {result.seconds:.0f} s."
    )
