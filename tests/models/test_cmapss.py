"""C-MAPSS files as telemetry and failures; a line that is none of theirs is named by its file and number."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from domain.maintenance.lives import targets
from models import cmapss
from models.errors import DataError


def line(unit: object, cycle: object, sensor: object = 1.5) -> str:
    return f"{unit} {cycle} -0.0007 0.0003 100.0 {' '.join(['518.67'] * 20)} {sensor}  "


def written(file: Path, lines: list[str]) -> Path:
    file.write_text("\n".join(lines) + "\n")
    return file


TWO = [line(1, 1), line(1, 2), line(1, 3, 2.5), line(2, 1), line(2, 2)]


def test_engines_run_side_by_side_and_fail_after_their_last_cycle(tmp_path: Path) -> None:
    found = list(cmapss.emissions([written(tmp_path / "train_FD001.txt", TWO)]))
    assert [e.at for e in found] == sorted(e.at for e in found)
    events = [e.value for e in found if e.stream == "events"]
    assert [(e.machine_id, e.cycle) for e in events] == [
        ("train_FD001-001", 1), ("train_FD001-002", 1), ("train_FD001-001", 2), ("train_FD001-002", 2), ("train_FD001-001", 3),
    ]  # fmt: skip
    assert events[-1].settings == (-0.0007, 0.0003, 100.0)
    assert events[-1].sensors == (*[518.67] * 20, 2.5)
    target = targets([e.value for e in found if e.stream == "labels"])
    assert [target(e) for e in events] == [2.0, 1.0, 1.0, 0.0, 0.0]


def test_a_gzipped_file_and_a_folder_read_the_same(tmp_path: Path) -> None:
    plain = list(cmapss.emissions([written(tmp_path / "train_FD001.txt", TWO)]))
    packed = tmp_path / "packed"
    packed.mkdir()
    (packed / "train_FD001.txt.gz").write_bytes(gzip.compress((tmp_path / "train_FD001.txt").read_bytes()))
    written(packed / "test_FD001.txt", TWO)
    assert list(cmapss.emissions([packed])) == plain
    assert cmapss.count([packed]) == len(TWO)


def test_a_test_files_engines_had_left_what_the_rul_file_says(tmp_path: Path) -> None:
    test, answers = written(tmp_path / "test_FD001.txt", TWO), written(tmp_path / "RUL_FD001.txt", ["112 ", "20"])
    engines = cmapss.tested(test, answers)
    assert [(e.name, len(e.cycles), e.left) for e in engines] == [("test_FD001-001", 3, 112), ("test_FD001-002", 2, 20)]
    found = list(cmapss.told(engines))
    assert [e.value.cycle for e in found if e.stream == "labels"] == [22, 115]


@pytest.mark.parametrize(
    ("lines", "why"),
    [
        ([line(1, 1), "1 2 3"], "line 2: 3 columns; C-MAPSS has 26"),
        ([line(1, 1), line(1, 2) + "7"], "line 2: 27 columns"),
        ([line(1, 1), line(1, 3)], "line 2: unit 1, cycle 3; expected is cycle 2 of unit 1, or cycle 1 of unit 2"),
        ([line(1, 1), line(3, 1)], "line 2: unit 3"),
        ([line(1, 2)], "line 1: unit 1, cycle 2; expected is cycle 1 of unit 1"),
        ([line("x", 1)], "line 1: unit 'x' is not a whole number"),
        ([line(1, 1.5)], "line 1: cycle '1.5' is not a whole number"),
        ([line(1, 1, "hot")], "line 1, column 26: 'hot' is not a number"),
        ([line(1, 1, "nan")], "line 1, column 26: 'nan' is no reading"),
        ([line(1, 1, "1e300")], "line 1, column 26: '1e300' is no reading"),
        ([], "no engines there"),
    ],
)
def test_a_line_that_is_no_cycle_is_named(tmp_path: Path, lines: list[str], why: str) -> None:
    with pytest.raises(DataError, match=rf"train_FD001\.txt.*{why}"):
        cmapss.emissions([written(tmp_path / "train_FD001.txt", lines)])


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"nowhere\.txt: No such file"):
        cmapss.count([tmp_path / "nowhere.txt"])
    with pytest.raises(DataError, match="no train file of C-MAPSS in this folder"):
        cmapss.count([tmp_path])
    torn = tmp_path / "train_FD001.txt.gz"
    torn.write_bytes(gzip.compress("\n".join(TWO).encode())[:-12])
    with pytest.raises(DataError, match=r"train_FD001\.txt\.gz: neither the text"):
        cmapss.count([torn])
    torn.write_bytes(b"\x00\xff\xfe")
    with pytest.raises(DataError, match=r"train_FD001\.txt\.gz: neither the text"):
        cmapss.count([torn])


def test_files_that_would_mix_their_engines_are_named(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    files = [written(tmp_path / "train_FD001.txt", TWO), written(tmp_path / "a" / "train_FD001.txt", TWO)]
    with pytest.raises(DataError, match="two files of the same name"):
        cmapss.emissions(files)


def test_a_rul_file_of_another_set_is_refused(tmp_path: Path) -> None:
    test = written(tmp_path / "test_FD001.txt", TWO)
    for lines, why in (
        (["1", "2", "3"], "3 lines for the 2 engines"),
        (["1", "2 3"], "line 2: 2 columns"),
        (["1", "-4"], "line 2: remaining life '-4' is not a whole number"),
    ):
        with pytest.raises(DataError, match=rf"RUL_FD001\.txt.*{why}"):
            cmapss.tested(test, written(tmp_path / "RUL_FD001.txt", lines))
    with pytest.raises(DataError, match=r"RUL_FD003\.txt is of FD003, .*test_FD001\.txt of FD001: give the RUL file of the same set"):
        cmapss.tested(test, written(tmp_path / "RUL_FD003.txt", ["1", "2"]))
    with pytest.raises(DataError, match=r"test_FD001\.txt: a test file's engines are cut off"):
        cmapss.emissions([test])
