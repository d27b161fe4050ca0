"""Events of one shopper for the tests of cross-sell, and their features computed the slow and obvious way from all of them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from domain.cross_sell.events import Bought, Checkout, Label, Ping, Profile, Purchase
from domain.cross_sell.features import SEGMENTS, TIERS, CrossSellFeatures, schema_of
from domain.cross_sell.groups import GROUPS, zones_of
from domain.history import identity

START = datetime(2025, 3, 3, 10, tzinfo=UTC)  # a Monday
SILENCE = timedelta(minutes=20)
NAN = math.nan
Happening = Ping | Purchase | Checkout | Profile


def ping(name: str, at: datetime = START, zone: str | None = "dairy", dwell: float | None = 10.0) -> Ping:
    return Ping(ping_id=name, event_time=at, shopper_id="s", store_id="a", zone=zone, dwell_seconds=dwell)


def line(name: str, at: datetime = START, group: str | None = "dairy", amount: float = 2.5) -> Purchase:
    return Purchase(purchase_id=name, event_time=at, shopper_id="s", store_id="a", group=group, amount=amount)


def checkout(name: str, at: datetime = START) -> Checkout:
    return Checkout(checkout_id=name, event_time=at, shopper_id="s", store_id="a")


def profile(at: datetime = START, **changes: Any) -> Profile:
    return Profile.model_validate({"shopper_id": "s", "event_time": at, "tier": "gold", "segment": "family", **changes})


def label(name: str, at: datetime, start: datetime, end: datetime, bought: Sequence[tuple[str, datetime]]) -> Label:
    return Label(
        ping_id=name,
        event_time=end + timedelta(days=7),
        shopper_id="s",
        ping_time=at,
        visit_start=start,
        visit_end=end,
        bought=tuple(Bought(group=group, at=moment) for group, moment in bought),
    )


def after(events: Iterable[Happening], state: bytes | None = None) -> bytes | None:
    """The state after these events."""
    features = CrossSellFeatures()
    for event in events:
        state = features.compute(event, state).state
    return state


def slow_row(of: Ping, events: Iterable[Happening], groups: tuple[str, ...] = GROUPS) -> dict[str, float]:
    """The features of a ping given every event of its shopper, in any order: no state, nothing kept."""
    now = _second(of.event_time)
    known = list({type(e).__name__ + e.id: e for e in events}.values())
    start = slow_visit_start(of, known)
    seen = sorted(
        (_second(e.event_time), identity(e.id), e.zone) for e in known if isinstance(e, Ping) and start <= _second(e.event_time) < now
    )
    lines = sorted((_second(e.event_time), identity(e.id), e) for e in known if isinstance(e, Purchase) and _second(e.event_time) < now)
    row: dict[str, float] = dict.fromkeys(schema_of(groups).names, NAN)
    row |= {"hour": now.hour + now.minute / 60 + now.second / 3600, "weekday": float(now.weekday()), "weekend": float(now.weekday() >= 5)}
    row |= _seen(of, [(at, zone) for at, _, zone in seen], start, now, groups)
    row |= _bought([(at, e) for at, _, e in lines if at < start], start, now, groups)
    row |= _basket([(at, e) for at, _, e in lines if at >= start], now, groups)
    row |= _odds([(at, e) for at, _, e in lines if at < start], {e.group for at, _, e in lines if at >= start}, groups)
    profiles = sorted((_second(e.event_time), e) for e in known if isinstance(e, Profile) and _second(e.event_time) <= now)
    if profiles:
        last = profiles[-1][1]
        row |= {"tier": _coded(last.tier, TIERS), "segment": _coded(last.segment, SEGMENTS)}
    return row


def slow_visit_start(of: Ping, events: Sequence[Happening]) -> datetime:
    """Back from the ping as long as no silence and no checkout lies between one sighting and the next."""
    now = start = _second(of.event_time)
    paid = [_second(e.event_time) for e in events if isinstance(e, Checkout)]
    for at in sorted((_second(e.event_time) for e in events if isinstance(e, Ping) and _second(e.event_time) < now), reverse=True):
        if start - at > SILENCE or any(at <= moment < start for moment in paid):
            break
        start = at
    return start


def _seen(of: Ping, seen: list[tuple[datetime, str | None]], start: datetime, now: datetime, groups: tuple[str, ...]) -> dict[str, float]:
    places = zones_of(groups)
    ends = [*(at for at, _ in seen[1:]), now][: len(seen)]
    lasted = [((end - at).total_seconds(), zone) for (at, zone), end in zip(seen, ends, strict=True)]
    here = 0.0
    for seconds, zone in reversed(lasted):
        if _place(zone, places) != _place(of.zone, places):
            break
        here += seconds
    zones = {zone for seconds, zone in lasted if seconds > 0 and zone in places}
    row = {f"{g}_zone_seconds": sum((s for s, zone in lasted if zone == g), 0.0) for g in groups}
    minutes = (now - start).total_seconds() / 60
    zone = NAN if of.zone is None else _coded(of.zone, places)
    return {
        **row,
        "visit_minutes": minutes,
        "visit_sightings": float(len(seen)),
        "visit_zones": float(len(zones)),
        "zone_seconds": here,
        "zone": zone,
    }


def _baskets(lines: list[tuple[datetime, Purchase]]) -> list[list[tuple[datetime, Purchase]]]:
    baskets: list[list[tuple[datetime, Purchase]]] = []
    for at, e in lines:
        if not baskets or at - baskets[-1][-1][0] > SILENCE:
            baskets.append([])
        baskets[-1].append((at, e))
    return baskets


def _odds(lines: list[tuple[datetime, Purchase]], basket: set[str | None], groups: tuple[str, ...]) -> dict[str, float]:
    habits = {g: sum(any(e.group == g for _, e in b) for b in _baskets(lines)) + 1 / len(groups) for g in groups}
    total = sum(habit for g, habit in habits.items() if g not in basket)
    return {f"{g}_odds": 0.0 if g in basket else habits[g] / total for g in groups}


def _bought(lines: list[tuple[datetime, Purchase]], start: datetime, now: datetime, groups: tuple[str, ...]) -> dict[str, float]:
    lines = [(at, e) for at, e in lines if start - at < timedelta(weeks=12)]
    baskets = _baskets(lines)
    month = timedelta(weeks=4)
    row = {"baskets_12w": float(len(baskets)), "baskets_4w": float(sum(start - b[-1][0] < month for b in baskets))}
    oldest = lines[0][0] if lines else start
    if baskets:
        row["days_since_basket"] = _days(now - lines[-1][0])
        row["groups_per_basket"] = sum(len({e.group for _, e in b} & set(groups)) for b in baskets) / len(baskets)
        row["spend_per_basket"] = sum(round(e.amount * 100) for _, e in lines) / 100 / len(baskets)
        row["days_between_baskets"] = _days(start - oldest) / len(baskets)
    for g in groups:
        of_group = [(at, e) for at, e in lines if e.group == g]
        with_group = [number for number, b in enumerate(baskets) if any(e.group == g for _, e in b)]
        row[f"{g}_baskets_12w"] = float(len(with_group))
        row[f"{g}_baskets_4w"] = float(sum(any(e.group == g and start - at < month for at, e in b) for b in baskets))
        row[f"{g}_spend_12w"] = sum((round(e.amount * 100) / 100 for _, e in of_group), 0.0)
        row[f"{g}_spend_4w"] = sum((round(e.amount * 100) / 100 for at, e in of_group if start - at < month), 0.0)
        if of_group:
            since = _days(now - of_group[-1][0])
            row[f"{g}_days_since"], row[f"{g}_baskets_since"] = since, float(len(baskets) - with_group[-1])
            row[f"{g}_due"] = since * len(with_group) / max(_days(start - oldest), 1.0)
    return row


def _basket(lines: list[tuple[datetime, Purchase]], now: datetime, groups: tuple[str, ...]) -> dict[str, float]:
    inside = [e.group for _, e in lines if e.group in groups]
    row = {"basket_lines": float(len(lines)), "basket_groups": float(len(set(inside)))}
    row["basket_spend"] = sum((round(e.amount * 100) / 100 for _, e in lines), 0.0)
    if lines:
        row["minutes_since_line"] = (now - lines[-1][0]).total_seconds() / 60
    if inside:
        row["newest_group"] = float(groups.index(inside[-1]))
    for at, e in lines:
        if e.group in groups:
            row[f"{e.group}_days_since"], row[f"{e.group}_baskets_since"] = _days(now - at), 0.0
    return row


def _second(moment: datetime) -> datetime:
    return moment.replace(microsecond=0)


def _days(span: timedelta) -> float:
    return span.total_seconds() / 86_400


def _place(zone: str | None, places: tuple[str, ...]) -> str | None:
    return zone if zone is None or zone in places else "elsewhere"


def _coded(word: str | None, words: Sequence[str]) -> float:
    return NAN if word is None else float(words.index(word)) if word in words else -1.0
