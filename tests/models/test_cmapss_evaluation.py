"""The recipe on NASA's engines, where their file is there; and the official protocol on engines held out of it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from domain.registry import DOMAINS
from models import cmapss, cmapss_evaluation
from models.errors import DataError
from models.recorded import Question, recording
from tests.published import DATA

FILE = DATA / "maintenance" / "cmapss_fd001" / "train_FD001.txt.gz"
MAINTENANCE = DOMAINS["maintenance"]
real = pytest.mark.skipif(not FILE.exists(), reason=f"NASA's C-MAPSS FD001 is not at {FILE}")


def as_text(engines: list[cmapss.Engine]) -> str:
    """In the official format."""
    return "".join(
        f"{unit} {cycle} {' '.join(map(repr, values))} \n" for unit, e in enumerate(engines, 1) for cycle, values in enumerate(e.cycles, 1)
    )


def split(folder: Path, fleet: list[cmapss.Engine], held_out: int) -> Question:
    """The last engines as a test file, each cut off at random, and a RUL file; the others as a train file."""
    rng = np.random.default_rng(1)
    kept, tested = fleet[:-held_out], fleet[-held_out:]
    cut = [int(rng.integers(len(e.cycles) // 3, len(e.cycles))) for e in tested]
    left = [len(e.cycles) - c for e, c in zip(tested, cut, strict=True)]
    shown = [cmapss.Engine(e.name, e.cycles[:c]) for e, c in zip(tested, cut, strict=True)]
    files = {"train_FD001.txt": as_text(kept), "test_FD001.txt": as_text(shown), "RUL_FD001.txt": "".join(f"{n} \n" for n in left)}
    for name, text in files.items():
        (folder / name).write_text(text)
    return Question([folder / "train_FD001.txt"], None, folder / "test_FD001.txt", folder / "RUL_FD001.txt")


@real
def test_engines_that_the_model_never_saw_are_estimated_within_ten_cycles() -> None:
    found = recording(MAINTENANCE).evaluate(MAINTENANCE, Question([FILE]), lambda *_: None)
    assert (found["engines"], found["rows"]) == (100, 20_631)
    assert found["metrics"]["rmse"]["mean"] <= 9.9
    for name in ("mean", "linear model"):
        for metric in ("rmse", "nasa_score"):
            assert found["metrics"][metric]["mean"] < 0.7 * found["baselines"][name][metric]["mean"]
    assert json.loads(json.dumps(found)) == found


@real
def test_the_official_files_give_one_estimate_an_engine(tmp_path: Path) -> None:
    question = split(tmp_path, cmapss.engines(FILE), 30)
    found = recording(MAINTENANCE).evaluate(MAINTENANCE, question, lambda *_: None)
    assert found["engines"] == 30
    assert found["rmse"] < min(20.0, found["rmse_of_linear_model"], found["rmse_of_mean"])
    assert found["rmse"] <= found["rmse_uncapped"]
    assert 0 < found["nasa_score"] <= found["nasa_score_uncapped"]
    assert found["early_coverage"] > 0.7
    assert json.loads(json.dumps(found)) == found


def made_up(engines: int) -> list[cmapss.Engine]:
    """Engines whose sensors climb from some cycle on until they fail."""
    rng = np.random.default_rng(0)
    fleet = []
    for number in range(engines):
        length = int(rng.integers(100, 220))
        left = np.arange(length)[::-1]
        wear = np.maximum(0.0, 100.0 - left) ** 1.5 / 100
        sensors = 500.0 + np.outer(wear, np.linspace(-1, 1, 21)) + rng.normal(0, 0.5, (length, 21))
        cycles = np.hstack([np.tile([0.0, 0.0, 100.0], (length, 1)), sensors.round(4)])
        fleet.append(cmapss.Engine(f"e{number}", [tuple(c) for c in cycles.tolist()]))
    return fleet


def test_made_up_engines_are_judged_across_engines_and_by_files(tmp_path: Path) -> None:
    question = split(tmp_path, made_up(24), 6)
    across = cmapss_evaluation.evaluate(MAINTENANCE, Question(question.data))
    assert across["engines"] == 18
    assert across["metrics"]["rmse"]["mean"] < 0.5 * across["baselines"]["mean"]["rmse"]["mean"]
    official = cmapss_evaluation.evaluate(MAINTENANCE, question)
    assert official["engines"] == 6
    assert official["rmse"] < 0.5 * official["rmse_of_mean"]


def test_the_answers_are_not_looked_at_for_an_estimate(tmp_path: Path) -> None:
    question = split(tmp_path, made_up(16), 4)
    first = cmapss_evaluation.evaluate(MAINTENANCE, question)
    assert question.answers is not None
    question.answers.write_text("".join(f"{int(n) + 10}\n" for n in question.answers.read_text().split()))
    second = cmapss_evaluation.evaluate(MAINTENANCE, question)
    assert first["estimates"] == second["estimates"]
    assert first["rmse_uncapped"] != second["rmse_uncapped"]


@pytest.mark.parametrize(
    ("changes", "why"),
    [({"split": "time"}, "parted by engine"), ({"test": None}, "--test and --rul go together"), ({"answers": None}, "go together")],
)
def test_what_this_data_cannot_be_asked_is_refused(tmp_path: Path, changes: dict[str, object], why: str) -> None:
    asked = split(tmp_path, made_up(12), 2).__dict__ | changes
    with pytest.raises(DataError, match=why):
        cmapss_evaluation.evaluate(MAINTENANCE, Question(**asked))


@pytest.mark.parametrize("name", ["test", "answers"])
def test_a_wrong_test_or_rul_file_is_named_before_the_training_file_is_read(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cmapss_evaluation, "replay", lambda *_: pytest.fail("it computes features"))
    question = split(tmp_path, made_up(12), 2)
    (tmp_path / "wrong.txt").write_text("1 2 3\n")
    with pytest.raises(DataError, match=r"wrong\.txt, line 1: 3 columns"):
        cmapss_evaluation.evaluate(MAINTENANCE, Question(**question.__dict__ | {name: tmp_path / "wrong.txt"}))
