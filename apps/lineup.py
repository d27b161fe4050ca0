"""From what the registry announces to the models that decide: what cannot be loaded is refused and told, and the old one goes on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from apps.errors import InputError
from apps.logs import logger
from apps.loop_events import What
from apps.terms import instead
from domain.contract import Domain
from domain.terms import TermsError
from models.at_work import AtWork
from models.decide import Model
from models.registry import Registry, Standing

Load = Callable[[Registry, str], Model]
Tell = Callable[[What, str, str, dict[str, Any]], None]  # what, version, text for people, details
_log = logger(__name__)


class Lineup:
    """Keeps the models at work as the newest standing says.

    A version is loaded once and kept while it is at work. A refused one is tried again with the next standing that names it.
    """

    def __init__(self, domain: Domain, load: Load, tell: Tell) -> None:
        self._domain, self._load, self._tell = domain, load, tell
        self.at_work: AtWork | None = None
        self._why = ""  # the last refusal
        self._refused: dict[str, float] | None = None  # the last terms that were

    def take(self, known: Registry) -> AtWork:
        """The models of the present standing. Raises ``InputError`` where none can be loaded and none was at work before."""
        standing = known.standing
        if standing is None:
            fix = f"train one with `polyscore train {self._domain.name}`, or name a bundle with --model"
            raise InputError(f"no model of {self._domain.name} is announced on the topic `models`; {fix}")
        before = self.at_work
        champion = self._champion(known, standing)
        challenger = self._challenger(known, standing, champion)
        self.at_work = AtWork(champion, challenger, standing.share if challenger else 0.0, self._by(standing))
        if before is not None:
            self._tell_changes(before, self.at_work, standing)
        return self.at_work

    def _by(self, standing: Standing) -> Domain:
        """The domain by the terms in force; by those before, where these are none that this code can decide by."""
        before = self.at_work.domain if self.at_work else None
        try:
            return self._domain.with_terms(standing.terms)
        except TermsError as error:
            fix = f"set others with `polyscore models terms {self._domain.name}`"
            if before is None:
                raise InputError(f"{self._domain.name} cannot be decided by the terms in force: {error}; {fix}") from None
            if standing.terms != self._refused:
                self._refused = dict(standing.terms)
                text = f"the terms in force are refused: {error}; those before go on; {fix}"
                _log.warning(text, domain=self._domain.name)
                self._tell("refused", standing.champion, text, {"error": type(error).__name__, "why": str(error)})
            return before

    def _champion(self, known: Registry, standing: Standing) -> Model:
        """The champion; else what was at work; else, at a start, the latest champion before it that can be loaded."""
        going_on = [self.at_work.champion.version] if self.at_work else list(standing.former)
        for place, name in enumerate([standing.champion, *going_on]):
            rest = going_on[place:]
            if model := self._one(known, name, f"{rest[0]} goes on" if rest else "there is none to go on with"):
                return model
        raise InputError(f"no model of {self._domain.name} can decide: {self._why}; promote another with `polyscore models promote`")

    def _challenger(self, known: Registry, standing: Standing, champion: Model) -> Model | None:
        if not standing.share or not standing.challengers or standing.challengers[0] == champion.version:
            return None
        return self._one(known, standing.challengers[0], f"the champion {champion.version} decides for all keys")

    def _one(self, known: Registry, name: str, otherwise: str) -> Model | None:
        """The model of this version, loaded if it is not at work; None, and an event, where it is refused."""
        for model in (self.at_work.champion, self.at_work.challenger) if self.at_work else ():
            if model and model.version == name:
                return model
        try:
            return self._load(known, name)
        except Exception as error:  # noqa: BLE001  # whatever is wrong with a bundle, the stream has a model that works
            self._why = str(error) or type(error).__name__
            _log.warning("a model is refused", domain=self._domain.name, version=name, why=self._why, instead=otherwise)
            self._tell("refused", name, f"{name} is refused: {self._why}; {otherwise}", {"error": type(error).__name__, "why": self._why})
            return None

    def _tell_changes(self, before: AtWork, now: AtWork, standing: Standing) -> None:
        old, new = before.champion.version, now.champion.version
        if new != old:
            _log.info("another model decides now", domain=self._domain.name, version=new, before=old, why=standing.why)
            self._tell("swapped", new, f"{new} decides now, after {old}: {standing.why}", {"before": old, "by": standing.by})
        terms = [a.domain.in_force if a.domain else {} for a in (before, now)]
        if terms[0] != terms[1]:
            text = f"decides by {instead(self._domain, *terms)} now: {standing.why}"
            _log.info(text, domain=self._domain.name)
            self._tell("terms-taken", new, text, {"before": dict(terms[0]), "after": dict(terms[1]), "by": standing.by})
        challengers = [(a.challenger.version if a.challenger else "", a.share) for a in (before, now)]
        if challengers[0] != challengers[1]:
            name, share = challengers[1]
            text = f"{name} decides for {share:.1%} of the keys now" if name else f"{new} decides for all keys again"
            _log.info(text, domain=self._domain.name, why=standing.why)
            self._tell("swapped", name or new, f"{text}: {standing.why}", {"share": share, "by": standing.by})
