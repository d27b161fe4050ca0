"""A run by the command line, on a system that is none: verdict, exit status, reports, and what is left behind."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from apps import process, scenario_result, scenario_run
from apps.cli import app
from apps.errors import BrokerError
from apps.scenario_result import Result, Sample

STORY = """
from apps.scenario import World, exactly, story

def world(seed):
    return World([], [], at=(f"t{seed}",))


@story(name="small-world", domain="fraud", expects="one and one is two", lasts=1, speed=2.0, world=world)
def tell(given, when, then):
    system = given("a system that is none")
    when("something happens", system.live)
    then("one and one", system.decided, exactly(WANTED), within=0.1)
"""


class Nothing:
    """A system that starts nothing."""

    fails: Callable[[], None] = staticmethod(lambda: None)
    opens: Callable[[], None] = staticmethod(lambda: None)

    def __init__(self, *_: Any) -> None:
        self.champion, self.logs = "a model", Path("nowhere")
        self.samples = [Sample(at_s=float(i), sent=2 * i, decided=i, worth={"stopped amount": 3.0 * i}) for i in range(4)]

    def open(self, *_: Any, **__: Any) -> None:
        type(self).opens()

    def live(self) -> None:
        type(self).fails()

    def decided(self) -> int:
        return 2

    def trouble(self) -> str:
        return ""

    def numbers(self) -> dict[str, float]:
        return {"decided": 2.0}


@pytest.fixture
def play(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple[int, str]]:
    """Run the story that wants a number; returns the exit status and what was said."""
    monkeypatch.setattr(scenario_run, "trained", lambda *_: tmp_path / "bundle")
    monkeypatch.setattr(scenario_run, "Embedded", Nothing)
    monkeypatch.setattr(Nothing, "fails", staticmethod(lambda: None))
    monkeypatch.setattr(Nothing, "opens", staticmethod(lambda: None))
    monkeypatch.setenv("POLYSCORE_HOME", str(tmp_path / "home"))

    def run(wanted: int, *words: str) -> tuple[int, str]:
        file = tmp_path / "small.py"
        file.write_text(STORY.replace("WANTED", str(wanted)))
        found = CliRunner().invoke(app, ["scenario", "run", str(file), *words])
        return found.exit_code, found.stdout

    return run


def result(tmp_path: Path) -> tuple[Path, Result]:
    found = scenario_result.newest(tmp_path / "home", "small-world")
    assert found is not None
    return found


def test_a_story_whose_claims_hold_passes_and_is_reported(play: Callable[..., tuple[int, str]], tmp_path: Path) -> None:
    status, said = play(2, "--seed", "5", "--json")
    folder, found = result(tmp_path)
    assert (status, found.verdict, found.planted, found.speed) == (0, "PASS", ("t5",), 2.0)
    assert json.loads(said)["verdict"] == "PASS"
    assert {file.name for file in folder.iterdir()} == {"result.json", "report.md", "report.html", "log.txt"}
    markdown, page = (folder / "report.md").read_text(), (folder / "report.html").read_text()
    assert "| one and one | exactly 2 | 2 | holds |" in markdown
    assert "<svg" in page
    assert "something happens" in page
    assert "http" not in page.replace("http://www.w3.org/2000/svg", ""), "it needs nothing beside it"
    assert "holds: one and one" in (folder / "log.txt").read_text()


def test_a_claim_that_does_not_hold_fails_with_its_number(play: Callable[..., tuple[int, str]], tmp_path: Path) -> None:
    status, _ = play(3, "--speed", "9")
    folder, found = result(tmp_path)
    assert (status, found.verdict, found.speed) == (1, "FAIL", 9.0)
    assert found.why == "1 of 1 claims do not hold: one and one: 2, exactly 3 wanted"
    assert "does not hold: not within 0.1 s" in (folder / "report.md").read_text()


def test_a_system_that_does_not_start_cannot_be_judged(
    play: Callable[..., tuple[int, str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails() -> None:
        raise BrokerError("no port is free")

    monkeypatch.setattr(Nothing, "opens", staticmethod(fails))
    assert play(2)[0] == 2
    assert (result(tmp_path)[1].verdict, result(tmp_path)[1].why) == ("CANNOT RUN", "no port is free")


def test_what_fails_after_the_stage_is_set_fails_the_story(
    play: Callable[..., tuple[int, str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails() -> None:
        raise BrokerError("Kafka is gone")

    monkeypatch.setattr(Nothing, "fails", staticmethod(fails))
    assert play(2)[0] == 1
    assert result(tmp_path)[1].why == "something happens: Kafka is gone"


@pytest.mark.parametrize(("where", "outcome"), [("opens", (2, "CANNOT RUN")), ("fails", (1, "FAIL"))])
def test_a_mistake_of_the_storys_own_is_a_result_too(
    play: Callable[..., tuple[int, str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str, outcome: tuple[int, str]
) -> None:
    def fails() -> None:
        raise KeyError("t9")

    monkeypatch.setenv("KAFKA_SASL_USERNAME", "me")
    monkeypatch.setattr(Nothing, where, staticmethod(fails))
    status, _ = play(2)
    folder, found = result(tmp_path)
    assert (status, found.verdict) == outcome
    assert found.why == "KeyError: 't9'"
    assert "Traceback" in (folder / "log.txt").read_text()


def test_a_number_that_cannot_be_had_fails_the_story(
    play: Callable[..., tuple[int, str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(_: Nothing) -> int:
        raise BrokerError("nobody answers")

    monkeypatch.setattr(Nothing, "decided", fails)
    assert play(2)[0] == 1
    assert (result(tmp_path)[1].verdict, result(tmp_path)[1].why) == ("FAIL", "nobody answers")


def test_ctrl_c_ends_a_run_and_says_so(play: Callable[..., tuple[int, str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Nothing, "fails", staticmethod(interrupted))
    assert play(2)[0] == 130
    folder, found = result(tmp_path)
    assert found.verdict == "STOPPED"
    assert not (folder / "running.json").exists()


def test_one_at_a_time(play: Callable[..., tuple[int, str]], tmp_path: Path) -> None:
    with process.only(tmp_path / "home" / "scenarios" / "lock", "taken"):
        assert play(2)[0] == 2
    assert scenario_result.newest(tmp_path / "home", "small-world") is None
    assert play(2)[0] == 0


def test_an_unknown_name_lists_the_known_ones_and_could_not_be_run() -> None:
    found = CliRunner().invoke(app, ["scenario", "run", "weather"])
    assert found.exit_code == 2
    assert "there are bad-deployment, " in found.output


def test_the_result_goes_where_it_is_told_to(play: Callable[..., tuple[int, str]], tmp_path: Path) -> None:
    assert play(2, "--out", str(tmp_path / "there"))[0] == 0
    assert scenario_result.read(tmp_path / "there") is not None


def test_a_home_that_a_system_was_in_before_or_that_is_no_folder_could_not_be_run_in(
    play: Callable[..., tuple[int, str]], tmp_path: Path
) -> None:
    own, file = tmp_path / "own", tmp_path / "file"
    assert play(2, "--home", str(own))[0] == 0
    (own / "bundles").mkdir()
    file.touch()
    runs = len(scenario_result.folders(tmp_path / "home", "small-world"))
    for home, why in ((own, " is not empty"), (file, ": File exists"), (file / "below", ": Not a directory")):
        found = CliRunner().invoke(app, ["scenario", "run", str(tmp_path / "small.py"), "--home", str(home)])
        assert found.exit_code == 2
        assert f"error {home}{why}" in found.output
    assert len(scenario_result.folders(tmp_path / "home", "small-world")) == runs, "no result is begun"


def test_the_list_shows_each_story_and_how_it_last_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POLYSCORE_HOME", str(tmp_path))
    folder = scenario_result.new_folder(tmp_path, "scorer-killed", scenario_result.now())
    steps = {"verdict": "FAIL", "why": "", "seconds": 3.0, "seed": 1, "speed": 1.0, "format": "pmml"}
    scenario_result.write(folder, Result(name="scorer-killed", domain="fraud", expects="", began=scenario_result.now(), **steps))
    found = {each["name"]: each for each in json.loads(CliRunner().invoke(app, ["scenario", "list", "--json"]).stdout)}
    assert found["scorer-killed"]["last"]["verdict"] == "FAIL"
    assert found["poison-message"]["last"] is None
    assert {"poison-message", "leaked-cards", "rush-hour", "wearing-bearing"} <= set(found)


def test_a_run_that_is_seen_to_end_has_its_result_by_then(
    play: Callable[..., tuple[int, str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen, write = [], scenario_result.write

    def slowly(folder: Path, found: Result) -> None:
        seen.append(scenario_result.running(tmp_path / "home") is not None)
        write(folder, found)

    monkeypatch.setattr(scenario_result, "write", slowly)
    assert play(2)[0] == 0
    assert seen == [True], "whoever watches looks once, when it ends"
    assert scenario_result.running(tmp_path / "home") is None


def test_of_two_runs_that_began_in_one_second_the_second_is_the_newest(tmp_path: Path) -> None:
    at = scenario_result.now()
    made = [scenario_result.new_folder(tmp_path, "rush", at) for _ in range(11)]
    assert scenario_result.folders(tmp_path, "rush") == made[::-1]


def test_a_run_is_found_by_its_process_and_forgotten_with_it(tmp_path: Path) -> None:
    folder = scenario_result.new_folder(tmp_path, "rush", scenario_result.now())
    assert scenario_result.running(tmp_path) is None
    scenario_result.mark_running(folder, "rush")
    found = scenario_result.running(tmp_path)
    assert found is not None
    assert (found.name, found.folder) == ("rush", str(folder))
    gone = found.model_copy(update={"created": found.created - 100.0})
    (folder / "running.json").write_text(gone.model_dump_json())
    assert scenario_result.running(tmp_path) is None, "another process has that id now"
