"""The C compiler: found or asked for, bounded in time, quoted where it fails, and nothing of its work left behind."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest

from exports import c, c_compiler, c_reader, native
from exports.errors import EngineMissing
from tests.exports.compilers import script, without
from tests.exports.zoo import SCHEMA, trained


def written(folder: Path) -> Path:
    return c.export(trained("binary"), SCHEMA, folder / "model.c")


def test_where_there_is_no_compiler_it_is_said_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    without(monkeypatch, tmp_path)
    path = written(tmp_path)
    with pytest.raises(EngineMissing, match="no C compiler is here: install gcc or clang"):
        c.load(path)


def test_a_compiler_that_is_named_is_taken_with_its_options(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    named = script(tmp_path, f'echo "$1" > "{tmp_path}/told"; shift; exec cc "$@"')
    monkeypatch.setenv("CC", f"{named} -mine")
    assert c.load(written(tmp_path)).score([0.0] * len(SCHEMA))
    assert (tmp_path / "told").read_text() == "-mine\n"
    monkeypatch.setenv("CC", "no-such-compiler")
    with pytest.raises(EngineMissing, match="CC is 'no-such-compiler'"):
        c.load(tmp_path / "model.c")
    monkeypatch.setenv("CC", '"gcc')
    with pytest.raises(EngineMissing, match="which no shell could read"):
        c.load(tmp_path / "model.c")


@pytest.mark.parametrize(
    ("does", "told"),
    [
        ("echo it is Monday >&2; exit 3", "does not compile the model: it is Monday"),
        ("exit 0", "cannot be loaded"),
        ('while [ "$1" != -o ]; do shift; done; echo nonsense > "$2"', "cannot be loaded"),
    ],
)
def test_a_compiler_that_fails_is_quoted_and_leaves_nothing(does: str, told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CC", script(tmp_path, does))
    place = own_temporary(tmp_path, monkeypatch)
    path = written(tmp_path)
    with pytest.raises(EngineMissing, match=told):
        c.load(path)
    assert list(place.iterdir()) == []


@pytest.mark.parametrize("dropped", ["-Dpolyscore_score=*", "-Dpolyscore_score_rows=*", "-D*"])
def test_functions_under_other_names_than_the_files_own_are_notcalled(
    dropped: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Under its plain name a function of another file's library may answer: then it would be another model's score."""
    keep = f'for a; do shift; case "$a" in {dropped}) ;; *) set -- "$@" "$a";; esac; done; exec cc "$@"'
    monkeypatch.setenv("CC", script(tmp_path, keep))
    path = written(tmp_path)
    with pytest.raises(EngineMissing, match="lacks polyscore_score or polyscore_score_rows"):
        c.load(path)


def test_a_file_that_is_no_program_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "compiler").write_bytes(b"\x7fELF nonsense")
    (tmp_path / "compiler").chmod(0o755)
    monkeypatch.setenv("CC", str(tmp_path / "compiler"))
    with pytest.raises(EngineMissing, match="does not start"):
        c_compiler.library(b"", [])


def test_a_compiler_that_does_not_end_is_ended_with_what_it_started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CC", script(tmp_path, f'sleep 1000 & echo $! > "{tmp_path}/child"; wait'))
    place = own_temporary(tmp_path, monkeypatch)
    with pytest.raises(EngineMissing, match=r"longer than 0\.5 s"):
        c_compiler.library(b"", [], limit=0.5)
    assert list(place.iterdir()) == []
    state = Path(f"/proc/{(tmp_path / 'child').read_text().strip()}/stat")
    assert not state.exists() or state.read_text().split()[2] == "Z"


def own_temporary(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    place = folder / "temporary"
    place.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(place))
    monkeypatch.setenv("TMPDIR", str(place))
    return place


def test_nothing_stays_in_the_temporary_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = own_temporary(tmp_path, monkeypatch)
    assert c.load(written(tmp_path)).score([0.0] * len(SCHEMA))
    assert list(place.iterdir()) == []


def test_writing_needs_no_compiler(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    without(monkeypatch, tmp_path)
    assert c_reader.read(written(tmp_path).read_bytes(), "model.c").ensemble.same_as(native.read_model(trained("binary")).ensemble)
