"""The way to Titus and back: labels for codes, refusals passed on, no waiting for ever, and what to do where it is not there."""

from __future__ import annotations

from pathlib import Path

import pytest

from exports import pfa, titus_engine, titus_environment
from exports.errors import CorruptArtifact, EngineMissing, RowError
from exports.titus_engine import TitusScorer
from tests.exports.zoo import LABELS, SCHEMA, trained


def test_without_its_environment_what_to_do_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(titus_environment, "folder", lambda: tmp_path / "nothing")
    with pytest.raises(EngineMissing, match="--set-up"):
        titus_engine.load(pfa.export(trained("binary"), SCHEMA, tmp_path / "model.pfa"))
    assert titus_engine.main([]) == 1
    assert "--set-up" in capsys.readouterr().err


def test_an_environment_that_cannot_be_made_is_missing(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(EngineMissing, match="cannot be made"):
        titus_environment.set_up(tmp_path / "file" / "titus")


@pytest.fixture
def document(tmp_path: Path) -> Path:
    titus_environment.set_up()  # made the first time
    return pfa.export(trained("binary"), SCHEMA, tmp_path / "model.pfa")


@pytest.mark.system
class TestWithTitus:
    def test_the_command_names_the_interpreter(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert titus_engine.main(["--set-up"]) == 0
        assert Path(capsys.readouterr().out.strip()) == titus_environment.python()

    def test_codes_go_as_labels_and_missing_as_null(self, document: Path) -> None:
        titus = titus_engine.load(document)
        found = titus.datum([1.0, None, float("nan"), 2.7, 0.0])
        assert found == {"amount": 1.0, "zeros": None, "noise": None, "label": "<&>", "gone": 0.0}
        assert titus.datum([0, 0, 0, -0.5, 0])["label"] == LABELS[0]
        assert titus.datum([0, 0, 0, 6, 0])["label"] not in LABELS
        titus.close()

    def test_a_document_that_titus_refuses_is_corrupt(self, document: Path) -> None:
        document.write_text(document.read_text().replace('"m.exp"', '"m.expp"'))
        with pytest.raises(CorruptArtifact, match=r"m\.expp"):
            TitusScorer(document, SCHEMA, 60.0)

    def test_a_row_that_titus_refuses_is_an_error_and_not_the_end(self, document: Path) -> None:
        titus = titus_engine.load(document)
        with pytest.raises(RowError, match="amount"):
            titus.score_data([{"zeros": 1.0}])
        assert titus.score([0.0] * 5) == pfa.load(document).score([0.0] * 5)
        titus.close()

    def test_no_answer_in_time_ends_the_engine(self, document: Path) -> None:
        with pytest.raises(EngineMissing, match="no answer"):
            TitusScorer(document, SCHEMA, 0.0)

    def test_a_closed_engine_is_missing(self, document: Path) -> None:
        titus = titus_engine.load(document)
        titus.close()
        with pytest.raises(EngineMissing, match="ended"):
            titus.score([0.0] * 5)
