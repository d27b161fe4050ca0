"""Every command explains itself, and wrong input is told in one line."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.main import get_command
from typer.testing import CliRunner

from apps.cli import app, seconds

README = (Path(__file__).resolve().parents[2] / "README.md").read_text()


def found(command: Any, *words: str) -> Iterator[tuple[str, ...]]:
    """The words of every command below this one."""
    if not hasattr(command, "commands"):
        yield words
        return
    for name, below in command.commands.items():
        yield from found(below, *words, name)


COMMANDS = sorted(found(get_command(app)))


def test_every_command_stands_in_the_readme() -> None:
    assert ("broker", "status") in COMMANDS
    missing = [" ".join(words) for words in COMMANDS if not re.search(rf"\bpolyscore {' '.join(words)}\b", README)]
    assert missing == []


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_every_command_has_help_for_itself_and_for_each_option(words: tuple[str, ...]) -> None:
    command = get_command(app)
    for word in words:
        command = command.commands[word]  # type: ignore[attr-defined]  # a click group
    assert command.help
    assert len(command.help) > 20
    assert [p.name for p in command.params if not getattr(p, "help", None) and p.name != "help"] == []
    assert CliRunner().invoke(app, [*words, "--help"]).exit_code == 0


@pytest.mark.parametrize(("text", "value"), [("90", 90.0), ("60s", 60.0), ("5m", 300.0), ("1h", 3600.0), (None, None)])
def test_times_are_read_with_their_unit(text: str | None, value: float | None) -> None:
    assert seconds(text) == value


@pytest.mark.parametrize("text", ["", "s", "-5s", "soon", "nan", "1e99h"])
def test_what_is_not_a_time_is_refused(text: str) -> None:
    with pytest.raises(typer.BadParameter, match="is not a time"):
        seconds(text)


def test_a_process_without_kafka_says_what_to_do_in_one_line(tmp_path: Path) -> None:
    environment = {"POLYSCORE_HOME": str(tmp_path), "PATH": "/usr/bin:/bin"}
    command = [sys.executable, "-m", "apps.cli", "sink"]
    result = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert result.returncode == 1
    assert "Traceback" not in result.stderr
    assert "polyscore broker start" in result.stderr
