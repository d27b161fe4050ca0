"""The registry's moves: who decides, who decided before, and what is refused by name."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from models.errors import RegistryError
from models.registry import Cause, Registry, Standing, Step, Version

CAUSE = Cause(5, "ann", "better by a tenth")


def version(name: str) -> Version:
    step = Step(stage="candidate", at_us=1, by="train", why="simulated")
    return Version(domain="toy", version=name, created=datetime(2026, 1, 1, tzinfo=UTC), steps=(step,), manifest={}, report={})


@pytest.fixture
def known() -> Registry:
    found = Registry("toy")
    for name in ("v1", "v2", "v3"):
        found.register(version(name))
    return found


def stages(registry: Registry) -> dict[str, str]:
    return {name: v.stage for name, v in registry.versions.items()}


def standing(registry: Registry) -> Standing:
    assert registry.standing is not None
    return registry.standing


def test_a_promotion_archives_the_champion_before_it_and_says_who_and_why(known: Registry) -> None:
    known.promote("v1", Cause(2, "train", "the first"))
    changed = known.promote("v2", CAUSE)
    assert stages(known) == {"v1": "archived", "v2": "champion", "v3": "candidate"}
    assert changed == [known.versions["v2"], known.versions["v1"], standing(known)], "versions first: a follower knows what it is told of"
    assert (standing(known).champion, standing(known).former, standing(known).why) == ("v2", ("v1",), "better by a tenth")
    assert [(s.stage, s.by) for s in known.versions["v1"].steps] == [("candidate", "train"), ("champion", "train"), ("archived", "ann")]


def test_a_rollback_brings_the_champion_before_it_back_and_the_bad_one_does_not_return(known: Registry) -> None:
    for name in ("v1", "v2", "v3"):
        known.promote(name, CAUSE)
    known.rollback(CAUSE)
    assert (standing(known).champion, standing(known).former) == ("v2", ("v1",))
    known.rollback(CAUSE)
    assert (standing(known).champion, standing(known).former) == ("v1", ())
    with pytest.raises(RegistryError, match="no champion before"):
        known.rollback(CAUSE)


def test_who_comes_back_no_longer_challenges(known: Registry) -> None:
    for name in ("v1", "v2"):
        known.promote(name, CAUSE)
    for name in ("v3", "v1"):
        known.challenge(name, CAUSE)
    known.rollback(CAUSE)
    assert (standing(known).champion, standing(known).challengers) == ("v1", ("v3",))


def test_a_promoted_challenger_no_longer_challenges_and_takes_no_share(known: Registry) -> None:
    known.promote("v1", CAUSE)
    known.challenge("v3", CAUSE)
    known.challenge("v2", CAUSE, share=0.1)
    assert (standing(known).challengers, standing(known).share) == (("v2", "v3"), 0.1)
    known.promote("v2", CAUSE)
    assert (standing(known).challengers, standing(known).share) == (("v3",), 0.0)


def test_an_archived_challenger_leaves_the_line(known: Registry) -> None:
    known.promote("v1", CAUSE)
    known.challenge("v3", CAUSE)
    known.challenge("v2", CAUSE, share=0.1)
    known.archive("v3", CAUSE)
    assert (standing(known).challengers, standing(known).share) == (("v2",), 0.1)
    known.archive("v2", CAUSE)
    assert (standing(known).challengers, standing(known).share) == ((), 0.0)


def test_a_version_that_is_known_keeps_its_stages(known: Registry) -> None:
    known.promote("v1", CAUSE)
    assert known.register(version("v1")) == []
    assert stages(known)["v1"] == "champion"


@pytest.mark.parametrize(
    ("move", "why"),
    [
        (lambda r: r.promote("v9", CAUSE), "no version 'v9'; there are: v1, v2, v3"),
        (lambda r: r.promote("v1", CAUSE), "v1 is the champion of toy already"),
        (lambda r: r.archive("v1", CAUSE), "promote another version, or roll back"),
        (lambda r: r.challenge("v1", CAUSE), "cannot challenge itself"),
        (lambda r: Registry("toy", dict(r.versions)).challenge("v1", CAUSE), "no champion to challenge"),
    ],
)
def test_a_move_that_makes_no_sense_is_refused_by_name(known: Registry, move, why: str) -> None:  # type: ignore[no-untyped-def]
    known.promote("v1", CAUSE)
    with pytest.raises(RegistryError, match=why):
        move(known)


def test_terms_stay_whatever_moves_the_models_until_others_are_set(known: Registry) -> None:
    known.promote("v1", CAUSE)
    known.challenge("v2", CAUSE, share=0.1)
    assert known.decide_by({"risk": 0.3}, Cause(6, "bob", "fewer jolts")) == [standing(known)]
    assert (standing(known).champion, standing(known).share, standing(known).by) == ("v1", 0.1, "bob"), "the models stay as they are"
    for moved in (lambda: known.promote("v2", CAUSE), lambda: known.rollback(CAUSE), lambda: known.archive("v3", CAUSE)):
        moved()
        assert standing(known).terms == {"risk": 0.3}
    known.decide_by({}, CAUSE)
    assert standing(known).terms == {}


def test_a_standing_of_before_there_were_terms_is_read_and_a_number_that_is_none_is_not() -> None:
    before = b'{"domain":"toy","champion":"v1","at_us":1,"by":"ann","why":"the first"}'
    assert Standing.model_validate_json(before).terms == {}
    with pytest.raises(ValueError, match="finite"):
        Standing.model_validate_json(before.replace(b'"at_us"', b'"terms":{"risk":NaN},"at_us"'))


def test_terms_that_are_in_force_already_or_have_no_champion_are_refused(known: Registry) -> None:
    with pytest.raises(RegistryError, match="no champion that could decide by other terms"):
        known.decide_by({"risk": 0.3}, CAUSE)
    known.promote("v1", CAUSE)
    with pytest.raises(RegistryError, match="by these terms already"):
        known.decide_by({}, CAUSE)
