"""The champion's trees with new leaves: the same splits, a step towards the fresh labels, and every format carries them."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np

from domain.registry import DOMAINS
from exports.formats import FORMATS
from models import retrain
from models.bundle import load_bundle
from models.refit import refitting
from models.report import answers
from models.retrain import Days
from models.train import Origin
from tests.domain.worlds import dataset as world
from tests.models.small import FRAUD, WINDOW, dataset

SMALL = replace(FRAUD, learning=lambda: replace(FRAUD.learning(), window=WINDOW, folds=2))


def splits(text: str) -> list[str]:
    return re.findall(r"^(?:split_feature|threshold|decision_type)=.*$", text, re.MULTILINE)


def test_refitted_trees_have_the_champions_splits_and_other_leaves_and_every_format_carries_them(trained: Path, tmp_path: Path) -> None:
    champion, data, days = load_bundle(trained), dataset(), Days(train=7, holdout=6)
    fold = retrain.part(SMALL, data, None, days)
    origin = Origin({"source": "topics"}, champion.version)
    made = load_bundle(retrain.train(SMALL, data, fold, origin, tmp_path, days=days, fit=refitting(champion)))
    old, new = ((b.folder / FORMATS["native"].file_name).read_text() for b in (champion, made))
    assert splits(new) == splits(old)
    assert new != old
    assert {c["name"]: c["outcome"] for c in made.parity["comparisons"] if c["outcome"] == "failed"} == {}
    row = data.x[5].tolist()
    assert {made.scorer(name).score(row).raw for name in ("native", "pmml", "pfa", "onnx")} == {made.scorer("c").score(row).raw}


def test_a_leaf_that_stays_whole_is_the_champions_and_a_step_moves_towards_the_labels(trained: Path) -> None:
    champion = load_bundle(trained)
    data = dataset()
    rows = data.chosen(np.flatnonzero(data.labelled))
    flipped = rows._replace(y=1 - rows.y)
    before = champion.scorer("native").score_batch(rows.x)[:, 0]
    kept = answers(refitting(champion, 1.0)(FRAUD, flipped), rows.x)[:, 0]
    moved = answers(refitting(champion, 0.5)(FRAUD, flipped), rows.x)[:, 0]
    assert np.abs(kept - before).max() < 1e-6
    assert moved.mean() > 2 * before.mean(), "nearly all labels are frauds now"


def test_the_models_beside_it_are_refitted_too(tmp_path: Path) -> None:
    domain, data = DOMAINS["maintenance"], world("maintenance")
    days = Days()
    fold = retrain.part(domain, data, None, days)
    first = load_bundle(retrain.train(domain, data, fold, Origin({"source": "topics"}), tmp_path / "first", days=days))
    again = load_bundle(
        retrain.train(domain, data, fold, Origin({"source": "topics"}, first.version), tmp_path / "again", days=days, fit=refitting(first))
    )
    assert again.beside == first.beside
    row = data.x[7].tolist()
    assert again.scorer("pmml").score(row).raw == again.scorer("native").score(row).raw
    assert again.scorer("native").score(row).raw != first.scorer("native").score(row).raw
