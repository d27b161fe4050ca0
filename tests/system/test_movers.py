"""Several move a domain's models at a time, on a real Kafka: each move stands, or is refused and leaves nothing."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from apps import loop_events, moves, registry
from apps.settings import Settings
from domain.registry import DOMAINS
from models.errors import RegistryError
from models.registry import Registry
from tests.system.test_nothing_lost_by_domain import own
from tests.system.versions import DOMAIN, cause, copied, known, promote, register, told

pytestmark = [pytest.mark.system, pytest.mark.timeout(120)]
FRAUD = DOMAINS[DOMAIN]
HALF = {term.name: term.default / 2 for term in FRAUD.terms}


@pytest.fixture
def settings(clean_topics: Settings, bundle: Path, tmp_path: Path) -> Settings:
    """A clean broker with a champion."""
    found = own(clean_topics, tmp_path)
    promote(found, register(found, copied(found, bundle)))
    return found


def test_a_move_upon_what_stands_no_more_is_refused_and_leaves_nothing(settings: Settings) -> None:
    found = known(settings)
    changes = found.decide_by({"analyst": 7.0}, cause("seen too early"))
    moves.decide_by(settings, FRAUD, {"analyst": 9.0}, cause("first"))
    with pytest.raises(RegistryError, match="somebody else changed what decides in fraud"):
        registry.move(settings, found, changes, loop_events.event(DOMAIN, "terms", "", "not to be told"))
    assert known(settings).terms == {"analyst": 9.0}
    assert len(told(settings, "terms")) == 1


def test_who_has_looked_and_not_written_yet_writes_nothing_once_another_one_has(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = known(settings)
    changes = found.decide_by({"analyst": 7.0}, cause("second"))
    before = known(settings)

    def overtaken(*_: object) -> Registry:
        """The look before the write, right after which another one moves."""
        monkeypatch.undo()
        moves.decide_by(settings, FRAUD, {"analyst": 9.0}, cause("first"))
        return before

    monkeypatch.setattr(registry, "read", overtaken)
    with pytest.raises(RegistryError, match="somebody else changed what decides in fraud"):
        registry.move(settings, found, changes, loop_events.event(DOMAIN, "terms", "", "not to be told"))
    assert known(settings).terms == {"analyst": 9.0}
    assert len(told(settings, "terms")) == 1


def test_of_those_who_move_at_once_none_undoes_what_another_did(settings: Settings) -> None:
    def moved(name: str) -> bool:
        try:
            moves.decide_by(settings, FRAUD, {name: HALF[name]}, cause(name))
        except RegistryError:
            return False
        return True

    with ThreadPoolExecutor(len(HALF)) as pool:
        stood = dict(zip(HALF, pool.map(moved, HALF), strict=True))
    assert any(stood.values())
    assert known(settings).terms == {name: HALF[name] for name, stands in stood.items() if stands}
    assert len(told(settings, "terms")) == sum(stood.values())
