"""A decision gone over again: every format gives its score in every bit, the reasons are those it had, and a wrong one is told."""

from __future__ import annotations

import math
import re
import shutil
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from domain.decision import Decision
from exports.formats import FORMATS, LOCAL
from models.bundle import Bundle, load_bundle
from models.decide import FALLBACK, Model, explain
from models.errors import BundleError
from models.explanation import go_over, pushes, to_json
from tests.models.small import FRAUD, dataset


@pytest.fixture
def bundle(trained: Path) -> Bundle:
    return load_bundle(trained)


def decision(bundle: Bundle, **changes: Any) -> Decision:
    row = dataset().x[int(dataset().y.argmax())]  # the first fraud
    scores = bundle.scorer("native").score(row.tolist())
    fields = {
        "domain": "fraud", "decision_id": "t1", "key": "c1", "event_time": datetime(2026, 1, 1, tzinfo=UTC), "action": "block",
        "alert": True, "score": scores.values[0], "threshold": 0.1, "raw": list(scores.raw),
        "features": [None if math.isnan(v) else v for v in row.tolist()], "context": {"amount": 25.0}, "reasons": [],
        "model_version": bundle.version, "format": "pmml", "source_us": None, "broker_us": 1, "decided_us": 2,
    }  # fmt: skip
    return Decision(**{**fields, **changes})


def test_every_format_gives_the_decisions_score_in_every_bit(bundle: Bundle) -> None:
    found = go_over(FRAUD, bundle, decision(bundle), LOCAL)
    assert [(a.format, a.equal, a.refused) for a in found.answers] == [(name, True, "") for name in LOCAL]
    assert found.agreed
    assert all(a.sha256 == bundle.manifest["files"][FORMATS[a.format].file_name]["sha256"] for a in found.answers)


def test_a_score_that_is_off_by_one_bit_is_told(bundle: Bundle) -> None:
    right = decision(bundle)
    found = go_over(FRAUD, bundle, decision(bundle, raw=[math.nextafter(right.raw[0], 9.0)]), LOCAL)
    assert not found.agreed
    assert not any(a.equal for a in found.answers)


def test_the_reasons_are_those_of_the_alert_and_the_parts_are_the_largest(bundle: Bundle) -> None:
    made = decision(bundle)
    model = Model(bundle.version, "native", bundle.scorer("native"), bundle.contributions)
    row = [math.nan if v is None else v for v in made.features]
    found = go_over(FRAUD, bundle, made, ("native",))
    assert list(found.reasons) == explain(FRAUD, model, row)
    each = dict(zip(FRAUD.schema.names, bundle.contributions(row)[0], strict=True))
    assert [p.push for p in found.parts] == sorted(each.values(), key=lambda v: -abs(v))[:5]
    assert all(each[p.feature] == p.push for p in found.parts)


def test_what_cannot_score_here_says_why_and_the_others_still_agree(bundle: Bundle) -> None:
    found = go_over(FRAUD, bundle, decision(bundle), ("native", "remote"))
    assert found.agreed
    assert "remote" in to_json(found)["formats"][1]["format"]
    assert found.answers[1].refused


def test_an_artifact_changed_since_is_no_agreement(trained: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(trained, tmp_path / trained.name)
    intact = load_bundle(copy)  # what is changed after it was read
    text = (copy / "model.pmml").read_text()
    (copy / "model.pmml").write_text(re.sub(r' score="(-?)', r' score="\g<1>1', text))  # every leaf
    found = go_over(FRAUD, intact, decision(intact), ("native", "pmml"))
    assert [a.equal for a in found.answers] == [True, False]
    assert not found.agreed


def test_another_versions_bundle_and_a_decision_without_a_model_are_refused(bundle: Bundle) -> None:
    with pytest.raises(BundleError, match="was made by another, not by"):
        go_over(FRAUD, bundle, decision(bundle, model_version="another"))
    with pytest.raises(BundleError, match="the average decided"):
        go_over(FRAUD, bundle, decision(bundle, format=FALLBACK, raw=[]))


def test_the_parts_alone_are_those_of_going_over_and_a_model_of_one_output_is_not_loaded_to_score(
    bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = decision(bundle)
    parts = go_over(FRAUD, bundle, made, ("native",)).parts
    monkeypatch.setattr(bundle, "scorer", None)
    assert pushes(FRAUD, bundle, made) == parts


def test_the_parts_of_one_of_several_outputs_are_of_the_one_that_was_judged(bundle: Bundle) -> None:
    made, features = decision(bundle), len(FRAUD.schema)
    scores = SimpleNamespace(values=(made.score - 0.1, made.score + 0.001, made.score - 0.01))
    found: Any = SimpleNamespace(
        **{"version": bundle.version, "average": (), "scorer": lambda _: SimpleNamespace(score=lambda _: scores)},
        contributions=lambda _: np.repeat([[1.0], [2.0], [3.0]], features, axis=1),
    )
    assert {part.push for part in pushes(FRAUD, found, made)} == {2.0}
