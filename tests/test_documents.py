"""The documents point at what exists."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from domain.registry import Domains
from tests.bench.readme import BEGIN, END

ROOT = Path(__file__).resolve().parents[1]
DOCUMENTS = sorted(path for folder in (".", "infra", "docs") for path in (ROOT / folder).glob("*.md"))
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
FILE = re.compile(r"`((?:domain|models|exports|apps|ui|tests|infra)/(?:\w+/)*(?:\w[\w.]*)?)`")  # less those that a reader makes


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_relative_link_picture_and_named_file_exists(document: Path) -> None:
    text = document.read_text()
    links = [link.partition("#")[0] for link in LINK.findall(text) if "://" not in link]
    missing = [link for link in links if link and not (document.parent / link).exists()]
    missing += [name for name in FILE.findall(text) if not (ROOT / name).exists()]
    assert missing == []


def test_the_page_on_formats_has_the_readmes_figures() -> None:
    readme, page = ((ROOT / name).read_text().partition(BEGIN)[2].partition(END)[0] for name in ("README.md", "docs/choosing-a-format.md"))
    assert readme
    assert page == readme, "`make readme` writes both"


def test_the_documents_and_the_readmes_picture_are_looked_at() -> None:
    assert {path.name for path in DOCUMENTS} >= {"README.md", "ARCHITECTURE.md", "CONTRIBUTING.md"}
    assert [link for link in LINK.findall((ROOT / "README.md").read_text()) if link.endswith(".png")]


def example_of_a_scenario() -> str:
    """The page of Python that CONTRIBUTING.md gives as an example; the scenarios' tests read it as a story, and play it."""
    (found,) = re.findall(r"```python\n(.*?)```", (ROOT / "CONTRIBUTING.md").read_text(), re.DOTALL)
    return str(found)


def test_the_page_on_domains_holds_the_whole_of_a_domain_that_passes_the_contract() -> None:
    page = (ROOT / "docs" / "add-a-domain.md").read_text()
    code = "".join(re.findall(r"```python\n(.*?)```", page, re.DOTALL))
    assert [line for line in code.splitlines() if line] == [
        line for line in (ROOT / "tests/domain/toy.py").read_text().splitlines() if line
    ]
    (name, place), *others = re.findall(r'`"(\w+)": "([\w.:]+)",` in', page)
    assert not others
    assert Domains({name: place.replace("domain.toy", "tests.domain.toy")})[name].name == name, "the line that puts it into the list"
