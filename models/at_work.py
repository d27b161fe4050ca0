"""Which model decides an event: the champion or, for a stated share of the keys, the challenger. Pure: no Kafka, no files."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import blake2b

from domain.contract import Domain
from models.decide import Model


@dataclass(frozen=True)
class AtWork:
    """The models that decide at one moment, and by which terms; never changed, only replaced as a whole.

    A challenger without a ``share`` decides nothing.
    """

    champion: Model
    challenger: Model | None = None
    share: float = 0.0  # of the keys, from 0 to 1
    domain: Domain | None = None  # with the terms that they are judged by; None: its own

    def of(self, key: bytes) -> Model:
        """The model that decides the events of this key."""
        if self.share and self.challenger and position(key) < self.share:
            return self.challenger
        return self.champion


def position(key: bytes) -> float:
    """Where a key stands between 0 and 1, as BLAKE2b has it: on every machine and in every process the same.

    A larger share keeps the keys of a smaller one.

    >>> position(b"c1") < 0.7, position(b"c2") < 0.7
    (True, False)
    """
    return int.from_bytes(blake2b(key, digest_size=6).digest()) / 2**48
