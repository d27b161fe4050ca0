"""`polyscore export`: from a bundle or from a reader's own LightGBM file, with a clear word for what cannot be."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from apps import export
from apps.errors import InputError
from apps.settings import Settings
from exports import pmml
from exports.errors import CorruptArtifact
from exports.formats import FORMATS
from models.errors import BundleError
from tests.exports.zoo import rows, trained


def run(model: Path | None, formats: list[str], out: Path, home: Path) -> list[Path]:
    return export.command(Settings(home=home), model, formats, out, say=lambda text: None)


def test_a_model_file_of_ones_own_becomes_every_format_and_they_score_alike(tmp_path: Path) -> None:
    own = tmp_path / "own.txt"
    trained("no-missing").save_model(own)
    written = run(own, list(FORMATS), tmp_path / "out", tmp_path)
    assert [path.name for path in written] == [f.file_name for f in FORMATS.values()]
    x = rows(pmml.load(tmp_path / "out" / "model.pmml").ensemble)
    raw = np.asarray(trained("no-missing").predict(x, raw_score=True)).reshape(-1, 1)
    for chosen, path in zip(FORMATS.values(), written, strict=True):
        if chosen.served:
            continue  # tests/exports/test_remote.py
        assert chosen.load(path).raw_batch(x).tobytes() == raw.tobytes()


def test_a_bundle_is_exported_with_its_schema(bundle: Path, tmp_path: Path) -> None:
    (written,) = run(bundle, ["pmml"], tmp_path, tmp_path)
    assert pmml.load(written).schema.names[0] == "amount"


@pytest.mark.parametrize("formats", [["mojo"], [""], ["pmml", "pickle"]])
def test_an_unknown_format_is_named_with_those_there_are(formats: list[str], bundle: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="native, pmml, pfa"):
        run(bundle, formats, tmp_path / "out", tmp_path)


def test_what_is_no_model_is_named(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("hello")
    with pytest.raises(CorruptArtifact, match="not a LightGBM text model"):
        run(tmp_path / "notes.txt", ["pmml"], tmp_path / "out", tmp_path)
    with pytest.raises(CorruptArtifact, match=r"absent\.txt"):
        run(tmp_path / "absent.txt", ["pmml"], tmp_path / "out", tmp_path)
    with pytest.raises(BundleError, match="polyscore train"):
        run(None, ["pmml"], tmp_path / "out", tmp_path)


def test_a_folder_that_cannot_be_written_is_named(bundle: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(InputError, match="--out"):
        run(bundle, ["pmml"], tmp_path / "file" / "out", tmp_path)
