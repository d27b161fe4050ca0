"""Versions of a domain's model: the stage of each, how it came there, and which of them decides. ``apps/registry.py`` keeps it on Kafka."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, FiniteFloat

from models.errors import RegistryError

Stage = Literal["candidate", "challenger", "champion", "archived"]


class Cause(NamedTuple):
    """When something was done (UTC microseconds), by whom or what, and why."""

    at_us: int
    by: str
    why: str


class Step(BaseModel):
    """A stage, since when (UTC microseconds), and who or what moved the version there and why."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    stage: Stage
    at_us: int = Field(ge=0)
    by: str
    why: str


class Version(BaseModel):
    """A trained bundle as the registry knows it. ``steps`` are its stages, the present one last; ``parent`` is the version it came from."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    domain: str
    version: str
    created: AwareDatetime
    parent: str | None = None
    steps: tuple[Step, ...] = Field(min_length=1)
    manifest: dict[str, Any]
    report: dict[str, Any]

    @property
    def stage(self) -> Stage:
        return self.steps[-1].stage

    def moved(self, step: Step) -> Version:
        return self.model_copy(update={"steps": (*self.steps, step)})


class Standing(BaseModel):
    """Which versions are at work, and by which terms: what scorers follow, and all that they know of the registry.

    ``share`` of the keys get the first challenger's decisions for real. ``former`` are the champions before this one, the latest first.
    ``terms`` are the policy's numbers that are not the domain's defaults; what moves a model leaves them as they are.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    domain: str
    champion: str
    challengers: tuple[str, ...] = ()
    share: float = Field(default=0.0, ge=0.0, le=1.0)
    former: tuple[str, ...] = ()
    terms: dict[str, FiniteFloat] = Field(default_factory=dict)
    at_us: int = Field(ge=0)
    by: str
    why: str


Change = Version | Standing


@dataclass
class Registry:
    """One domain's versions by name, and its standing (None: nothing was promoted yet); ``seen`` is the one that was announced last.

    Every method that moves something returns the records that changed, in the order in which they must be written, and raises
    ``RegistryError`` for a version that there is not or a move that makes no sense.
    """

    domain: str
    versions: dict[str, Version] = field(default_factory=dict)
    standing: Standing | None = None
    seen: Standing | None = field(default=None, compare=False)

    @property
    def terms(self) -> Mapping[str, float]:
        """The policy's numbers in force that are not the domain's defaults."""
        return self.standing.terms if self.standing else {}

    def register(self, version: Version) -> list[Change]:
        """Take in a new version, at the stage it brings. One that is known keeps its stages."""
        if version.version in self.versions:
            return []
        self.versions[version.version] = version
        return [version]

    def promote(self, name: str, cause: Cause) -> list[Change]:
        """Make a version the champion; the former one is archived, and comes back by ``rollback``."""
        self._known(name)
        before = self.standing
        if before and before.champion == name:
            raise RegistryError(f"{name} is the champion of {self.domain} already")
        changes: list[Change] = [self._move(name, "champion", cause)]
        former: tuple[str, ...] = ()
        if before:
            former = (before.champion, *(v for v in before.former if v not in (name, before.champion)))
            if before.champion in self.versions:
                changes.append(self._move(before.champion, "archived", cause._replace(why=f"{name} was promoted")))
        challengers = tuple(c for c in before.challengers if c != name) if before else ()
        return [*changes, self._stand(name, challengers, former, cause)]

    def rollback(self, cause: Cause) -> list[Change]:
        """Make the champion before this one the champion again; the present one is archived."""
        if self.standing is None or not self.standing.former:
            raise RegistryError(f"{self.domain} has no champion before the present one to go back to")
        bad, (back, *older) = self.standing.champion, self.standing.former
        self._known(back)
        changes: list[Change] = [self._move(back, "champion", cause)]
        if bad in self.versions:
            changes.append(self._move(bad, "archived", cause))
        challengers = tuple(c for c in self.standing.challengers if c != back)
        return [*changes, self._stand(back, challengers, tuple(older), cause)]

    def challenge(self, name: str, cause: Cause, *, share: float = 0.0) -> list[Change]:
        """Let a version score beside the champion, the first in line; ``share`` of the keys get its decisions for real."""
        self._known(name)
        if self.standing is None:
            raise RegistryError(f"{self.domain} has no champion to challenge; promote a version first")
        if self.standing.champion == name:
            raise RegistryError(f"{name} is the champion of {self.domain}; it cannot challenge itself")
        changes: list[Change] = [] if self.versions[name].stage == "challenger" else [self._move(name, "challenger", cause)]
        rest = tuple(c for c in self.standing.challengers if c != name)
        return [*changes, self._stand(self.standing.champion, (name, *rest), self.standing.former, cause, share)]

    def archive(self, name: str, cause: Cause) -> list[Change]:
        """Take a version out of use. The champion cannot be: promote another, or roll back."""
        self._known(name)
        standing = self.standing
        if standing and standing.champion == name:
            raise RegistryError(f"{name} is the champion of {self.domain}; promote another version, or roll back")
        moved: list[Change] = [self._move(name, "archived", cause)]
        if standing is None or name not in standing.challengers:
            return moved
        rest = tuple(c for c in standing.challengers if c != name)
        share = standing.share if standing.challengers[0] != name else 0.0
        return [*moved, self._stand(standing.champion, rest, standing.former, cause, share)]

    def decide_by(self, terms: Mapping[str, float], cause: Cause) -> list[Change]:
        """Judge by these terms from now on: those of the domain that are not its defaults. The models stay as they are."""
        if self.standing is None:
            raise RegistryError(f"{self.domain} has no champion that could decide by other terms; promote a version first")
        if self.standing.terms == terms:
            raise RegistryError(f"{self.domain} decides by these terms already")
        self.standing = Standing.model_validate({**self.standing.model_dump(), "terms": dict(terms), **cause._asdict()})
        return [self.standing]

    def _known(self, name: str) -> None:
        if name not in self.versions:
            there = ", ".join(sorted(self.versions)) or "none"
            raise RegistryError(f"{self.domain} has no version {name!r}; there are: {there}")

    def _move(self, name: str, stage: Stage, cause: Cause) -> Version:
        self.versions[name] = self.versions[name].moved(Step(stage=stage, **cause._asdict()))
        return self.versions[name]

    def _stand(self, champion: str, challengers: tuple[str, ...], former: tuple[str, ...], cause: Cause, share: float = 0.0) -> Standing:
        at_work = {"champion": champion, "challengers": challengers, "former": former, "share": share, "terms": self.terms}
        self.standing = Standing.model_validate({"domain": self.domain, **at_work, **cause._asdict()})
        return self.standing
