"""What every domain's terms owe: bounds within which the policy is total, defaults that change no bit, refusals by name."""

from __future__ import annotations

import math
from itertools import product

import numpy as np
import pytest

from domain.contract import Domain
from domain.terms import TermsError, in_full
from tests.domain.test_contract_policy import asked, check, said
from tests.domain.worlds import ALL, outputs

each = pytest.mark.parametrize("name", ALL)


def verdicts(domain: Domain, name: str, seed: int = 3) -> list[tuple[object, ...]]:
    """What is decided of a busy key's events by scores drawn by lot; the policy remembers."""
    rng, memory, found = np.random.default_rng(seed), None, []
    for event, facts, _ in asked(name):
        scores = (rng.random(outputs(domain)[1]) * (60 if domain.objective == "regression" else 1)).tolist()
        verdict = domain.policy.judge(scores, event, facts, memory)
        check(domain, verdict)
        memory = memory if verdict.memory is None else verdict.memory
        found.append(said(verdict))
    return found


@each
def test_every_term_has_a_default_within_its_bounds_a_unit_and_a_sentence(name: str) -> None:
    assert ALL[name].terms, "a policy that decides by nothing that can be changed"
    for term in ALL[name].terms:
        assert term.low <= term.default <= term.high
        assert term.low < term.high
        assert 0 < term.step <= term.high - term.low
        assert term.unit
        assert term.meaning.endswith(".")


@each
def test_the_defaults_are_the_domains_own_policy_to_the_bit(name: str) -> None:
    domain = ALL[name]
    assert domain.with_terms({}) is domain
    moved = domain.with_terms({domain.terms[0].name: domain.terms[0].high})
    assert moved.in_force == {domain.terms[0].name: domain.terms[0].high}
    back = moved.with_terms(in_full(domain.terms, {}))
    assert back.in_force == {}
    assert verdicts(back, name) == verdicts(domain, name)


@each
def test_at_any_corner_of_the_bounds_everything_gets_a_verdict(name: str) -> None:
    domain = ALL[name]
    for corner in product(*((t.low, t.high) for t in domain.terms)):
        at = domain.with_terms({t.name: number for t, number in zip(domain.terms, corner, strict=True)})
        assert len(verdicts(at, name)) == len(asked(name))
        assert at.policy.remembers == domain.policy.remembers


@each
def test_every_term_changes_what_is_decided(name: str) -> None:
    domain = ALL[name]
    own = verdicts(domain, name)
    for term in domain.terms:
        moved = [verdicts(domain.with_terms({term.name: number}), name) for number in (term.low, term.high)]
        assert any(found != own for found in moved), term.name


@each
@pytest.mark.parametrize("number", [math.nan, math.inf, -1e9, 1e9, "5", None, True])
def test_a_number_that_is_none_or_out_of_bounds_is_refused_by_the_terms_name(name: str, number: float) -> None:
    term = ALL[name].terms[-1]
    with pytest.raises(TermsError, match=rf"{term.name} is .*{term.low:g} to {term.high:g}"):
        ALL[name].with_terms({term.name: number})


@each
def test_an_unknown_name_is_refused_with_those_there_are(name: str) -> None:
    with pytest.raises(TermsError, match=rf"no term 'reviews'; there are: .*{ALL[name].terms[0].name}"):
        ALL[name].with_terms({"reviews": 1.0})


def test_a_part_of_a_cycle_is_refused_where_cycles_are_counted() -> None:
    with pytest.raises(TermsError, match=r"running is 2\.5; allowed is a whole number"):
        ALL["maintenance"].with_terms({"running": 2.5})
