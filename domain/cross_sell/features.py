"""The features of a sighting: one incremental definition, for the live stream and, by replay, for training.

Keyed state is all that is known of the shopper (``kernels``): basket lines of a year, sightings, checkouts, profiles. A sighting
at time t sees what happened before t, and the profile as of t. A visit begins with a sighting and ends, in event time, with
the checkout or with ``SILENCE`` seconds without a sighting.
"""

from __future__ import annotations

import math
from typing import Any, Final

import numpy as np

from domain.contract import Computed, MalformedEvent
from domain.cross_sell.events import Checkout, Label, Ping, Profile, Purchase
from domain.cross_sell.groups import GROUPS, NO_GROUP, codes, group_code, zone_code, zones_of
from domain.cross_sell.kernels import (
    CENTS,
    CHECKOUTS,
    CONFLICT,
    EMPTY,
    LINES,
    NOTHING,
    PROFILES,
    REPEATED,
    SIGHTINGS,
    UNSEEN,
    add,
    observe,
    profile_at,
    visit_of,
)
from domain.history import Entries, decode, identity, seconds
from domain.schema import Feature, FeatureSchema

TIERS: Final = ("basic", "silver", "gold")
SEGMENTS: Final = ("single", "couple", "family", "senior")


def schema_of(groups: tuple[str, ...]) -> FeatureSchema:
    """What a sighting's row holds where a store has these product groups."""
    return FeatureSchema((
        Feature("hour", description="hour of the day with its fraction, UTC"),
        Feature("weekday", description="day of the week, 0 on Monday"),
        Feature("weekend", description="1 on Saturday and Sunday"),
        Feature("visit_minutes", description="minutes since the visit began"),
        Feature("visit_sightings", description="earlier sightings on this visit"),
        Feature("visit_zones", description="zones seen on this visit, before this sighting"),
        Feature("zone_seconds", description="seconds in this zone without leaving it"),
        Feature("basket_lines", description="lines in the basket"),
        Feature("basket_groups", description="product groups in the basket"),
        Feature("basket_spend", description="worth of the basket"),
        Feature("minutes_since_line", description="minutes since the newest basket line of this visit"),
        Feature("baskets_4w", description="earlier baskets within 4 weeks"),
        Feature("baskets_12w", description="earlier baskets within 12 weeks"),
        Feature("days_since_basket", description="days since the last line of an earlier basket"),
        Feature("groups_per_basket", description="product groups a basket, 12 weeks"),
        Feature("spend_per_basket", description="worth of a basket, 12 weeks"),
        Feature("days_between_baskets", description="days from one basket to the next, 12 weeks"),
        *(f for g in groups for f in (
            Feature(f"{g}_baskets_4w", description=f"earlier baskets with {g} within 4 weeks"),
            Feature(f"{g}_baskets_12w", description=f"earlier baskets with {g} within 12 weeks"),
            Feature(f"{g}_spend_4w", description=f"spent on {g} within 4 weeks before this visit"),
            Feature(f"{g}_spend_12w", description=f"spent on {g} within 12 weeks before this visit"),
            Feature(f"{g}_days_since", description=f"days since {g} was last bought"),
            Feature(f"{g}_baskets_since", description=f"baskets since {g} was last bought; 0: it is in this one"),
            Feature(f"{g}_due", description=f"days since {g} was last bought before this visit, in mean intervals between purchases of it"),
            Feature(f"{g}_odds", description=f"share of {g} in a year's habits of groups that are not in the basket; 0: it is in it"),
            Feature(f"{g}_zone_seconds", description=f"seconds in the zone of {g} on this visit"),
        )),
        Feature("zone", "categorical", zones_of(groups), "where the shopper is"),
        Feature("newest_group", "categorical", groups, "the product group that last went into the basket"),
        Feature("tier", "categorical", TIERS, "the loyalty scheme's tier"),
        Feature("segment", "categorical", SEGMENTS, "the loyalty scheme's segment"),
    ))  # fmt: skip


SCHEMA: Final = schema_of(GROUPS)


class CrossSellFeatures:
    """Computes a sighting's row from its shopper's state; the other events only change that state."""

    schema = SCHEMA

    def __init__(self, groups: tuple[str, ...] = GROUPS) -> None:
        """Compiles the kernels, or takes them from numba's cache on disk, so that the first sighting does not wait for it.

        ``groups``: another store's product groups. A state is of the groups that it was begun with.
        """
        if len(groups) >= NO_GROUP:
            raise ValueError(f"{len(groups)} product groups; a basket holds fewer than {NO_GROUP}")
        if groups != GROUPS:
            self.schema = schema_of(groups)
        self._groups, self._zones = codes(groups), codes(zones_of(groups))
        self._row = np.empty(len(self.schema))
        state, _ = add(decode(EMPTY), CHECKOUTS, 0, 0, 0)
        self._sighted(state, Ping.model_construct(zone=None), 0)

    def learn(self, label: Label) -> None:
        """Labels tell of visits that are over: no feature waits for them, what was bought comes with the purchases."""

    def compute(self, event: Ping | Purchase | Checkout | Profile, state: bytes | None) -> Computed:
        """The row of a sighting, and the shopper's state with the event; the row of any other event is empty.

        Raises ``MalformedEvent`` where the state holds another event of this kind under the same id.
        """
        known, time = decode(state or EMPTY), seconds(event.event_time)
        which, value = self._entry(event)
        after, status = add(known, which, time, value, identity(event.id))
        if status == CONFLICT:
            raise MalformedEvent(
                "conflicting-duplicate", f"{type(event).__name__.lower()} {event.id}: seen before with another time or content"
            )
        row, facts = self._sighted(after, event, time) if isinstance(event, Ping) else ([], {})
        return Computed(row, (state or b"") if status == REPEATED else after.tobytes(), status == REPEATED, facts)

    def _sighted(self, state: Entries, ping: Ping, time: int) -> tuple[list[float], dict[str, Any]]:
        (start, last), profile = visit_of(state, time), profile_at(state, time)
        basket = observe(state, start, time, zone_code(ping.zone, self._zones), self._row)
        row = self._row.tolist()
        if profile >= 0:
            row[-2], row[-1] = _word(profile & 0xFF), _word(profile >> 8 & 0xFF)
        facts = {"visit_start": start, "visit_last": last, "bought": basket, "opt_out": profile >= 0 and bool(profile >> 16)}
        return row, facts

    def _entry(self, event: Ping | Purchase | Checkout | Profile) -> tuple[int, int]:
        """Which log an event goes to, and the value that stands for it there."""
        match event:
            case Ping():
                return SIGHTINGS, zone_code(event.zone, self._zones) << 24 | round(event.dwell_seconds or 0)
            case Purchase():
                return LINES, group_code(event.group, self._groups) << 26 | min(round(event.amount * 100), CENTS)
            case Checkout():
                return CHECKOUTS, 0
        return PROFILES, _code(event.tier, TIERS) | _code(event.segment, SEGMENTS) << 8 | event.opt_out << 16


def _code(word: str | None, words: tuple[str, ...]) -> int:
    if word is None:
        return NOTHING
    return words.index(word) if word in words else UNSEEN


def _word(code: int) -> float:
    return math.nan if code == NOTHING else -1.0 if code == UNSEEN else float(code)


def phrase(name: str, value: float, label: str | None = None) -> str:
    """A feature's value in words, as a store manager would say it."""
    group, _, rest = name.partition("_")
    if math.isnan(value):
        return f"nothing known yet: {name.replace('_', ' ')}"
    if group in GROUPS and rest in _OF_GROUP:
        return _OF_GROUP[rest].format(v=value, group=group)
    if name in _PHRASES:
        return _PHRASES[name].format(v=value, label=label or "unknown")
    return f"{name.replace('_', ' ')} is {label or format(value, 'g')}"


_OF_GROUP: Final = {
    "baskets_4w": "{v:.0f} baskets with {group} in 4 weeks",
    "baskets_12w": "{v:.0f} baskets with {group} in 12 weeks",
    "spend_4w": "{v:.2f} spent on {group} in 4 weeks",
    "spend_12w": "{v:.2f} spent on {group} in 12 weeks",
    "days_since": "{group} last bought {v:.1f} days ago",
    "baskets_since": "{group} last bought {v:.0f} baskets ago",
    "due": "{v:.1f} times the usual interval since {group} was bought",
    "odds": "{v:.0%} of the shopper's habits that are not in the basket are {group}",
    "zone_seconds": "{v:.0f} seconds among {group} on this visit",
}
_PHRASES: Final = {
    "hour": "at {v:.0f} o'clock UTC",
    "visit_minutes": "{v:.0f} minutes into the visit",
    "visit_sightings": "seen {v:.0f} times on this visit",
    "visit_zones": "{v:.0f} zones seen on this visit",
    "zone_seconds": "{v:.0f} seconds in this zone",
    "basket_lines": "{v:.0f} lines in the basket",
    "basket_groups": "{v:.0f} product groups in the basket",
    "basket_spend": "a basket worth {v:.2f}",
    "minutes_since_line": "{v:.1f} minutes since the last line",
    "baskets_4w": "{v:.0f} baskets in 4 weeks",
    "baskets_12w": "{v:.0f} baskets in 12 weeks",
    "days_since_basket": "{v:.1f} days since the last basket",
    "groups_per_basket": "{v:.1f} product groups a basket",
    "spend_per_basket": "{v:.2f} a basket",
    "days_between_baskets": "a basket every {v:.1f} days",
    "zone": "seen at {label}",
    "newest_group": "{label} went into the basket last",
    "tier": "loyalty tier {label}",
    "segment": "segment {label}",
}
