"""A bundle is whole or refused, by the name of the file that is wrong."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import lightgbm as lgb
import numpy as np
import pytest

from apps.serve import Models
from exports import lightgbm_text
from exports.compiled import KernelScorer
from exports.errors import EngineMissing
from exports.formats import FORMATS, LOCAL
from models import bundle, bundle_writing
from models.errors import BundleError
from tests.exports import compilers
from tests.exports.served import add, serving
from tests.models.small import FRAUD, WINDOW, dataset


def booster(found: bundle.Bundle) -> lgb.Booster:
    return lgb.Booster(model_file=found.folder / "model.txt")


@pytest.fixture
def copy(trained: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(trained, tmp_path / trained.name))


def test_a_bundle_loads_with_the_domains_schema_and_its_formats_agree_bit_for_bit(trained: Path) -> None:
    found = bundle.load_bundle(trained)
    assert found.schema == FRAUD.schema
    raw = [found.scorer(name).raw_batch(dataset().x[:3000]).tobytes() for name in LOCAL]
    assert raw == [raw[0]] * len(LOCAL)


def test_the_manifest_says_what_a_user_must_know(trained: Path) -> None:
    manifest = json.loads((trained / "manifest.json").read_text())
    assert {f.file_name for f in FORMATS.values()} | {"report.json"} <= set(manifest["files"])
    assert {"card_precision.png", "metrics_by_fold.png", "roc.png", "precision_recall.png", "calibration.png"} <= set(manifest["files"])
    assert manifest["data"]["label_delay_days"] == 7
    assert manifest["data"]["from"] < manifest["data"]["to"]
    assert {"python", "lightgbm", "numpy"} <= set(manifest["libraries"])
    assert {"auc", "average_precision", "card_precision_at_100", "card_precision_ceiling"} <= set(manifest["metrics"])
    assert next(f["categories"] for f in manifest["schema"] if f["name"] == "merchant_category")[0] == "grocery"


def test_the_manifest_says_when_labels_were_from_and_how_late_and_how_the_model_was_judged(trained: Path) -> None:
    manifest, report = (json.loads((trained / name).read_text()) for name in ("manifest.json", "report.json"))
    window, protocol = manifest["label_window"], manifest["protocol"]
    assert window["delay_days"] == WINDOW.delay
    assert window["trained"] == {"from": manifest["data"]["from"], "to": manifest["data"]["to"]}
    assert [fold["test"] for fold in window["folds"]] == [fold["test_window"] for fold in report["folds"]]
    for fold in window["folds"]:
        learned, tested = (datetime.fromisoformat(fold[part][end]) for part, end in (("train", "to"), ("test", "from")))
        assert tested - learned >= timedelta(days=WINDOW.delay)
    assert protocol["method"] == "forward-chaining"
    assert (protocol["train_days"], protocol["delay_days"], protocol["test_days"]) == (WINDOW.train, WINDOW.delay, WINDOW.test)
    assert protocol["folds"] == len(window["folds"])


def test_every_file_of_a_bundle_is_guarded_by_its_hash(trained: Path, tmp_path: Path) -> None:
    for name in json.loads((trained / "manifest.json").read_text())["files"]:
        changed = Path(shutil.copytree(trained, tmp_path / name / "bundle"))
        data = bytearray((changed / name).read_bytes())
        data[len(data) // 2] ^= 1
        (changed / name).write_bytes(data)
        with pytest.raises(BundleError, match=rf"{name}: was changed"):
            bundle.load_bundle(changed)


def test_a_file_that_is_gone_is_named(copy: Path) -> None:
    (copy / "model.pmml").unlink()
    with pytest.raises(BundleError, match=r"model\.pmml"):
        bundle.load_bundle(copy)


@pytest.mark.parametrize(("key", "value"), [("format_version", 99), ("files", {}), ("files", None), ("schema", None)])
def test_a_manifest_that_cannot_be_used_is_refused(copy: Path, key: str, value: object) -> None:
    path = copy / "manifest.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), key: value}))
    with pytest.raises(BundleError, match=r"manifest\.json"):
        bundle.load_bundle(copy)


@pytest.mark.parametrize("text", ["", "{", "[]", "null"])
def test_a_manifest_that_is_none_is_refused(copy: Path, text: str) -> None:
    (copy / "manifest.json").write_text(text)
    with pytest.raises(BundleError, match=r"manifest\.json"):
        bundle.load_bundle(copy)


@pytest.mark.parametrize("stated", ["a text", None, [], {}, {"sha256": 7}])
def test_a_manifest_whose_entry_has_no_hash_is_refused_by_the_files_name(copy: Path, stated: object) -> None:
    path = copy / "manifest.json"
    manifest = json.loads(path.read_text())
    manifest["files"]["model.pmml"] = stated
    path.write_text(json.dumps(manifest))
    with pytest.raises(BundleError, match=r"manifest\.json: model\.pmml has no SHA-256"):
        bundle.load_bundle(copy)


def test_a_manifest_that_lists_names_only_is_refused(copy: Path) -> None:
    path = copy / "manifest.json"
    manifest = json.loads(path.read_text())
    manifest["files"] = list(manifest["files"])
    path.write_text(json.dumps(manifest))
    with pytest.raises(BundleError, match=r"manifest\.json"):
        bundle.load_bundle(copy)


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_a_bundle_that_cannot_be_finished_leaves_nothing_behind(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, trained: Path, error: BaseException
) -> None:
    def fails(*_: object) -> list[Path]:
        raise error

    monkeypatch.setattr(bundle_writing, "draw", fails)
    found = bundle.load_bundle(trained)
    made = bundle_writing.Trained("fraud", "binary", booster(found), found.schema, [0.1], found.report, {}, {})
    with pytest.raises((BundleError, KeyboardInterrupt)) as caught:
        bundle_writing.write(made, tmp_path / "bundles", datetime(2026, 1, 1, tzinfo=UTC))
    assert list((tmp_path / "bundles").iterdir()) == []
    assert isinstance(caught.value, KeyboardInterrupt) or re.search("bundles: No space.*POLYSCORE_HOME", str(caught.value))


def test_a_manifest_cannot_point_outside_its_bundle(copy: Path) -> None:
    path = copy / "manifest.json"
    manifest = json.loads(path.read_text())
    manifest["files"]["../../secret"] = {"sha256": "", "bytes": 0}
    path.write_text(json.dumps(manifest))
    (copy.parent.parent / "secret").write_text("x")
    with pytest.raises(BundleError, match="secret"):
        bundle.load_bundle(copy)


def test_the_newest_bundle_is_the_one_of_the_latest_time_and_an_empty_folder_names_the_command(trained: Path, tmp_path: Path) -> None:
    for name in ("20250101-000000-aaaaaaaa", "20260101-000000-bbbbbbbb", ".unfinished-x"):
        shutil.copytree(trained, tmp_path / "fraud" / name)
    assert bundle.latest(tmp_path / "fraud").name == "20260101-000000-bbbbbbbb"
    with pytest.raises(BundleError, match="polyscore train"):
        bundle.latest(tmp_path / "nothing")


def test_contributions_add_up_to_the_raw_score_without_its_base(trained: Path) -> None:
    found = bundle.load_bundle(trained)
    rows = dataset().x[:50]
    raw = found.scorer("native").raw_batch(rows)[:, 0]
    bases = raw - np.array([found.contributions(row.tolist())[0].sum() for row in rows])
    np.testing.assert_allclose(bases, bases[0], rtol=0, atol=1e-9)


def test_a_format_that_had_no_server_in_training_is_proven_when_there_is_one(
    trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found, models = bundle.load_bundle(trained), Models()
    text = (trained / "model.txt").read_text()
    with serving(models) as server:
        monkeypatch.setenv("POLYSCORE_MODEL_SERVER", server)
        monkeypatch.setenv("POLYSCORE_MODEL_TIMEOUT", "5")
        with pytest.raises(EngineMissing, match="polyscore serve"):
            found.scorer("remote")
        add(models, text, found.schema)
        rows = dataset().x[:300]
        assert found.scorer("remote").raw_batch(rows).tobytes() == found.scorer("native").raw_batch(rows).tobytes()
        served = next(iter(models.served.values()))
        other = replace(lightgbm_text.parse(text).ensemble, threshold=lightgbm_text.parse(text).ensemble.threshold * 2)
        served.scorer = KernelScorer(other, found.schema)  # says that it is the model, and is not
        with pytest.raises(BundleError, match="no passing parity report for remote"):
            found.scorer("remote")


def test_every_artifact_of_a_bundle_is_proven_and_one_that_is_not_scores_nothing(copy: Path) -> None:
    report = bundle.load_bundle(copy).parity
    assert report["passed"]
    assert {c["name"]: c["outcome"] for c in report["comparisons"]} == dict.fromkeys(LOCAL, "passed")
    next(c for c in report["comparisons"] if c["name"] == "pmml").update(outcome="failed", reason="a row differs")
    (copy / "parity.json").write_text(json.dumps(report))
    manifest = json.loads((copy / "manifest.json").read_text())
    manifest["files"]["parity.json"]["sha256"] = hashlib.sha256((copy / "parity.json").read_bytes()).hexdigest()
    (copy / "manifest.json").write_text(json.dumps(manifest))
    assert bundle.load_bundle(copy).scorer("pfa")
    with pytest.raises(BundleError, match="no passing parity report for pmml: a row differs"):
        bundle.load_bundle(copy).scorer("pmml")


def test_without_a_c_compiler_c_is_written_not_judged_and_scores_nothing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, trained: Path
) -> None:
    monkeypatch.setattr(bundle_writing, "draw", lambda *_: [])
    compilers.without(monkeypatch, tmp_path)
    found = bundle.load_bundle(trained)
    made = bundle_writing.Trained("fraud", "binary", booster(found), found.schema, [0.1], found.report, {}, found.manifest["data"])
    written = bundle.load_bundle(bundle_writing.write(made, tmp_path / "bundles", datetime(2026, 1, 1, tzinfo=UTC)))
    assert written.parity["passed"]
    outcomes = {c["name"]: c["outcome"] for c in written.parity["comparisons"]}
    assert outcomes == {**dict.fromkeys(LOCAL, "passed"), "c": "unavailable"}
    assert (written.folder / "model.c").read_bytes() == (trained / "model.c").read_bytes()
    for each in (written, found):  # one that was proven elsewhere, too
        with pytest.raises(EngineMissing, match="no C compiler is here"):
            each.scorer("c")
