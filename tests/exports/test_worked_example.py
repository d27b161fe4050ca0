"""The format that ``docs/add-a-format.md`` makes is one: its code, as it stands there, passes what every format has to pass."""

from __future__ import annotations

import math
import re
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from exports.errors import CorruptArtifact
from exports.formats import FORMATS, Format
from exports.missing import ZERO
from tests.exports.zoo import KINDS, SCHEMA, rows, trained

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "add-a-format.md").read_text()
FILE, LINE, JUDGE = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)


@pytest.fixture
def listing(monkeypatch: pytest.MonkeyPatch) -> Format:
    """The format of the page, in the list."""
    module = ModuleType("exports.listing")
    monkeypatch.setitem(sys.modules, module.__name__, module)
    exec(compile(FILE, "listing.py", "exec"), module.__dict__)  # our own document
    found: Format = eval(LINE.rstrip().rstrip(","), {"Format": Format})
    monkeypatch.setitem(FORMATS, found.name, found)
    return found


def judge() -> Callable[[str, list[float]], list[float]]:
    names: dict[str, Any] = {"math": math, "ZERO": ZERO}
    exec(compile(JUDGE, "judge.py", "exec"), names)
    walked: Callable[[str, list[float]], list[float]] = names["walked"]
    return walked


def written(chosen: Format, kind: str, folder: Path) -> tuple[Path, NDArray[np.float64]]:
    """The artifact of a model, and rows on its splits and beside."""
    file = chosen.export(trained(kind), SCHEMA, folder / chosen.file_name)
    return file, rows(FORMATS["native"].load(FORMATS["native"].export(trained(kind), SCHEMA, folder / "m.txt")).ensemble)  # type: ignore[attr-defined]


@pytest.mark.parametrize("kind", KINDS)
def test_it_gives_lightgbms_raw_score_in_every_bit_and_reads_back_as_the_same_model(listing: Format, kind: str, tmp_path: Path) -> None:
    file, x = written(listing, kind, tmp_path)
    scorer = listing.load(file)
    assert scorer.raw_batch(x).tobytes() == np.asarray(trained(kind).predict(x, raw_score=True)).reshape(len(x), -1).tobytes()
    assert scorer.schema == SCHEMA


@pytest.mark.parametrize("kind", KINDS)
def test_its_judge_agrees(listing: Format, kind: str, tmp_path: Path) -> None:
    file, x = written(listing, kind, tmp_path)
    walked, text, scorer = judge(), file.read_text(), listing.load(file)
    for row in x[:: len(x) // 200].tolist():
        assert walked(text, row) == list(scorer.score(row).raw)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("leaf 0x1", "leaf 0x2"),
        ("split 0 ", "split 9 "),
        ("tree 0", "tree 7"),
        ("leaf ", "lief "),
        (" 0 0 -\n", " 0 2 -\n"),
        ("listing", "listings"),
    ],
)
def test_a_file_that_was_changed_is_refused(listing: Format, old: str, new: str, tmp_path: Path) -> None:
    file, _ = written(listing, "binary", tmp_path)
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new, 1))
    with pytest.raises(CorruptArtifact, match=r"model\.listing"):
        listing.load(file)


def test_a_file_that_ends_early_is_refused(listing: Format, tmp_path: Path) -> None:
    file, _ = written(listing, "binary", tmp_path)
    file.write_text(file.read_text()[:-40])
    with pytest.raises(CorruptArtifact):
        listing.load(file)
