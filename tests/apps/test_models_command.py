"""`polyscore models`: what is listed, shown and compared, and what a move looks at, announces and tells. Kafka is a list."""

from __future__ import annotations

import io
import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import orjson
import pytest
from rich.console import Console
from typer.testing import CliRunner

from apps import cli, loop_events, models_command, moves, registry
from apps.errors import InputError
from apps.settings import Settings
from apps.tables import LoopEvent
from apps.terms import typed
from domain.registry import DOMAINS
from domain.terms import TermsError
from models.bundle import load_bundle
from models.errors import BundleError, RegistryError
from models.registry import Cause, Change, Registry, Standing
from tests.system.versions import change, rewrite

FRAUD = DOMAINS["fraud"]
CAUSE = Cause(1_772_366_400_000_000, "ann", "better by a tenth")


class World:
    """Bundles in a home, a registry, and what was written to the topics."""

    def __init__(self, home: Path, bundle: Path) -> None:
        self.settings, self.known, self.bundle = Settings(home=home), Registry("fraud"), bundle
        self.stood: Standing | None = None
        self.written: list[Change] = []
        self.told: list[dict[str, Any]] = []

    def add(self, name: str, **manifest: Any) -> Path:
        folder = self.settings.bundles / "fraud" / name
        shutil.copytree(self.bundle, folder)
        change(folder, lambda found: found.update(version=name, **manifest))
        self.known.register(registry.candidate(load_bundle(folder), CAUSE.at_us, "train", "simulated"))
        return folder

    def move(self, settings: Settings, known: Registry, changes: Sequence[Change], *happened: LoopEvent) -> None:
        assert known.seen == self.stood, "what was read is what is moved upon"
        self.written += changes
        for event in happened:
            loop_events.tell(self, event)  # type: ignore[arg-type]  # as much of a producer as is used
        self.stood = known.seen = known.standing

    def produce(self, topic: str, key: bytes, value: bytes) -> None:
        self.told.append(orjson.loads(value))

    def poll(self, timeout: float) -> None:
        """Nothing to serve."""


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch, bundle: Path, tmp_path: Path) -> World:
    found = World(tmp_path, bundle)

    monkeypatch.setattr(registry, "read", lambda settings, domain: found.known)
    monkeypatch.setattr(registry, "move", found.move)
    found.add("v1", created="2026-01-01T00:00:00+00:00")
    found.add("v2", created="2026-01-02T00:00:00+00:00")
    return found


def printed(show: Any, world: World, *words: Any, width: int = 300) -> str:
    console = Console(file=(out := io.StringIO()), width=width)
    show(world.settings, FRAUD, *words, console)
    return out.getvalue()


def standing(world: World) -> Standing:
    assert isinstance(world.written[-1], Standing), "the standing comes last: a follower knows then what it names"
    return world.written[-1]


def test_a_promotion_is_announced_and_told_with_who_and_why(world: World) -> None:
    assert moves.promote(world.settings, FRAUD, "v1", CAUSE) == "v1 is the champion: better by a tenth"
    said = moves.promote(world.settings, FRAUD, "v2", CAUSE)
    assert said == "v2 is the champion now, after v1: better by a tenth"
    assert (standing(world).champion, standing(world).former, standing(world).by) == ("v2", ("v1",), "ann")
    told = world.told[-1]
    assert (told["kind"], told["what"], told["version"], told["text"]) == (loop_events.KIND, "promoted", "v2", said)
    assert told["details"] == {"by": "ann", "before": "v1"}


def test_a_rollback_a_challenge_and_an_archiving_are_announced_and_told(world: World) -> None:
    moves.promote(world.settings, FRAUD, "v1", CAUSE)
    moves.promote(world.settings, FRAUD, "v2", CAUSE)
    assert moves.rollback(world.settings, FRAUD, CAUSE) == "back to v1 from v2: better by a tenth"
    assert standing(world).champion == "v1"
    assert moves.challenge(world.settings, FRAUD, "v2", 0.1, CAUSE).startswith("v2 challenges v1 and decides for 10.0% of the keys: ")
    assert (standing(world).challengers, standing(world).share) == (("v2",), 0.1)
    assert moves.archive(world.settings, FRAUD, "v2", CAUSE) == "v2 is archived: better by a tenth"
    assert (standing(world).challengers, standing(world).share) == ((), 0.0)
    assert [event["what"] for event in world.told] == ["promoted", "promoted", "rolled-back", "challenged", "archived"]


def broken(folder: Path) -> None:
    (folder / "model.txt").write_text((folder / "model.txt").read_text() + "\n")


def unproven(folder: Path) -> None:
    report = json.loads((folder / "parity.json").read_text())
    next(c for c in report["comparisons"] if c["name"] == "pfa").update(outcome="failed", reason="another answer")
    rewrite(folder, "parity.json", json.dumps(report))


@pytest.mark.parametrize("move", ["promote", "challenge", "rollback"])
@pytest.mark.parametrize(
    ("harm", "why"), [(broken, "changed after training"), (unproven, "parity report for pfa"), (shutil.rmtree, "no bundle")]
)
def test_a_bundle_that_scorers_would_refuse_is_refused_before_anything_is_announced(world: World, move: str, harm: Any, why: str) -> None:
    world.known.promote("v1", CAUSE)
    world.add("v3")
    if move == "rollback":
        world.known.promote("v3", CAUSE)
        world.known.promote("v2", CAUSE)
    folder = world.settings.bundles / "fraud" / "v3"
    harm(folder)
    if harm is unproven:  # and announced so
        world.known.versions["v3"] = world.known.versions["v3"].model_copy(update={"manifest": load_bundle(folder).manifest})
    with pytest.raises(BundleError, match=why):
        _move(world, move)
    assert (world.written, world.told) == ([], [])


def _move(world: World, move: str) -> str:
    if move == "rollback":
        return moves.rollback(world.settings, FRAUD, CAUSE)
    if move == "promote":
        return moves.promote(world.settings, FRAUD, "v3", CAUSE)
    return moves.challenge(world.settings, FRAUD, "v3", 0.0, CAUSE)


def test_a_move_that_makes_no_sense_is_refused_before_a_bundle_is_looked_at(world: World) -> None:
    with pytest.raises(RegistryError, match="no version 'v9'; there are: v1, v2"):
        moves.promote(world.settings, FRAUD, "v9", CAUSE)
    assert (world.written, world.told) == ([], [])


def test_the_list_has_the_newest_first_with_stage_metric_who_and_why(world: World) -> None:
    world.known.promote("v1", CAUSE)
    world.known.challenge("v2", CAUSE._replace(why="try it"), share=0.25)
    metric = world.known.versions["v1"].manifest["metrics"][FRAUD.learning().headline]["mean"]
    lines = printed(models_command.listed, world).splitlines()
    assert lines[0].split() == ["version", "stage", "since", *FRAUD.learning().headline.split("_"), "by", "why"]
    assert lines[1].split() == ["v2", "challenger,", "25.0%", "2026-03-01", "12:00:00", f"{metric:.4f}", "ann", "try", "it"]
    assert lines[2].split()[:2] == ["v1", "champion"]


def test_the_name_of_a_version_is_whole_on_a_narrow_terminal(world: World) -> None:
    world.add(world.bundle.name)
    assert world.bundle.name in printed(models_command.listed, world, width=80)


def test_a_domain_without_versions_says_how_to_get_one(world: World) -> None:
    world.known.versions.clear()
    assert "no model of fraud is registered; train one with `polyscore train fraud`" in printed(models_command.listed, world)


def test_a_version_is_shown_with_lineage_metrics_parity_and_history(world: World) -> None:
    world.known.promote("v1", CAUSE)
    text = printed(models_command.shown, world, None)
    manifest = world.known.versions["v1"].manifest
    for word in (
        "fraud v1",
        "simulated",
        manifest["schema_digest"],
        "learning_rate",
        "average precision",
        "better by a tenth",
        "candidate",
    ):
        assert word in text, word
    rows = {line.split()[0]: line.split()[1] for line in text.splitlines() if line.split()}
    assert {rows[name] for name in ("native", "pmml", "pfa", "onnx")} == {"passed"}
    broken(world.settings.bundles / "fraud" / "v1")
    assert "parity is not known here: " in printed(models_command.shown, world, "v1")


def test_two_versions_are_compared_by_what_differs_and_by_every_metric(world: World) -> None:
    metrics = json.loads(json.dumps(world.known.versions["v1"].manifest["metrics"]))
    was = metrics["auc"]["mean"]
    metrics["auc"]["mean"] = was + 0.125
    params = world.known.versions["v1"].manifest["params"]
    world.add("v3", metrics=metrics, params={**params, "num_leaves": 99, "extra": True})
    lines = {line[: line.find("  ")]: line.split() for line in printed(models_command.compared, world, "v1", "v3").splitlines()}
    assert lines["params: num_leaves"][-2:] == [str(params["num_leaves"]), "99"]
    assert lines["params: extra"][-2:] == ["-", "true"]
    assert "params: learning_rate" not in lines
    assert lines["auc"][-3:] == [f"{was:.4f}", f"{was + 0.125:.4f}", "+0.1250"]
    assert lines["brier"][-1] == "+0.0000"


@pytest.mark.parametrize(("name", "why"), [("v9", "no version 'v9'; there are: v1, v2"), (None, "no champion yet")])
def test_a_version_that_there_is_not_is_refused_with_those_there_are(world: World, name: str | None, why: str) -> None:
    with pytest.raises(InputError, match=why):
        printed(models_command.shown, world, name)


def test_an_empty_reason_is_refused() -> None:
    with pytest.raises(InputError, match="--why is empty"):
        models_command.by_hand("  ")
    assert models_command.by_hand(" better ").why == "better"


def test_terms_are_announced_and_told_with_the_old_and_the_new_numbers(world: World) -> None:
    moves.promote(world.settings, FRAUD, "v1", CAUSE)
    said = moves.decide_by(world.settings, FRAUD, {"analyst": 9.0}, CAUSE)
    assert said == "fraud decides by analyst 9 instead of 5: better by a tenth"
    assert (standing(world).terms, standing(world).champion) == ({"analyst": 9.0}, "v1")
    told = world.told[-1]
    assert (told["what"], told["version"], told["text"], told["details"]["by"]) == ("terms", "v1", said, "ann")
    assert (told["details"]["before"]["analyst"], told["details"]["after"]["analyst"]) == (5.0, 9.0)
    moves.decide_by(world.settings, FRAUD, {"caught_by_review": 0.8}, CAUSE)
    assert standing(world).terms == {"analyst": 9.0, "caught_by_review": 0.8}, "those that are not named stay"
    text = printed(models_command.terms, world)
    assert [line.split()[:3] for line in text.splitlines() if line.startswith("analyst")] == [["analyst", "9", "5"]]
    assert "decides by other terms than its own: analyst 9, caught_by_review 0.8" in printed(models_command.listed, world)
    moves.decide_by(world.settings, FRAUD, None, CAUSE)
    assert standing(world).terms == {}
    assert "other terms" not in printed(models_command.listed, world)


@pytest.mark.parametrize(("given", "opened", "why"), [
    ({"mood": 1.0}, None, "there is no term 'mood'"),
    ({"analyst": float("nan")}, None, "analyst is nan"),
    ({"analyst": 5.0}, None, "by these terms already"),
    ({"analyst": 9.0}, {"analyst": 7.0}, "other terms by now: the defaults; look again"),
])  # fmt: skip
def test_terms_that_cannot_be_are_refused_before_anything_is_announced(world: World, given: Any, opened: Any, why: str) -> None:
    world.known.promote("v1", CAUSE)
    with pytest.raises((TermsError, RegistryError), match=why):
        moves.decide_by(world.settings, FRAUD, given, CAUSE, opened)
    assert (world.written, world.told) == ([], [])


@pytest.mark.parametrize("word", ["analyst", "analyst=", "analyst=much"])
def test_a_word_that_sets_nothing_is_refused(word: str) -> None:
    with pytest.raises(InputError, match="sets no term; write NAME=NUMBER"):
        typed([word])
    assert typed(["analyst=9", "offer=1e-1"]) == {"analyst": 9.0, "offer": 0.1}


def test_each_command_makes_its_own_move(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POLYSCORE_HOME", str(world.settings.home))

    def command(*words: str) -> str:
        result = CliRunner().invoke(cli.app, ["models", *words], env={"COLUMNS": "300"})
        assert result.exit_code == 0, result.output
        return result.output

    assert "v1 is the champion: first" in command("promote", "fraud", "v1", "--why", "first")
    assert "after v1" in command("promote", "fraud", "v2", "--why", "better")
    assert "v1" in command("diff", "fraud", "v1", "v2")
    assert "back to v1 from v2" in command("rollback", "fraud", "--why", "worse")
    command("challenge", "fraud", "v2", "--share", "0.25", "--why", "to look at")
    assert (standing(world).champion, standing(world).challengers, standing(world).share) == ("v1", ("v2",), 0.25)
    command("terms", "fraud", "analyst=9", "--why", "cheaper")
    assert standing(world).terms == {"analyst": 9.0}
    assert "9" in command("terms", "fraud")
    command("terms", "fraud", "--reset", "--why", "as before")
    assert standing(world).terms == {}
    command("archive", "fraud", "v2", "--why", "enough")
    assert (standing(world).challengers, standing(world).share) == ((), 0.0)
