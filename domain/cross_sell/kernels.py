"""A shopper's state and what a sighting's features are in it, compiled.

The state is five logs in one array (n, 2) int64, behind a header of their lengths: basket lines, sightings, stays, checkouts,
profiles. All but the stays are histories (``domain.history``). A stay is (first, last): sightings with no silence between
them, so a visit's beginning is known however many sightings it has. All is read as of a time: what is later is not seen.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from numpy.typing import NDArray

from domain.compiled import compiled
from domain.cross_sell.groups import NO_GROUP, NO_ZONE, UNSEEN_ZONE
from domain.history import DAY, Entries, before, find, remember, time_of, value_of

Row = NDArray[np.float64]
LINES, SIGHTINGS, STAYS, CHECKOUTS, PROFILES = range(5)
LOGS: Final = 5
HEADER: Final = 3  # rows, which hold the logs' lengths
SILENCE: Final = 20 * 60  # seconds without a sighting that end a visit; also what parts two baskets
WEEKS: Final = (4, 12)
_SHORT: Final = WEEKS[0] * 7 * DAY
_LONG: Final = WEEKS[1] * 7 * DAY
LATENESS: Final = DAY  # a line up to this much late still finds every window complete
# A habit is better known from a year than from 12 weeks: on recorded visits, ranking groups by it finds 3 % more of what is bought next.
LINE_SPAN: Final = 364 * DAY
# Of 617 recorded households 97 % buy fewer lines in 12 weeks; a busier household's windows, and habits, are those of its newest 512.
LINE_CAPACITY: Final = 512
SIGHTING_CAPACITY: Final = 128  # a longer visit's zones are those of its newest 128 sightings
# A scorer that was killed in a backlog reads sightings of days ago once more: those of their visit must still be there.
SIGHTING_SPAN: Final = 7 * DAY
STAY_CAPACITY: Final = 16
CHECKOUT_CAPACITY: Final = 16
PROFILE_CAPACITY: Final = 4
STATE_BYTES: Final = 16 * (HEADER + LINE_CAPACITY + SIGHTING_CAPACITY + STAY_CAPACITY + CHECKOUT_CAPACITY + PROFILE_CAPACITY)
EMPTY: Final = bytes(16 * HEADER)  # the state of a shopper of whom nothing is known
_EVER: Final = 1 << 40
_FIRST_ID: Final = -(2**63)
CENTS: Final = (1 << 26) - 1
NOTHING, UNSEEN = 255, 254  # codes of a profile's absent and unlisted words
NEW, REPEATED, CONFLICT = 0, 1, 2

# Where the stretches of a row begin; ``features.schema_of`` names what is in them. How many groups there are, the row's length tells.
CALENDAR: Final = 0
VISIT: Final = 3
HOUSEHOLD: Final = VISIT + 8
OF_GROUP: Final = 9  # features of each group
GROUP: Final = HOUSEHOLD + 6
CATEGORIES: Final = 4  # the last of a row: zone, newest group, tier, segment
VISITS_4W, VISITS_12W, SPEND_4W, SPEND_12W, DAYS_SINCE, BASKETS_SINCE, DUE, ODDS, ZONE_SECONDS = range(OF_GROUP)


@compiled
def log_of(state: Entries, which: int) -> Entries:
    """One of a state's logs."""
    first = HEADER
    for i in range(which):
        first += state[i // 2, i % 2]
    return state[first : first + state[which // 2, which % 2]]


@compiled
def _with(state: Entries, which: int, log: Entries) -> Entries:
    """The state with another log in one's place."""
    first = HEADER
    for i in range(which):
        first += state[i // 2, i % 2]
    was = state[which // 2, which % 2]
    grown = np.empty((state.shape[0] - was + log.shape[0], 2), np.int64)
    grown[:first] = state[:first]
    grown[first : first + log.shape[0]] = log
    grown[first + log.shape[0] :] = state[first + was :]
    grown[which // 2, which % 2] = log.shape[0]
    return grown


@compiled
def add(state: Entries, which: int, time: int, value: int, ident: int) -> tuple[Entries, int]:
    """The state with one more entry in a log, and if it was there before.

    ``CONFLICT``: the same id stands there with another time or value.
    """
    log = log_of(state, which)
    at = find(log, ident)
    if at >= 0:
        same = time_of(log[at, 0]) == time and value_of(log[at, 0]) == value
        return state, REPEATED if same else CONFLICT
    if which == LINES:
        log = remember(log, time, value, ident, LINE_SPAN, LINE_CAPACITY)
    elif which == SIGHTINGS:
        log = remember(log, time, value, ident, SIGHTING_SPAN, SIGHTING_CAPACITY)
        state = _with(state, STAYS, _stayed(log_of(state, STAYS), time))
    elif which == CHECKOUTS:
        log = remember(log, time, value, ident, _EVER, CHECKOUT_CAPACITY)
    else:
        log = remember(log, time, value, ident, _EVER, PROFILE_CAPACITY)
    return _with(state, which, log), NEW


@compiled
def _stayed(stays: Entries, time: int) -> Entries:
    """The stays with a sighting more: it begins one, lengthens one, or joins two."""
    first, last, at = time, time, 0
    kept = np.empty((stays.shape[0] + 1, 2), np.int64)
    n = 0
    for i in range(stays.shape[0]):
        if stays[i, 0] - SILENCE <= time <= stays[i, 1] + SILENCE:
            first, last = min(first, stays[i, 0]), max(last, stays[i, 1])
        else:
            kept[n] = stays[i]
            n += 1
    while at < n and kept[at, 0] < first:
        at += 1
    kept[at + 1 : n + 1] = kept[at:n].copy()
    kept[at, 0], kept[at, 1] = first, last
    return kept[max(0, n + 1 - STAY_CAPACITY) : n + 1]


@compiled
def visit_of(state: Entries, time: int) -> tuple[int, int]:
    """When the visit began that a sighting at ``time`` belongs to, and its end as far as is known by now.

    It begins after the last checkout and after the last silence before it, and ends with the next checkout or the last sighting.
    The end may be later than ``time``: only the policy may know it, for a sighting that comes late.
    """
    start, last = time, time
    stays = log_of(state, STAYS)
    for i in range(stays.shape[0]):
        if stays[i, 0] <= time <= stays[i, 1] + SILENCE:
            start, last = stays[i, 0], max(time, stays[i, 1])
    checkouts, sightings = log_of(state, CHECKOUTS), log_of(state, SIGHTINGS)
    done = before(checkouts, time, _FIRST_ID)
    if done < checkouts.shape[0]:
        last = min(last, time_of(checkouts[done, 0]))
    if done == 0 or time_of(checkouts[done - 1, 0]) < start:
        return start, last
    paid = time_of(checkouts[done - 1, 0])
    after = before(sightings, paid + 1, _FIRST_ID)
    if after == 0 and sightings.shape[0] == SIGHTING_CAPACITY:
        return paid, last  # the first sighting since then was let go
    return (min(time, time_of(sightings[after, 0])) if after < sightings.shape[0] else time), last


@compiled
def observe(state: Entries, start: int, time: int, zone: int, row: Row) -> int:
    """Fill the row of a sighting at ``time`` in a zone, on a visit that began at ``start``; returns the groups in the basket, as bits.

    The sighting itself may be in the state, or not yet: the row is the same.
    """
    row[:] = math.nan
    _calendar(time, row)
    _sightings(log_of(state, SIGHTINGS), start, time, zone, row)
    lines = log_of(state, LINES)
    begun, end = before(lines, start, _FIRST_ID), before(lines, time, _FIRST_ID)
    habits = _history(lines, begun, start, time, row)
    basket = _basket(lines, begun, end, time, row)
    _odds(habits, basket, row)
    return basket


@compiled
def profile_at(state: Entries, time: int) -> int:
    """The shopper's profile as of ``time``, packed; -1: none."""
    profiles = log_of(state, PROFILES)
    known = before(profiles, time + 1, _FIRST_ID)
    return value_of(profiles[known - 1, 0]) if known > 0 else -1


@compiled
def _groups_in(row: Row) -> int:
    """How many groups a row tells of."""
    count: int = (row.shape[0] - GROUP - CATEGORIES) // OF_GROUP
    return count


@compiled
def _calendar(time: int, row: Row) -> None:
    """Hour and day of the week (UTC; the year 2000 began on a Saturday)."""
    weekday = (time // DAY + 5) % 7
    row[CALENDAR] = time % DAY / 3600
    row[CALENDAR + 1] = weekday
    row[CALENDAR + 2] = weekday >= 5


@compiled
def _sightings(log: Entries, start: int, time: int, zone: int, row: Row) -> None:
    """Where the visit was until now: a sighting's zone lasts until the next one."""
    first, end = before(log, start, _FIRST_ID), before(log, time, _FIRST_ID)
    seconds = np.zeros(256)
    here = 0.0
    for i in range(first, end):
        was, until = value_of(log[i, 0]) >> 24, time_of(log[i + 1, 0]) if i + 1 < end else time
        lasted = until - time_of(log[i, 0])
        seconds[was] += lasted
        here = here + lasted if was == zone else 0.0
    row[VISIT] = (time - start) / 60
    row[VISIT + 1] = end - first
    row[VISIT + 2] = (seconds[:UNSEEN_ZONE] > 0).sum()
    row[VISIT + 3] = here
    for g in range(_groups_in(row)):
        row[GROUP + OF_GROUP * g + ZONE_SECONDS] = seconds[g]
    if zone != NO_ZONE:
        row[-CATEGORIES] = -1.0 if zone == UNSEEN_ZONE else zone


@compiled
def _history(lines: Entries, end: int, start: int, time: int, row: Row) -> Row:
    """What was bought before this visit, from the newest line back; returns in how many baskets each group was, as far back as is known.

    Lines with no silence between them are one basket.
    """
    count = _groups_in(row)
    counts, spends, seen_in = np.zeros((3, count)), np.zeros((2, count)), np.full(count, -1)
    baskets, groups, spend, later = np.zeros(2), 0.0, 0.0, _EVER
    basket, oldest = 0, start
    for i in range(end - 1, -1, -1):
        at, value = time_of(lines[i, 0]), value_of(lines[i, 0])
        recent, lately = start - at < _SHORT, start - at < _LONG
        basket += later - at > SILENCE
        if later - at > SILENCE and lately:
            baskets[1] += 1
            baskets[0] += recent
        later = at
        group, cents = value >> 26, value & CENTS
        if lately:
            spend += cents / 100
            oldest = at
        if group >= count:
            continue
        if lately and seen_in[group] < 0:
            row[GROUP + OF_GROUP * group + DAYS_SINCE] = (time - at) / DAY
            row[GROUP + OF_GROUP * group + BASKETS_SINCE] = basket
        if seen_in[group] != basket:
            seen_in[group] = basket
            counts[2, group] += 1
            counts[1, group] += lately
            counts[0, group] += recent
            groups += lately
        if lately:
            spends[1, group] += cents / 100
        if recent:
            spends[0, group] += cents / 100
    row[HOUSEHOLD], row[HOUSEHOLD + 1] = baskets[0], baskets[1]
    if baskets[1] > 0:
        row[HOUSEHOLD + 2] = (time - time_of(lines[end - 1, 0])) / DAY
        row[HOUSEHOLD + 3] = groups / baskets[1]
        row[HOUSEHOLD + 4] = spend / baskets[1]
        row[HOUSEHOLD + 5] = (start - oldest) / DAY / baskets[1]
    for g in range(count):
        at = GROUP + OF_GROUP * g
        row[at + VISITS_4W], row[at + VISITS_12W] = counts[0, g], counts[1, g]
        row[at + SPEND_4W], row[at + SPEND_12W] = spends[0, g], spends[1, g]
        if counts[1, g] > 0:
            row[at + DUE] = row[at + DAYS_SINCE] * counts[1, g] * DAY / max(start - oldest, DAY)
    habits: Row = counts[2]
    return habits


@compiled
def _odds(habits: Row, basket: int, row: Row) -> None:
    """Each group's share of the shopper's habits as far as they are not in the basket; a group never bought counts a little."""
    total, count = 0.0, len(habits)
    for g in range(count):
        if not (basket >> g) & 1:
            total += habits[g] + 1 / count
    for g in range(count):
        inside = (basket >> g) & 1
        row[GROUP + OF_GROUP * g + ODDS] = 0.0 if inside else (habits[g] + 1 / count) / total


@compiled
def _basket(lines: Entries, first: int, end: int, time: int, row: Row) -> int:
    """What is in the basket; a group in it was bought 0 baskets ago."""
    groups, count, spend, newest = 0, 0.0, 0.0, NO_GROUP
    for i in range(first, end):
        value = value_of(lines[i, 0])
        group = value >> 26
        spend += (value & CENTS) / 100
        if group < _groups_in(row):
            count += (groups >> group) & 1 == 0
            groups |= 1 << group
            newest = group
            row[GROUP + OF_GROUP * group + DAYS_SINCE] = (time - time_of(lines[i, 0])) / DAY
            row[GROUP + OF_GROUP * group + BASKETS_SINCE] = 0.0
    row[VISIT + 4] = end - first
    row[VISIT + 5] = count
    row[VISIT + 6] = spend
    if end > first:
        row[VISIT + 7] = (time - time_of(lines[end - 1, 0])) / 60
    if newest < _groups_in(row):
        row[1 - CATEGORIES] = newest
    return groups
