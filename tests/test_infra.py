"""What of `infra/` can be checked without a Docker engine: it parses, refers to what exists, and starts commands that exist."""

from __future__ import annotations

import re
import subprocess
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.main import get_command
from typer.testing import CliRunner

from apps.cli import app

ROOT = Path(__file__).resolve().parents[1]
COMPOSE_TEXT = (ROOT / "infra" / "compose.yaml").read_text()
COMPOSE: dict[str, Any] = yaml.safe_load(COMPOSE_TEXT)
OURS = {name: service for name, service in COMPOSE["services"].items() if service["image"] == "polyscore"}


def test_there_are_all_processes() -> None:
    commands = {service["command"][0] for service in OURS.values()}
    assert {"stream", "sink", "monitor", "outcomes", "quality", "shadow", "loop", "ui", "simulate"} <= commands


@pytest.mark.parametrize("name", sorted(OURS))
def test_each_service_starts_a_command_with_options_that_it_has(name: str) -> None:
    command = OURS[name]["command"]
    help_text = CliRunner().invoke(app, [command[0], "--help"], env={"COLUMNS": "200"}).output
    assert command[0] in get_command(app).list_commands(None)  # type: ignore[attr-defined,arg-type]  # a click group
    for option in (word for word in command if word.startswith("--")):
        assert option in help_text, f"{name}: `polyscore {command[0]}` has no {option}"


def test_services_wait_only_for_services_that_exist_and_can_tell_that_they_are_ready() -> None:
    for name, service in COMPOSE["services"].items():
        for other, how in service.get("depends_on", {}).items():
            assert other in COMPOSE["services"], f"{name} waits for {other}"
            if how["condition"] == "service_healthy":
                assert "healthcheck" in COMPOSE["services"][other]


def test_volumes_are_declared_and_ports_stay_on_this_machine() -> None:
    for service in COMPOSE["services"].values():
        assert all(mount.split(":")[0] in COMPOSE["volumes"] for mount in service.get("volumes", []))
        assert all(port.startswith("127.0.0.1:") for port in service.get("ports", []))


def test_no_password_stands_in_the_files() -> None:
    assert re.findall(r"PASSWORD: (?!\$\{)", COMPOSE_TEXT) == []


def test_the_commands_of_its_readme_set_every_variable_that_compose_asks_for(tmp_path: Path) -> None:
    block = re.findall(r"```sh\n(.*?)```", (ROOT / "infra" / "README.md").read_text(), re.DOTALL)[0]
    prepare, up = block.splitlines()
    (tmp_path / "infra").mkdir()
    subprocess.run(["/bin/sh", "-ec", prepare], cwd=tmp_path, check=True)
    written = dict(line.split("=", 1) for line in (tmp_path / "infra" / ".env").read_text().splitlines())
    assert set(written) == set(re.findall(r"\$\{(\w+)", COMPOSE_TEXT))
    assert re.fullmatch(r"[0-9a-f]{32}", written["POSTGRES_PASSWORD"]), "it stands in a URL: nothing to quote"
    assert up == "docker compose --env-file infra/.env -f infra/compose.yaml up --build"


def copied() -> list[str]:
    """What the image copies from the build context."""
    lines = re.findall(r"^COPY (.+) \S+$", (ROOT / "infra" / "Dockerfile").read_text(), re.MULTILINE)
    return [source for line in lines for source in line.split()]


def in_the_context(path: str) -> bool:
    """Whether Docker sends this path to the build: the last line of .dockerignore that matches it or a folder above decides."""
    sent, above = True, [path, *map(str, Path(path).parents)]
    for line in (ROOT / ".dockerignore").read_text().splitlines():
        if line and not line.startswith("#") and any(fnmatch(each, line.removeprefix("!")) for each in above if each != "."):
            sent = line.startswith("!")
    return sent


def test_the_image_copies_only_what_exists_and_is_sent() -> None:
    assert {"apps", "requirements.lock"} <= set(copied())
    assert [source for source in copied() if not (ROOT / source).exists() or not in_the_context(source)] == []


def test_every_package_is_in_the_image() -> None:
    assert {init.parent.name for init in ROOT.glob("*/__init__.py")} - {"tests"} <= set(copied())


@pytest.mark.parametrize("path", [".git/config", ".venv/bin/python", ".polyscore/polyscore.db", "infra/.env", "bench/stream.json", "tests"])
def test_what_is_private_or_large_is_not_sent_to_the_build(path: str) -> None:
    assert not in_the_context(path)
