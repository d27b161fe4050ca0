"""What people's acts make of the alerts in the database: the sink enters acts in the order of their topic, within its transaction.

An alert's state is that after its last accepted act, whether its own message came before or after that: reading everything again makes
the same rows.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Row, bindparam, insert, select, update

from apps.tables import AlertRow, ReviewRow
from models.reviews import NEW, Act, Refused, State, after, judge

Place = tuple[str, str]  # a domain, and an alert's id
_REVIEW = ReviewRow.metadata.tables["review"]
_ALERT = AlertRow.metadata.tables["alert"]
_ACT = tuple(name for name in Act.model_fields if name != "label")


def enter(connection: Connection, acts: Sequence[Mapping[str, Any]], alerts: Iterable[Mapping[str, Any]]) -> None:
    """Judge the acts that are not known yet, and bring the alerts that they, or these rows, speak of to their states."""
    touched = {_place(row) for row in acts}
    states = _states(connection, touched | {_place(row) for row in alerts})
    judged = []
    for row in _unknown(connection, acts):
        act = Act.model_construct(**{name: row[name] for name in _ACT})
        found = judge(states.get(_place(row), NEW), act)
        refused = found.why if isinstance(found, Refused) else ""
        judged.append({**row, "accepted": not refused, "refusal": refused})
        if isinstance(found, State):
            states[_place(row)] = found
    if judged:
        connection.execute(insert(_REVIEW), judged)
    _settle(connection, states)


def state_of(row: Row[Any]) -> State:
    """The state that an alert's row, or another row with its columns, says."""
    return State(*(getattr(row, name) for name in State._fields))


def _place(row: Mapping[str, Any]) -> Place:
    return row["domain"], row["decision_id"]


def _unknown(connection: Connection, acts: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Each act once, without those that were entered before: a topic may be read again, and a message stand on it twice."""
    first: dict[Place, Mapping[str, Any]] = {}
    for row in acts:
        first.setdefault((row["domain"], row["act_id"]), row)
    known = set()
    for domain, ids in _by_domain(first).items():
        found = connection.execute(select(_REVIEW.c.act_id).where(_REVIEW.c.domain == domain, _REVIEW.c.act_id.in_(ids)))
        known |= {(domain, act_id) for act_id in found.scalars()}
    return [row for place, row in first.items() if place not in known]


def _states(connection: Connection, places: Collection[Place]) -> dict[Place, State]:
    """The states that history tells of; an alert without one is new."""
    found: dict[Place, State] = {}
    for domain, ids in _by_domain(places).items():
        r = _REVIEW.c
        query = select(*(r[name] for name in _ACT)).where(r.domain == domain, r.decision_id.in_(ids), r.accepted).order_by(r.version)
        for row in connection.execute(query):
            found[domain, row.decision_id] = after(Act.model_construct(**row._mapping))
    return found


def _settle(connection: Connection, states: Mapping[Place, State]) -> None:
    """Write the states on the alerts that are there; the others get theirs when they come."""
    if not states:
        return
    own = _ALERT.c.domain == bindparam("of_domain"), _ALERT.c.decision_id == bindparam("of_id")
    rows = [{"of_domain": domain, "of_id": decision_id, **state._asdict()} for (domain, decision_id), state in states.items()]
    connection.execute(update(_ALERT).where(*own).values({name: bindparam(name) for name in State._fields}), rows)


def _by_domain(places: Iterable[Place]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for domain, name in places:
        found.setdefault(domain, []).append(name)
    return found
