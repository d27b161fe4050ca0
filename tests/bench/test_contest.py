"""Who may be timed, and how: only those with LightGBM's answers, in turn with the yardstick."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from exports import judges
from exports.errors import EngineMissing
from exports.formats import FORMATS
from exports.parity import Truth
from tests.bench import contest
from tests.bench.cases import CASES, SCHEMA, Case, Prepared, prepare
from tests.bench.contest import Contest
from tests.bench.duel import Duel
from tests.bench.subjects import BEARABLE, YARDSTICK, subjects

SMALL = Case("binary", 4, 4)
BY_NAME = {s.name: s for s in subjects()}


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    return prepare(SMALL, tmp_path_factory.mktemp("models"))


def entered(name: str, prepared: Prepared) -> Contest:
    yardstick = BY_NAME[YARDSTICK].importing()(prepared.artifacts["native"], SCHEMA)
    return contest.enter(BY_NAME[name], prepared, Truth(prepared.model, SCHEMA, prepared.rows[:200], most=200), yardstick)


def test_a_subject_with_lightgbms_answers_is_timed(prepared: Prepared) -> None:
    found = entered("pfa", prepared)
    assert found.timed
    assert (found.entry["outcome"], found.entry["parity"]["equal"]) == ("passed", found.entry["parity"]["rows"])
    assert found.entry["bytes"] == prepared.artifacts["pfa"].stat().st_size


@pytest.mark.parametrize("name", ["pfa", "native by our kernel", "ONNX Runtime"])
def test_a_subject_with_another_answer_is_not_timed(name: str, prepared: Prepared, tmp_path: Path) -> None:
    """The artifact is of a model that differs in one leaf."""
    model_format = BY_NAME[name].model_format
    lines = prepared.model.text.splitlines()
    at = next(i for i, line in enumerate(lines) if line.startswith("leaf_value="))
    first, _, others = lines[at].removeprefix("leaf_value=").partition(" ")
    lines[at] = f"leaf_value={float(first) + 1e-9!r} {others}"
    planted = "\n".join(line for line in lines if not line.startswith("tree_sizes=")) + "\n"
    chosen = FORMATS[model_format]
    artifact = chosen.export(planted, SCHEMA, tmp_path / chosen.file_name)
    found = entered(name, replace(prepared, artifacts={**prepared.artifacts, model_format: artifact}))
    assert found.entry["outcome"] == "failed"
    assert not found.timed
    assert "bytes" not in found.entry


def test_a_broken_artifact_is_a_failure_with_its_reason(prepared: Prepared, tmp_path: Path) -> None:
    (tmp_path / "model.pmml").write_text("<PMML")
    found = entered("pmml", replace(prepared, artifacts={**prepared.artifacts, "pmml": tmp_path / "model.pmml"}))
    assert (found.entry["outcome"], found.timed) == ("failed", False)
    assert "model.pmml" in found.entry["reason"]


def test_a_missing_engine_is_absent_with_its_reason(prepared: Prepared, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(*_: object) -> Any:
        raise EngineMissing("there is no Java")

    monkeypatch.setitem(judges.JUDGES, "PMML4S", replace(judges.JUDGES["PMML4S"], load=missing))
    found = entered("PMML4S", prepared)
    assert (found.entry["outcome"], found.entry["reason"], found.timed) == ("unavailable", "there is no Java", False)


def test_what_a_format_refuses_is_told_with_its_words(prepared: Prepared) -> None:
    others = {name: path for name, path in prepared.artifacts.items() if name != "onnx"}
    refusing = replace(prepared, artifacts=others, refused={"onnx": "no linear trees"})
    for name in ("onnx", "ONNX Runtime"):
        found = entered(name, refusing)
        assert (found.entry["outcome"], found.entry["reason"], found.timed) == ("refused", "no linear trees", False)


def test_a_slow_engine_is_left_out_of_models_that_are_too_large_for_it() -> None:
    (name,) = BEARABLE
    too_large = {case.size for case in CASES["full"] if contest.too_large(BY_NAME[name], case)}
    assert too_large == {"1,000 x 63"}
    assert all(contest.too_large(BY_NAME["pmml"], case) is None for case in CASES["full"])


def test_a_call_that_would_take_too_long_is_not_made(prepared: Prepared) -> None:
    found = entered("native", prepared)
    found.row_s = 1.0
    assert found.duel("one", 0.01) is not None
    assert found.duel("hundred", 0.01) is None
    assert found.entry["unmeasured"] == {"hundred": "a call would take about 100 s"}


def test_subject_and_yardstick_take_turns_over_the_same_items() -> None:
    called = list[tuple[str, int]]()
    duel = Duel(lambda item: called.append(("ours", item)), lambda item: called.append(("theirs", item)), [1, 2, 3], 0.001, (1e-7, 1e-7))
    assert called == [("ours", 1), ("theirs", 1)], "what is expected need be tried but once"
    called.clear()
    for _ in range(3):
        duel.turn_of_theirs()
        duel.turn_of_ours()
    turn = len(called) // 6
    assert (turn, len(duel.ours_ns), len(duel.theirs_ns)) == (100, 285, 285), "a turn's first twentieth is not counted"
    assert [name for name, _ in called] == [name for _ in range(3) for name in ("theirs", "ours") for _ in range(turn)]
    assert [item for name, item in called if name == "ours"] == [item for name, item in called if name == "theirs"]
    assert {item for _, item in called} <= {1, 2, 3}


def test_the_figures_are_percentiles_of_single_calls() -> None:
    duel = Duel(lambda item: None, lambda item: None, [0], 0.001)
    duel.ours_ns, duel.theirs_ns = [1_000 * i for i in range(1, 1_001)], [10_000] * 999
    found = duel.figures()
    assert found == {"calls": 1_000, "p50_us": 501.0, "p99_us": 991.0, "yardstick_p50_us": 10.0, "yardstick_p99_us": None}


def test_slow_calls_are_made_eleven_times_or_as_often_as_there_is_time() -> None:
    def rounds(call_s: float) -> int:
        return Duel(lambda item: None, lambda item: None, [0], 0.25, (call_s, call_s), least_rounds=11, most_s=20.0).rounds

    assert [rounds(s) for s in (0.1, 0.9, 1.0, 2.5, 30.0)] == [11, 11, 10, 4, 1]


def test_models_are_deterministic_full_and_kept(prepared: Prepared, tmp_path: Path) -> None:
    again = prepare(SMALL, tmp_path)
    assert again.model.text == prepared.model.text
    assert again.model.ensemble.n_trees == SMALL.trees
    assert again.model.text.count(f"num_leaves={SMALL.leaves}\n") == SMALL.trees
    (again.folder / "trained.txt").write_text(prepare(Case("regression", 4, 4), tmp_path).model.text)
    assert prepare(SMALL, tmp_path).model.objective.startswith("regression"), "trained anew though it was there"
    assert again.model.ensemble.sets, "no split by category"
    assert np.isnan(again.rows).any()
