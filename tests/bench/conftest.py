"""What `make bench` sets of the comparison, and what of it goes beside pytest-benchmark's own figures into its JSON."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import pytest

from exports.parity import Truth
from tests.bench import cold, contest, machine
from tests.bench.cases import CASES, ROWS, SCHEMA, Case, Prepared, prepare
from tests.bench.contest import Contest
from tests.bench.serving import model_server
from tests.bench.subjects import KERNEL, YARDSTICK, Opened, Subject, subjects

_FOUND: Final = pytest.StashKey[dict[str, Any]]()
_LIBRARIES: Final = ("lightgbm", "numba", "numpy", "onnxruntime", "pypmml", "pytest-benchmark")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Without `make bench` one small case is run once, as any test."""
    group = parser.getgroup("comparison of formats")
    group.addoption("--cases", choices=tuple(CASES), default="smoke", help="which models the formats are compared on")
    group.addoption("--seconds", type=float, default=0.05, help="for each measurement, the yardstick's share included")
    group.addoption("--models", type=Path, help="folder that keeps the models; default: one that is gone afterwards")


def _option(config: pytest.Config, name: str, default: Any) -> Any:
    """An option; where this file was found too late to add it, its default."""
    found = config.getoption(name, default)
    return default if found is None else found


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Every subject on every case, all measurements of a pair together."""
    if "contested" in metafunc.fixturenames:
        pairs = [(case, subject) for case in CASES[_option(metafunc.config, "cases", "smoke")] for subject in subjects()]
        ids = [f"{case.name}, {subject.name}" for case, subject in pairs]
        metafunc.parametrize("contested", pairs, ids=ids, indirect=True, scope="session")


@pytest.fixture(scope="session")
def seconds(request: pytest.FixtureRequest) -> float:
    return float(_option(request.config, "seconds", 0.05))


@pytest.fixture(scope="session")
def prepared(request: pytest.FixtureRequest) -> Iterator[dict[str, Prepared]]:
    """All cases by name, with a server that has the model of each."""
    with ExitStack() as stack:
        folder = _option(request.config, "models", None) or Path(
            stack.enter_context(tempfile.TemporaryDirectory(prefix="polyscore-bench-"))
        )
        found = {case.name: prepare(case, folder) for case in CASES[_option(request.config, "cases", "smoke")]}
        stack.enter_context(model_server([p.artifacts["pmml"] for p in found.values()]))
        _tell(request.config, found)
        yield found


def _tell(config: pytest.Config, found: dict[str, Prepared]) -> None:
    config.stash[_FOUND] = {
        "measured": machine.now(),
        "libraries": {name: version(name) for name in _LIBRARIES},
        "rows": ROWS,
        "subjects": [asdict(s) for s in subjects()],
        "cases": [{**asdict(p.case), "name": p.case.name, "size": p.case.size} for p in found.values()],
        "compiling_s": _compiling(found),
        "entries": [],
    }


def _compiling(found: dict[str, Prepared]) -> float | None:
    """Seconds of the first cold process ever, whose kernel is compiled and not taken from the cache; None in a small run."""
    chosen = next((p for p in found.values() if p.case.targeted), None)
    if chosen is None:
        return None
    with tempfile.TemporaryDirectory(prefix="polyscore-bench-") as empty:
        kernel = next(s for s in subjects() if s.name == KERNEL)
        words = (kernel, chosen.artifacts["native"], SCHEMA.to_json(), chosen.rows[0].tolist())
        return float(cold.start(*words, NUMBA_CACHE_DIR=empty)["process_s"])


@pytest.fixture(scope="session")
def contested(request: pytest.FixtureRequest, prepared: dict[str, Prepared]) -> Contest:
    """The pair's contest, entered: whatever was to be compared has been."""
    case, subject = request.param
    assert isinstance(case, Case)
    assert isinstance(subject, Subject)
    truth, yardstick = _judged_by(prepared[case.name])
    entered = contest.enter(subject, prepared[case.name], truth, yardstick)
    request.config.stash[_FOUND]["entries"].append(entered.entry)
    return entered


_judges: dict[str, tuple[Truth, Opened]] = {}


def _judged_by(prepared: Prepared) -> tuple[Truth, Opened]:
    """LightGBM's own answers and the yardstick, of the case at hand only."""
    if prepared.case.name not in _judges:
        _judges.clear()
        yardstick = next(s for s in subjects() if s.name == YARDSTICK).importing()(prepared.artifacts["native"], SCHEMA)
        _judges[prepared.case.name] = Truth(prepared.model, SCHEMA, prepared.rows, most=contest.MADE), yardstick
    return _judges[prepared.case.name]


def pytest_benchmark_update_json(config: pytest.Config, benchmarks: Any, output_json: dict[str, Any]) -> None:
    """What was compared and what is not measured stands beside the times."""
    if _FOUND in config.stash:
        output_json["comparison"] = config.stash[_FOUND]
