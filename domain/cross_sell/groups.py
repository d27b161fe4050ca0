"""The product groups: what a shopper may be offered, what a purchase of it earns, and the zones of a store.

Fourteen: few enough that an offer for a group says something on a shelf label and that each is bought often enough to be
learned (a tree a group and round is also what every export carries), many enough that a guess is worth little. Alcohol and
tobacco, which must not be advertised to everybody, and fuel, coupons and gift goods are in no group: they are never offered.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

GROUPS: Final = (
    "fruit", "vegetables", "dairy", "bakery", "breakfast", "pantry", "meat",
    "deli", "frozen", "snacks", "drinks", "household", "care", "pets",
)  # fmt: skip
COUNT: Final = len(GROUPS)
NO_GROUP: Final = 63  # the code of a line that belongs to none of them
# What one more purchase of the group earns, in units of the store's currency: typical spend on it times a supermarket's margin on it.
MARGINS: Final = (0.9, 0.9, 0.7, 1.1, 0.8, 0.9, 1.3, 1.9, 1.0, 1.2, 0.9, 1.1, 1.8, 1.4)
NO_ZONE: Final = 255  # the code of a sighting without a zone
UNSEEN_ZONE: Final = 254


def zones_of(groups: tuple[str, ...]) -> tuple[str, ...]:
    """The zones of a store with these groups: a group's zone is where it stands on the shelf."""
    return (*groups, "entrance", "checkout", "promotion")


def codes(names: tuple[str, ...]) -> Mapping[str, int]:
    """Each name's index."""
    return {name: code for code, name in enumerate(names)}


ZONES: Final = zones_of(GROUPS)
GROUP_CODES: Final = codes(GROUPS)
ZONE_CODES: Final = codes(ZONES)


def group_code(name: str | None, among: Mapping[str, int] = GROUP_CODES) -> int:
    """A group's index; ``NO_GROUP`` for whatever is not there."""
    return NO_GROUP if name is None else among.get(name, NO_GROUP)


def zone_code(name: str | None, among: Mapping[str, int] = ZONE_CODES) -> int:
    """A zone's index, or ``NO_ZONE``, or ``UNSEEN_ZONE``."""
    return NO_ZONE if name is None else among.get(name, UNSEEN_ZONE)
