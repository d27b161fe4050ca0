"""What a person sees: lines as they are, bars on a terminal, lines with totals elsewhere."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from apps import terminal


def console(**options: bool) -> tuple[Console, io.StringIO]:
    output = io.StringIO()
    return Console(file=output, width=80, markup=False, highlight=False, **options), output


@pytest.mark.parametrize("text", ["a path with [/x] in it", "[tag] [bold]stays[/bold]", "a long line " * 30 + "end"])
def test_a_line_is_shown_as_it_is_and_in_one_piece(text: str) -> None:
    to, output = console()
    terminal.say(to, text, "bold")
    assert output.getvalue() == text + "\n"


def test_without_a_terminal_there_is_a_line_for_the_beginning_and_for_every_quarter() -> None:
    to, output = console()
    with terminal.progress(to) as told:
        for done in range(0, 2001, 100):
            told("sending payments", done, 2000)
        told("thinking", 0, 0)
        told("thinking", 0, 0)
        for fold in range(3):
            told("judging folds", fold, 5)
    assert output.getvalue().splitlines() == [
        "sending payments: 0 of 2,000",
        "sending payments: 500 of 2,000",
        "sending payments: 1,000 of 2,000",
        "sending payments: 1,500 of 2,000",
        "sending payments: 2,000 of 2,000",
        "thinking",
        "judging folds: 0 of 5",
        "judging folds: 1 of 5",
        "judging folds: 2 of 5",
    ]


def test_on_a_terminal_there_is_a_bar_with_its_total_for_each_thing_that_is_done() -> None:
    to, output = console(force_terminal=True, force_interactive=True)
    with terminal.progress(to) as told:
        told("sending [/x]", 1500, 2000)
        told("judging folds", 4, 4)
    last = output.getvalue().rpartition("sending [/x]")[2]
    assert "1,500/2,000" in last
    assert "4/4" in last
    assert "━" in last


def test_nothing_is_shown_where_nothing_is_told() -> None:
    for options in ({}, {"force_terminal": True, "force_interactive": True}):
        to, output = console(**options)
        with terminal.progress(to):
            pass
        assert output.getvalue() == ""
