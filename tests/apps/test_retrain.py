"""Where a candidate ends up: in the champion's place, in a challenger's, or where it was, each with the reason."""

from __future__ import annotations

import io
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest
from rich.console import Console

from apps import registry, retrain
from apps.errors import InputError
from apps.retrain import Options, Outcome, challenged, limits
from apps.settings import Settings
from domain.registry import DOMAINS
from models.gate import Limits, Verdict
from models.registry import Cause, Change, Registry, Step, Version

REFUSED = Cause(9, "gate", "not better by -0.1")


def version(name: str, **data: Any) -> Version:
    step, manifest = Step(stage="candidate", at_us=1, by="retrain", why="by hand"), {"data": data}
    return Version(domain="fraud", version=name, created=datetime(2026, 1, 1, tzinfo=UTC), steps=(step,), manifest=manifest, report={})


@pytest.fixture
def known() -> Registry:
    found = Registry("fraud")
    for name in ("v1", "v2", "v3"):
        found.register(version(name))
    found.promote("v1", Cause(2, "train", "the first"))
    return found


def test_a_refused_candidate_takes_the_place_of_the_last_refused_one_and_of_no_other(known: Registry) -> None:
    challenged(known, "v2", REFUSED)
    assert known.standing is not None
    assert known.standing.challengers == ("v2",)
    challenged(known, "v3", REFUSED)
    assert known.standing.challengers == ("v3",)
    assert [known.versions[name].stage for name in ("v1", "v2", "v3")] == ["champion", "archived", "challenger"]
    assert known.versions["v3"].steps[-1].why == REFUSED.why


def test_a_challenger_that_a_person_named_stays_in_line(known: Registry) -> None:
    known.challenge("v2", Cause(3, "ann", "to look at"))
    challenged(known, "v3", REFUSED)
    assert known.standing is not None
    assert known.standing.challengers == ("v3", "v2")


def test_a_challenger_with_a_share_of_the_keys_is_not_disturbed(known: Registry) -> None:
    known.challenge("v2", Cause(3, "ann", "a tenth"), share=0.1)
    before = known.standing
    assert challenged(known, "v3", REFUSED) == []
    assert known.standing == before


def run(monkeypatch: pytest.MonkeyPatch, known: Registry, began_with: str | None = "v1", **options: Any) -> tuple[Any, list[Change]]:
    """A run of the command between its training and its end, on this registry instead of Kafka's; and what it writes there."""
    written: list[Change] = []
    monkeypatch.setattr(registry, "read", lambda *_: known)
    monkeypatch.setattr(registry, "move", lambda _, known, changes, *told: written.extend(changes))
    settings = Settings(kafka_bootstrap_servers="127.0.0.1:1")
    made = retrain._Run(settings, DOMAINS["fraud"], Options("fraud", **options), Console(file=io.StringIO()))
    made._before = began_with
    monkeypatch.setattr(made, "tell", lambda *_, **__: None)
    return made, written


def placed(made: Any, verdict: Verdict | None) -> Outcome:
    found: Outcome = made._placed(SimpleNamespace(version="v2"), verdict)
    return found


def better_than(champion: str) -> Verdict:
    return Verdict("better", "better by 0.1", champion, "v2", 1_000, 100, ())


def test_what_is_better_is_promoted_with_the_gates_reason(monkeypatch: pytest.MonkeyPatch, known: Registry) -> None:
    made, _ = run(monkeypatch, known)
    assert placed(made, better_than("v1")).promoted
    assert known.standing is not None
    assert (known.standing.champion, known.standing.by, known.standing.why) == ("v2", "gate", "better by 0.1")


def test_what_was_compared_with_a_champion_that_is_none_any_more_does_not_replace_its_successor(
    monkeypatch: pytest.MonkeyPatch, known: Registry
) -> None:
    known.promote("v3", Cause(5, "ann", "meanwhile"))
    made, _ = run(monkeypatch, known)
    outcome = placed(made, better_than("v1"))
    assert (outcome.better, outcome.promoted) == (False, False)
    assert outcome.reason == "v3 became the champion meanwhile, and it was compared with v1"
    assert known.standing is not None
    assert (known.standing.champion, known.standing.challengers) == ("v3", ("v2",))


@pytest.mark.parametrize("verdict", [better_than("v1"), Verdict("refused", "worse", "v1", "v2", 1_000, 100, ())])
def test_who_only_judges_moves_nothing(monkeypatch: pytest.MonkeyPatch, known: Registry, verdict: Verdict) -> None:
    made, written = run(monkeypatch, known, promote=False)
    assert placed(made, verdict) == Outcome("v2", verdict.better, False, verdict.reason, verdict)
    assert written == []


def test_what_was_compared_with_nothing_does_not_replace_a_champion_that_came_meanwhile(
    monkeypatch: pytest.MonkeyPatch, known: Registry
) -> None:
    made, _ = run(monkeypatch, known, began_with=None)
    outcome = placed(made, None)
    assert (outcome.promoted, outcome.reason) == (False, "v1 became the champion meanwhile, and it was compared with none")
    assert known.standing is not None
    assert known.standing.champion == "v1"


def test_a_domains_first_model_needs_no_comparison(monkeypatch: pytest.MonkeyPatch) -> None:
    empty = Registry("fraud", {"v2": version("v2")})
    made, _ = run(monkeypatch, empty, began_with=None)
    assert placed(made, None).promoted
    assert empty.standing is not None
    assert empty.standing.why == "the first model of its domain"


def test_a_version_whose_offsets_are_unknown_is_refused_by_name(monkeypatch: pytest.MonkeyPatch, known: Registry) -> None:
    known.register(version("v4", offsets={"fraud.decisions": {"0": [0, 5]}}))
    assert run(monkeypatch, known, offsets_of="v4")[0]._offsets(known) == {"fraud.decisions": {"0": [0, 5]}}
    with pytest.raises(InputError, match="v1: it was not trained from the topics"):
        run(monkeypatch, known, offsets_of="v1")[0]._offsets(known)
    with pytest.raises(InputError, match="v9: no such version of fraud; there are v1, v2, v3, v4"):
        run(monkeypatch, known, offsets_of="v9")[0]._offsets(known)


def test_what_the_gate_demands_comes_from_the_settings() -> None:
    settings = Settings(gate_margin=0.1, gate_calibration=2.0, gate_size=3.0, gate_latency=4.0)
    assert limits(settings) == Limits(margin=0.1, calibration=2.0, size=3.0, latency=4.0)
    assert limits(Settings()) == Limits()
