"""The product groups: what a shopper may be offered, what a purchase of it earns, and the zones of a store.

Fourteen: few enough that an offer for a group says something on a shelf label and that each is bought often enough to be
learned (a tree a group and round is also what every export carries), many enough that a guess is worth little. Alcohol and
tobacco, which must not be advertised to everybody, and fuel, coupons and gift goods are in no group: they are never offered.
"""

from __future__ import annotations

from typing import Final

GROUPS: Final = (
    "fruit", "vegetables", "dairy", "bakery", "breakfast", "pantry", "meat",
    "deli", "frozen", "snacks", "drinks", "household", "care", "pets",
)  # fmt: skip
COUNT: Final = len(GROUPS)
NO_GROUP: Final = 63  # the code of a line that belongs to none of them
# What one more purchase of the group earns, in units of the store's currency: typical spend on it times a supermarket's margin on it.
MARGINS: Final = (0.9, 0.9, 0.7, 1.1, 0.8, 0.9, 1.3, 1.9, 1.0, 1.2, 0.9, 1.1, 1.8, 1.4)
ZONES: Final = (*GROUPS, "entrance", "checkout", "promotion")  # a group's zone is where it stands on the shelf
NO_ZONE: Final = 255  # the code of a sighting without a zone
UNSEEN_ZONE: Final = 254
_GROUP_CODES: Final = {name: code for code, name in enumerate(GROUPS)}
_ZONE_CODES: Final = {name: code for code, name in enumerate(ZONES)}


def group_code(name: str | None) -> int:
    """A group's index in ``GROUPS``; ``NO_GROUP`` for whatever is not there."""
    return NO_GROUP if name is None else _GROUP_CODES.get(name, NO_GROUP)


def zone_code(name: str | None) -> int:
    """A zone's index in ``ZONES``, or ``NO_ZONE``, or ``UNSEEN_ZONE``."""
    return NO_ZONE if name is None else _ZONE_CODES.get(name, UNSEEN_ZONE)
