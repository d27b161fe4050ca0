"""JPMML-Evaluator's jars, and PMML's schema inside one of them: AGPL-3.0, so fetched for tests alone and kept out of the product."""

from __future__ import annotations

import hashlib
import json
import zipfile
from pathlib import Path

from jgo.maven import MavenContext
from lxml import etree
from platformdirs import user_cache_path

PINNED: dict[str, str] = json.loads(Path(__file__).with_name("jpmml_jars.json").read_text())
MODEL = next(name for name in PINNED if name.startswith("org.jpmml:pmml-model:"))


def folder() -> Path:
    """Where the jars are, fetched where they are not there or are not the pinned ones."""
    kept = user_cache_path("polyscore") / "test-jpmml"
    kept.mkdir(parents=True, exist_ok=True)
    for name, digest in PINNED.items():
        path = kept / _file(name)
        if path.is_file() and _sha256(path.read_bytes()) == digest:
            continue
        data = Path(MavenContext(repo_cache=kept / "fetched", timeout=60).create_dependency(name).artifact.resolve()).read_bytes()
        assert _sha256(data) == digest, f"{name}: what was fetched is not the pinned jar"
        path.write_bytes(data)
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
