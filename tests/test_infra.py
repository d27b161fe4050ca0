"""What of `infra/` can be checked without a Docker engine: it parses, refers to what exists, and starts commands that exist."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.main import get_command
from typer.testing import CliRunner

from apps.cli import app

ROOT = Path(__file__).resolve().parents[1]
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "infra" / "compose.yaml").read_text())
OURS = {name: service for name, service in COMPOSE["services"].items() if service["image"] == "polyscore"}


def test_there_are_all_five_processes() -> None:
    commands = {service["command"][0] for service in OURS.values()}
    assert {"stream", "sink", "monitor", "ui", "simulate"} <= commands


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
    assert re.findall(r"PASSWORD: (?!\$\{)", (ROOT / "infra" / "compose.yaml").read_text()) == []


def test_the_image_copies_only_what_exists() -> None:
    copied = re.findall(r"^COPY (.+) \S+$", (ROOT / "infra" / "Dockerfile").read_text(), re.MULTILINE)
    missing = [source for line in copied for source in line.split() if not (ROOT / source).exists()]
    assert missing == []
