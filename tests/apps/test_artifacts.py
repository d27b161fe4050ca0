"""`score`, `inspect` and `verify` on artifacts of every format, as a person at the terminal uses them."""

from __future__ import annotations

import json
import os
import re
import socket
from io import StringIO
from pathlib import Path
from queue import Queue
from threading import Thread

import lightgbm as lgb
import numpy as np
import pandas as pd
import pytest
from rich.console import Console

from apps import export, inspect, score, verify
from apps.errors import InputError
from apps.settings import Settings
from exports import files, lightgbm_text, parity, recognise
from exports.errors import CorruptArtifact, ExportError
from exports.formats import FORMATS, LOCAL
from exports.judges import JUDGES
from tests.exports.zoo import SCHEMA, trained


def console() -> Console:
    return Console(file=StringIO(), width=200, markup=False)


def said(at: Console) -> str:
    assert isinstance(at.file, StringIO)
    return at.file.getvalue()


def written(model_format: str, folder: Path, kind: str = "binary") -> Path:
    chosen = FORMATS[model_format]
    return chosen.export(trained(kind), SCHEMA, folder / chosen.file_name)


def table(folder: Path, n: int = 50) -> tuple[Path, np.ndarray]:
    """Raw features with their labels as text, and the same as a model sees them."""
    x = np.random.default_rng(0).normal(size=(n, len(SCHEMA)))
    x[:, 3] = np.arange(n) % len(SCHEMA.features[3].categories)
    x[::7, 1] = np.nan
    frame = pd.DataFrame(x, columns=list(SCHEMA.names)).astype(object)
    frame["label"] = [SCHEMA.features[3].categories[int(code)] for code in x[:, 3]]
    frame.to_csv(folder / "rows.csv", index=False)
    return folder / "rows.csv", x


@pytest.mark.parametrize("model_format", LOCAL)
@pytest.mark.parametrize("kind", ["binary", "multiclass", "regression"])
def test_score_gives_a_line_a_row_in_lightgbms_own_bits(model_format: str, kind: str, tmp_path: Path) -> None:
    source, x = table(tmp_path)
    out = tmp_path / "scores.csv"
    assert score.command(written(model_format, tmp_path, kind), str(source), out, dropped=[], separator=",", console=console()) == len(x)
    found = pd.read_csv(out)
    raw = found[[c for c in found if c.startswith("raw")]].to_numpy()
    assert raw.tobytes() == np.asarray(trained(kind).predict(x, raw_score=True)).reshape(len(x), -1).tobytes()


def test_scores_go_to_standard_output_by_default(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source, x = table(tmp_path)
    score.command(written("native", tmp_path), str(source), None, dropped=[], separator=",", console=console())
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "raw,value"
    assert len(lines) == 1 + len(x)


def test_a_failed_scoring_leaves_no_file(tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text("amount\n1\n")
    with pytest.raises(Exception, match="lacks the column"):
        score.command(
            written("native", tmp_path), str(tmp_path / "rows.csv"), tmp_path / "o.csv", dropped=[], separator=",", console=console()
        )
    assert sorted(p.name for p in tmp_path.iterdir()) == ["model.txt", "rows.csv"]


def scored(folder: Path, rows: str, out: Path | None) -> int:
    return score.command(written("native", folder), rows, out, dropped=[], separator=",", console=console())


def test_nothing_is_written_of_a_table_that_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "rows.csv").write_text("amount\n1\n")
    with pytest.raises(InputError, match="lacks the column"):
        scored(tmp_path, str(tmp_path / "rows.csv"), None)
    assert capsys.readouterr().out == ""
    (tmp_path / "rows.csv").write_text(",".join(SCHEMA.names) + "\n")
    assert scored(tmp_path, str(tmp_path / "rows.csv"), None) == 0
    assert capsys.readouterr().out == "raw,value\n", "a table of no rows is one"


@pytest.mark.parametrize("name", [".", "..", "folder"])
def test_a_folder_is_no_file_to_write_to(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "folder").mkdir()
    source, _ = table(tmp_path)
    model = written("native", tmp_path)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match="is a folder; name a file in it with --out"):
        scored(tmp_path, str(source), Path(name))
    with pytest.raises(InputError, match="is a folder; name a file in it with --out"):
        verify.command(model, [model], None, Path(name), judged=False, dropped=[], console=console())


def test_scores_go_into_a_pipe_that_is_there_already(tmp_path: Path) -> None:
    """A file put in the place of ``/dev/null`` would be there for everyone."""
    source, x = table(tmp_path)
    os.mkfifo(pipe := tmp_path / "pipe")
    read = Queue[str]()
    reader = Thread(target=lambda: read.put(pipe.read_text()), daemon=True)
    reader.start()
    assert scored(tmp_path, str(source), pipe) == len(x)
    assert pipe.is_fifo()
    assert len(read.get(timeout=30).splitlines()) == 1 + len(x)


def test_what_is_there_and_no_file_is_called_what_it_is(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for load in (recognise.recognise, files.read):
        with pytest.raises(CorruptArtifact, match=f"{tmp_path}: is a folder; name the file in it"):
            load(tmp_path)
        with pytest.raises(CorruptArtifact, match="pipe: is a device or a pipe; save what it gives as a file"):
            load(tmp_path / "pipe")


def test_a_model_that_export_cannot_read_is_called_by_its_files_name(tmp_path: Path) -> None:
    path = written("native", tmp_path).rename(tmp_path / "mine.txt")
    path.write_text(path.read_text().replace("version=v4", "version=v9"))
    with pytest.raises(ExportError, match=r"^mine\.txt: line 2: .*version=v9"):
        export.command(Settings(home=tmp_path), path, ["pmml"], tmp_path / "out", say=lambda text: None)
    assert not (tmp_path / "out").exists()


def test_inspect_tells_the_objective_and_what_a_bundles_file_was_made_from(bundle: Path, tmp_path: Path) -> None:
    alone = tmp_path / "model.pfa"
    alone.write_bytes((bundle / "model.pfa").read_bytes())
    expected = {bundle / "model.txt": "binary sigmoid:1", bundle / "model.pfa": "binary sigmoid:1, as model.txt beside it says"}
    for artifact, objective in expected.items():
        inspect.command(artifact, at := console())
        assert f"objective: {objective}\n" in said(at)
        assert re.search(r"made from: simulated; [\d,]+ rows, on [\d-]+ [\d:]+ UTC by LightGBM \d", said(at))
        assert f"bundle: {bundle.name} of fraud" in said(at)
    inspect.command(alone, at := console())
    assert "objective: pfa keeps its link alone" in said(at)
    (tmp_path / "model.txt").write_text((bundle / "model.txt").read_text().replace("leaf_value=-", "leaf_value=", 1))
    inspect.command(alone, at := console())
    assert "objective: pfa keeps its link alone" in said(at), "beside it lies another model"
    assert "made from" not in said(at)


def test_inspect_tells_where_a_model_is_served_and_asks_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    at, of_native = console(), console()
    inspect.command(written("native", tmp_path), of_native)
    monkeypatch.setattr(socket.socket, "connect", lambda *_: pytest.fail("a connection"))
    inspect.command(written("remote", tmp_path), at)
    for text in (next(line for line in said(of_native).splitlines() if "model:" in line), "http://127.0.0.1:8080", "gro cery"):
        assert text in said(at)


@pytest.mark.parametrize("model_format", LOCAL)
def test_inspect_tells_what_is_in_the_file_and_one_digest_for_all_formats(model_format: str, tmp_path: Path) -> None:
    at, of_native = console(), console()
    inspect.command(written(model_format, tmp_path), at)
    inspect.command(written("native", tmp_path), of_native)
    digest = next(line for line in said(of_native).splitlines() if "model:" in line)
    assert digest in said(at)
    for text in (model_format, "SHA-256", "link logistic", "12 with", "amount", "gro cery"):
        assert text in said(at)


@pytest.mark.parametrize("model_format", [*LOCAL])
def test_a_format_is_recognised_by_ending_and_by_beginning(model_format: str, tmp_path: Path) -> None:
    path = written(model_format, tmp_path)
    assert recognise.recognise(path).name == model_format
    renamed = path.rename(tmp_path / "renamed.bin")
    assert recognise.recognise(renamed).name == model_format


def test_what_is_no_artifact_is_refused_with_what_would_be(tmp_path: Path) -> None:
    (tmp_path / "x.bin").write_bytes(b"hello")
    with pytest.raises(CorruptArtifact, match="native"):
        recognise.recognise(tmp_path / "x.bin")
    with pytest.raises(CorruptArtifact, match="no such file"):
        recognise.recognise(tmp_path / "absent.pmml")


def test_verify_exports_a_model_compares_every_format_and_writes_the_report(tmp_path: Path) -> None:
    model, out, at = written("native", tmp_path), tmp_path / "parity.json", console()
    source, x = table(tmp_path)
    assert verify.command(model, [], str(source), out, judged=False, dropped=[], console=at)
    report = json.loads(out.read_text())
    assert report["given"] == len(x)
    assert [c["name"] for c in report["comparisons"]] == list(FORMATS)
    assert {c["name"]: c["outcome"] for c in report["comparisons"]} == {n: "passed" if n in LOCAL else "unavailable" for n in FORMATS}
    assert "every answer is LightGBM's" in said(at)


def test_verify_catches_an_artifact_of_another_model(tmp_path: Path) -> None:
    model, at = written("native", tmp_path), console()
    other = written("pmml", tmp_path, "no-missing")
    assert not verify.command(model, [other], None, None, judged=False, dropped=[], console=at)
    assert "failed" in said(at)
    assert "LightGBM says" in said(at)


@pytest.mark.system
def test_verify_asks_the_judges(tmp_path: Path) -> None:
    at = console()
    assert verify.command(written("native", tmp_path), [], None, None, judged=True, dropped=[], console=at)
    outcomes = {line.partition("  ")[0]: line for line in said(at).splitlines() if line.partition("  ")[0] in JUDGES}
    assert set(outcomes) == set(JUDGES)
    assert "passed" in outcomes["PMML4S"]
    assert "passed" in outcomes["ONNX Runtime"]


def test_the_onnx_graphs_own_answer_is_judged_and_holds_for_thirty_classes(tmp_path: Path) -> None:
    rng = np.random.default_rng(4)
    x = rng.normal(size=(3000, 4))
    parameters = {"objective": "multiclass", "num_class": 30, "num_leaves": 4, "min_data_in_leaf": 5, "verbose": -1, "num_threads": 1}
    model = lightgbm_text.read(lgb.train(parameters, lgb.Dataset(x, rng.integers(0, 30, len(x))), 20))
    path = FORMATS["onnx"].export(model, None, tmp_path / "model.onnx")
    found = parity.verify(model, model.schema, {}, {"ONNX Runtime": lambda: JUDGES["ONNX Runtime"].load(path, model.schema)}, x)
    assert [(c.outcome, c.rows) for c in found.comparisons] == [("passed", parity.JUDGED_ROWS)]
    assert (found.comparisons[0].value_ulps or 0) > 0, "the graph computes the link itself"
