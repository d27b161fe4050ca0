"""What people do with an alert, as a pure function: claim it, release it, close it, reopen it. No Kafka, no clock, no database.

An alert's state is that after the last act that was accepted. Every accepted act makes the next version, and an act names the version
that its analyst saw: of two who act on the same one, the first on the topic wins and the other is told who was first.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any, Final, Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, model_validator

Status = Literal["new", "in review", "closed"]
What = Literal["claim", "release", "close", "reopen"]
STATUSES: Final[tuple[Status, ...]] = ("new", "in review", "closed")
POSSIBLE: Final[Mapping[Status, tuple[What, ...]]] = {"new": ("claim",), "in review": ("release", "close"), "closed": ("reopen",)}
_LEADS_TO: Final[Mapping[What, Status]] = {"claim": "in review", "release": "new", "close": "closed", "reopen": "new"}
DONE: Final[Mapping[What, str]] = {"claim": "claimed", "release": "released", "close": "closed", "reopen": "reopened"}
_CAME: Final[Mapping[Status, str]] = {"new": "given back", "in review": "claimed", "closed": "closed"}
_Name = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[^\x00-\x1f\x7f]+$")]
_Text = Annotated[str, Field(max_length=2_000, pattern=r"^[^\x00]*$")]  # PostgreSQL takes no NUL in a text
LATEST_US: Final = 253_402_300_799_999_999  # the end of the year 9999, in UTC microseconds: no calendar goes further


class Act(BaseModel):
    """What an analyst did with an alert, as it travels on ``<domain>.reviews``. ``at_us``: UTC microseconds.

    ``version`` is that of the alert as the analyst saw it. ``label`` is the message of the labels topic that the verdict of a closing
    makes, once the act is accepted; ``verdict`` is empty where there is nothing to learn from.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    act_id: _Name
    domain: _Name
    decision_id: Annotated[str, Field(min_length=1, max_length=128, pattern=r"^[^\x00]+$")]  # a machine's id and its cycle
    analyst: _Name
    at_us: int = Field(ge=0, le=LATEST_US)
    what: What
    version: int = Field(ge=0, le=2**31 - 2)
    verdict: Annotated[str, Field(max_length=64, pattern=r"^[^\x00]*$")] = ""
    reason: Annotated[str, Field(max_length=200, pattern=r"^[^\x00]*$")] = ""
    note: _Text = ""
    label: dict[str, Any] | None = None

    @model_validator(mode="after")
    def _only_a_closing_says_why(self) -> Act:
        if self.what == "close" and not self.reason:
            raise ValueError("an alert is closed for a reason")
        if self.what != "close" and (self.verdict or self.reason or self.label):
            raise ValueError("only a closing has a verdict, a reason and a label")
        return self


class State(NamedTuple):
    """How far people got with an alert: its ``version``, and who brought it there when. A closing's words stay until it is reopened."""

    status: Status = "new"
    version: int = 0
    analyst: str = ""
    changed_us: int = 0
    verdict: str = ""
    reason: str = ""
    note: str = ""


NEW: Final = State()


class Refused(NamedTuple):
    """Why an act changes nothing, in words: who was first, and when."""

    why: str


def after(act: Act) -> State:
    """The state that an accepted act leads to."""
    return State(_LEADS_TO[act.what], act.version + 1, act.analyst, act.at_us, act.verdict, act.reason, act.note)


def judge(state: State, act: Act) -> State | Refused:
    """The alert's next state, or why the act is refused: another version, an act that makes no sense there, another's claim."""
    another = act.what == "close" and state.status == "in review" and state.analyst != act.analyst
    if act.version != state.version or act.what not in POSSIBLE[state.status] or another:
        return Refused(said(state))
    return after(act)


def said(state: State) -> str:
    """The state in words: who brought the alert there and when."""
    if state.version == 0:
        return "nobody has touched it"
    at = datetime.fromtimestamp(state.changed_us / 1e6, UTC)
    closing = ": ".join(word for word in (state.verdict, state.reason) if word)
    return f"{_CAME[state.status]} by {state.analyst} at {at:%H:%M:%S} UTC, {at:%d %b %Y}" + (f", as {closing}" if closing else "")
