"""`polyscore train` and `evaluate`: how far they have come is told with totals, and what cannot be written is named."""

from __future__ import annotations

import hashlib
import io
import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from apps import announce, registry, train
from apps.errors import InputError
from apps.settings import Settings
from domain.contract import Domain
from models import handbook, handbook_evaluation
from models.bundle import load_bundle
from models.recorded import RECORDINGS, Question
from models.registry import Registry
from models.train import one_by_one
from models.train import train as fit
from tests.models.small import FRAUD, WINDOW, history
from tests.system.versions import change


class Told:
    """Collects what long work tells."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, int, int]] = []

    def __call__(self, what: str, done: int, total: int) -> None:
        self.calls.append((what, done, total))

    def of(self, what: str) -> list[tuple[int, int]]:
        return [(done, total) for name, done, total in self.calls if name == what]


@pytest.fixture
def quick() -> Domain:
    """Fraud with two rounds of boosting: how good the models are is not asked here."""
    learning = FRAUD.learning()
    return replace(FRAUD, learning=lambda: replace(learning, recipe=replace(learning.recipe, rounds=2)))


def test_training_tells_rows_and_models_with_their_totals(quick: Domain, tmp_path: Path) -> None:
    told = Told()
    fit(quick, history(), "simulated", tmp_path, window=WINDOW, progress=told)
    assert {what for what, *_ in told.calls} == {"computing the features of payments", "training models"}
    rows = told.of("computing the features of payments")
    assert rows[0][0] == 0
    assert rows[-1][0] == rows[-1][1] > 50_000
    assert len(rows) > 10
    assert told.of("training models") == [(0, 5), (1, 5), (2, 5), (3, 5), (4, 5), (5, 5)]


def test_judging_tells_its_folds(quick: Domain, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(handbook_evaluation, "WINDOW", WINDOW)
    monkeypatch.setattr(handbook_evaluation, "WARM_UP_DAYS", 0)
    monkeypatch.setattr(handbook, "count", lambda data: 0)
    monkeypatch.setattr(handbook, "emissions", lambda data: history())
    told = Told()
    handbook_evaluation.evaluate(quick, Question([]), told)
    assert told.of("judging folds") == [(0, 4), (1, 4), (2, 4), (3, 4), (4, 4)]


def test_things_named_one_by_one_are_counted_when_they_begin() -> None:
    told = Told()
    name = one_by_one("folds", 2, told)
    name("first")
    name("second")
    name("done")
    assert told.of("folds") == [(0, 2), (1, 2), (2, 2)]


def test_simulated_history_is_told_in_days_and_recorded_history_in_events() -> None:
    told = Told()
    days = list(train._simulated(FRAUD, 7, 3, told))
    assert told.of("simulating days") == [(0, 3), (1, 3), (2, 3), (3, 3)]
    events = sum(e.stream == "events" for e in days)
    assert list(train.counted(days, "reading", events, told)) == days
    assert told.of("reading")[0] == (0, events)
    assert told.of("reading")[-1] == (events, events)


def test_a_folder_that_cannot_be_written_is_told_before_the_training(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    settings = Settings(home=tmp_path / "file" / "home", kafka_bootstrap_servers="")
    with pytest.raises(InputError, match=r"file/home/bundles/fraud: Not a directory.*POLYSCORE_HOME"):
        train.command(settings, "fraud", [], seed=7, days=60, console=Console(file=io.StringIO()))


@pytest.mark.parametrize("place", ["absent/report.json", "."])
def test_a_report_that_cannot_be_written_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, place: str) -> None:
    known = replace(RECORDINGS["fraud"], evaluate=lambda *_: {"metrics": {}})
    monkeypatch.setattr(train, "recording", lambda domain: known)
    with pytest.raises(InputError, match="--json") as caught:
        train.evaluate("fraud", Question([Path("x.parquet")]), tmp_path / place, console=Console(file=io.StringIO()))
    assert str(tmp_path) in str(caught.value)


@pytest.fixture
def known(monkeypatch: pytest.MonkeyPatch) -> Registry:
    """The registry that announcing reads and writes."""
    found = Registry("fraud")
    monkeypatch.setattr(registry, "read", lambda settings, domain: found)
    monkeypatch.setattr(registry, "enter", lambda settings, versions: None)
    monkeypatch.setattr(registry, "move", lambda settings, known, changes: None)
    return found


def announced(home: Path, folder: Path) -> str:
    """What announcing a bundle says."""
    console = Console(file=(said := io.StringIO()), width=300)
    announce.announce(Settings(home=home), load_bundle(folder), console)
    return said.getvalue()


def test_the_first_model_is_the_champion_and_another_a_candidate_with_the_command_that_promotes_it(
    known: Registry, bundle: Path, tmp_path: Path
) -> None:
    for name in ("v1", "v2", "v3"):
        folder = tmp_path / "bundles" / "fraud" / name
        shutil.copytree(bundle, folder)
        change(folder, lambda manifest, name=name: manifest.update(version=name))  # type: ignore[misc]
    folder = folder.parent
    assert "model v1 is the champion: the first model of its domain" in announced(tmp_path, folder / "v1")
    assert 'model v2 is a candidate; to let it decide: `polyscore models promote fraud v2 --why "..."`' in announced(
        tmp_path, folder / "v2"
    )
    assert announced(tmp_path, folder / "v2") == "", "it is known"
    (folder / "v1" / "model.txt").unlink()
    assert "model v3 is the champion: the champion v1 cannot be used: " in announced(tmp_path, folder / "v3")
    assert known.standing is not None
    assert (known.standing.champion, known.standing.former) == ("v3", ("v1",))


def test_what_a_bundle_holds_unproven_is_told_after_the_training(monkeypatch: pytest.MonkeyPatch, bundle: Path, tmp_path: Path) -> None:
    (copy := tmp_path / "bundles" / bundle.name).parent.mkdir()
    shutil.copytree(bundle, copy)
    report = json.loads((copy / "parity.json").read_text())
    next(c for c in report["comparisons"] if c["name"] == "c").update(outcome="unavailable", reason="no C compiler is here")
    (copy / "parity.json").write_text(json.dumps(report))
    manifest = json.loads((copy / "manifest.json").read_text())
    manifest["files"]["parity.json"]["sha256"] = hashlib.sha256((copy / "parity.json").read_bytes()).hexdigest()
    (copy / "manifest.json").write_text(json.dumps(manifest))
    monkeypatch.setattr(train, "train", lambda *_, **__: copy)
    monkeypatch.setattr(train, "announce", lambda *_: None)
    console = Console(file=(said := io.StringIO()), width=300)
    train.command(Settings(home=tmp_path), "fraud", [], seed=7, days=60, console=console)
    assert "c is in the bundle and will be proven where it is first scored: no C compiler is here" in said.getvalue()
    assert "pfa is in" not in said.getvalue()
