"""Every command explains itself, and wrong input is told in one line."""

from __future__ import annotations

import errno
import io
import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from confluent_kafka import KafkaError, KafkaException
from rich.console import Console
from typer.main import get_command
from typer.testing import CliRunner

import apps
from apps import __main__, cli
from apps.cli import app, seconds
from apps.errors import InputError
from domain.registry import DOMAINS
from exports.formats import FORMATS
from models.errors import DataError
from tests.exports.handmade import Tree, text
from tests.exports.zoo import SCHEMA, trained

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


def run(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "apps.cli", *words]
    variables = {"PATH": "/usr/bin:/bin", "COLUMNS": "200", **environment}
    return subprocess.run(command, env=variables, capture_output=True, text=True, timeout=120, check=False)


def parameter(command: str, name: str) -> Any:
    group = get_command(app)
    return next(p for p in group.commands[command].params if p.name == name)  # type: ignore[attr-defined]  # a click group


def test_the_commands_take_the_domains_and_formats_that_the_lists_hold() -> None:
    for command in ("simulate", "replay", "train", "evaluate", "stream", "setup"):
        assert f"Which domain: {', '.join(DOMAINS)}." in parameter(command, "domain").help
    for command in ("demo", "stream"):
        assert parameter(command, "model_format").metavar == f"[{'|'.join(FORMATS)}]"
        assert parameter(command, "model_format").default in FORMATS
    assert parameter("export", "to").default == ",".join(FORMATS)


@pytest.mark.parametrize(
    ("words", "allowed"),
    [(["setup", "weather"], list(DOMAINS)), (["stream", "fraud", "--format", "mojo"], list(FORMATS))],
)
def test_a_domain_or_a_format_that_there_is_not_is_refused_with_those_there_are(words: list[str], allowed: list[str]) -> None:
    result = CliRunner().invoke(app, words, env={"COLUMNS": "200"})
    assert result.exit_code == 2
    assert f"is not one of {', '.join(allowed)}" in result.output


@pytest.mark.parametrize("words", [["demo"], ["broker", "start"], ["serve", "model.txt"], ["ui"]], ids=" ".join)
@pytest.mark.parametrize("port", ["70000", "-1"])
def test_a_port_that_there_is_not_is_refused(words: list[str], port: str) -> None:
    result = CliRunner().invoke(app, [*words, f"--port={port}"], env={"COLUMNS": "200"})
    assert result.exit_code == 2
    assert "Invalid value for '--port'" in result.output


@pytest.mark.parametrize("words", [["score", "model.txt", "-"], ["train", "--csv", "rows.csv", "--label", "y"]], ids=" ".join)
@pytest.mark.parametrize("separator", ["", ";;", '"', "\n", "§"])
def test_a_separator_that_is_none_is_refused(words: list[str], separator: str) -> None:
    result = CliRunner().invoke(app, [*words, "--separator", separator], env={"COLUMNS": "200"})
    assert result.exit_code == 2
    assert "is not one character that can stand between columns" in result.output


def test_a_tab_may_be_written_as_people_write_it(tmp_path: Path) -> None:
    (tmp_path / "rows.tsv").write_text("amount\tzeros\tnoise\tlabel\tgone\n1\t2\t3\tgro cery\t4\n")
    model = FORMATS["native"].export(trained("binary"), SCHEMA, tmp_path / "model.txt")
    result = CliRunner().invoke(app, ["score", str(model), str(tmp_path / "rows.tsv"), "--separator", "\\t"])
    assert result.exit_code == 0, result.output
    assert "raw,value\n" in result.output


def test_the_lists_name_what_exists() -> None:
    assert {name: domain.name for name, domain in DOMAINS.items()} == {name: name for name in DOMAINS}
    assert {name: chosen.name for name, chosen in FORMATS.items()} == {name: name for name in FORMATS}


def test_help_does_not_wait_for_what_scores() -> None:
    """Names alone: numba, LightGBM and the domains' kernels take seconds to import."""
    code = "import sys, json, apps.cli; print(json.dumps(sorted(sys.modules)))"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=True).stdout
    assert set(json.loads(found)) & {"numba", "numpy", "lightgbm", "confluent_kafka", "quixstreams", "domain.fraud"} == set()


@pytest.mark.parametrize("option", ["--rate", "--speed"])
@pytest.mark.parametrize("value", ["0", "-3", "nan", "inf"])
def test_a_pace_that_is_none_is_refused(option: str, value: str) -> None:
    result = CliRunner().invoke(app, ["simulate", "fraud", f"{option}={value}"])
    assert result.exit_code == 2
    assert option in result.output


def test_a_rate_and_a_speed_at_once_are_refused_in_one_line() -> None:
    result = run("simulate", "fraud", "--rate", "10", "--speed", "2")
    assert (result.returncode, result.stderr) == (1, "error --rate and --speed each set the pace: give one of them\n")


@pytest.mark.parametrize("words", [["broker", "status"], ["ui"], ["sink"]])
def test_a_setting_that_cannot_be_used_is_one_line_that_names_its_variable(words: list[str], tmp_path: Path) -> None:
    result = run(*words, POLYSCORE_HOME=str(tmp_path), POLYSCORE_PARTITIONS="0")
    assert result.returncode == 1
    assert result.stderr == "error POLYSCORE_PARTITIONS=0: Input should be greater than or equal to 1\n"


class Failing:
    """``main`` with a command that fails, and what it prints."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._patch = monkeypatch
        monkeypatch.setattr(cli.signal, "signal", lambda *_: None)

    def __call__(self, error: Exception) -> str:
        def fails() -> None:
            raise error

        output = io.StringIO()
        self._patch.setattr(cli, "app", fails)
        self._patch.setattr(cli, "console", Console(file=output, width=80, highlight=False, markup=False))
        with pytest.raises(SystemExit) as ended:
            cli.main()
        assert ended.value.code == 1
        return output.getvalue()


def test_ctrl_c_while_the_command_line_is_imported_ends_it_without_a_trace(monkeypatch: pytest.MonkeyPatch) -> None:
    class Interrupting:
        def find_spec(self, name: str, *_: object) -> None:
            if name == "apps.cli":
                raise KeyboardInterrupt

    monkeypatch.delattr(apps, "cli")
    monkeypatch.delitem(sys.modules, "apps.cli")
    monkeypatch.setattr(sys, "meta_path", [Interrupting(), *sys.meta_path])
    with pytest.raises(SystemExit) as ended:
        __main__.main()
    assert ended.value.code == __main__.INTERRUPTED


def test_ctrl_c_where_no_command_listens_for_it_ends_without_a_trace(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(cli.signal, "signal", lambda *_: None)
    monkeypatch.setattr(cli, "app", interrupted)
    with pytest.raises(SystemExit) as ended:
        __main__.main()
    assert ended.value.code == __main__.INTERRUPTED


@pytest.fixture
def failing(monkeypatch: pytest.MonkeyPatch) -> Callable[[Exception], str]:
    return Failing(monkeypatch)


@pytest.mark.parametrize("text", ["a path with [/x] in it", "[tag] and [red]colour[/red]", "long " * 50 + "end"])
@pytest.mark.parametrize("kind", [InputError, DataError])
def test_an_error_is_one_line_and_its_brackets_are_no_markup(failing: Callable[[Exception], str], kind: type[Exception], text: str) -> None:
    assert failing(kind(text)) == f"error {text}\n"


def test_what_kafka_refuses_is_one_line_with_the_remedy(failing: Callable[[Exception], str]) -> None:
    told = failing(KafkaException(KafkaError(KafkaError._INVALID_ARG, 'No such configuration property: "ssl.foo"')))
    assert told.startswith('error Kafka: No such configuration property: "ssl.foo"; ')
    assert "KAFKA_BOOTSTRAP_SERVERS" in told
    assert told.count("\n") == 1


def test_a_full_disk_anywhere_is_one_line(failing: Callable[[Exception], str]) -> None:
    assert failing(OSError(errno.ENOSPC, "No space left on device", "state/x")).startswith("error state/x: No space left on device; make")


def test_a_defect_is_told_as_one_with_the_way_to_its_trace(failing: Callable[[Exception], str], capsys: pytest.CaptureFixture[str]) -> None:
    told = failing(ConnectionResetError(errno.ECONNRESET, "reset"))
    assert told.startswith("error ConnectionResetError: [Errno 104] reset; this is a defect")
    assert "--debug" in told
    assert "in fails" in capsys.readouterr().err, "where no person looks, the log has the trace"


@pytest.mark.parametrize("words", [["tail", "x"], ["--debug", "tail", "x"]])
def test_with_debug_an_error_comes_with_its_trace(words: list[str], tmp_path: Path) -> None:
    result = run(*words, POLYSCORE_HOME=str(tmp_path), KAFKA_BOOTSTRAP_SERVERS="")
    assert result.returncode == 1
    assert ("Traceback" in result.stderr) == (words[0] == "--debug")
    assert "no Kafka runs here" in result.stderr


def test_one_model_is_exported_named_in_one_place(tmp_path: Path) -> None:
    model = tmp_path / "model.txt"
    model.write_text(text([Tree([0], [0.5], [0], [1.0, 2.0])], 1))
    for words in ([str(model)], ["--model", str(model)]):
        out = tmp_path / words[0].strip("-/").replace("/", "-")
        result = CliRunner().invoke(app, ["export", *words, "--to", "pmml", "-o", str(out)])
        assert result.exit_code == 0, result.output
        assert [path.name for path in out.iterdir()] == ["model.pmml"]
    result = CliRunner().invoke(app, ["export", str(model), "--model", str(model)], env={"COLUMNS": "300"})
    assert result.exit_code == 2
    assert "name one model" in result.output


def test_files_that_a_shell_puts_after_the_option_are_taken_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """`--data *.parquet` becomes `--data a.parquet b.parquet`."""
    taken: list[Path] = []
    monkeypatch.setattr("apps.train.evaluate", lambda domain, question, *_, **__: taken.extend(question.data))
    monkeypatch.setattr("apps.train.command", lambda settings, domain, data, **_: taken.extend(data))
    monkeypatch.setattr("apps.recorded.command", lambda settings, domain, data, **_: taken.extend(data))
    for command in ("evaluate", "train", "replay"):
        result = CliRunner().invoke(app, [command, "fraud", "--data", "a.parquet", "b.parquet", "--data", "c.parquet"])
        assert result.exit_code == 0, result.output
    assert [path.name for path in taken] == ["a.parquet", "c.parquet", "b.parquet"] * 3
