"""The hidden life of simulated machines: two ways to wear out, the load that drives them, and what sensors show of it.

Made for this project, after the pattern of NASA's C-MAPSS (Saxena et al., "Damage Propagation Modeling for Aircraft Engine Run-to-Failure
Simulation", PHM 2008): wear grows with load, faster the more there is, from a start and at a rate that differ from part to part.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from domain.maintenance.events import SENSORS

Array = NDArray[np.float64]
REGIMES: Final = np.array([[10.0, 0.25, 100.0], [25.0, 0.62, 60.0], [42.0, 0.84, 100.0]])  # settings
STRAIN: Final = np.array([0.7, 1.0, 1.3])  # how fast each wears a part out
SETTING_NOISE: Final = np.array([0.3, 0.005, 0.0])
LIVES: Final = (190.0, 230.0)  # cycles until a part fails, by mode, at mean load and rate; the earlier one ends it
SPREAD: Final = 0.25  # of the rates between parts, as the standard deviation of their logarithm
UNEVEN: Final = 0.35  # of the wear of single cycles
FASTER: Final = 1.5  # how much faster a part wears at its end than when new
USED: Final = 120  # cycles that a machine may have run before it is first heard of
DRIFT: Final = 0.02  # of a sensor between two cycles, in units of its noise

_FOULING = {2: 5.0, 3: 4.0, 4: 6.0, 7: -5.0, 8: 3.0, 11: 6.0, 12: -4.0, 17: 2.5, 21: -3.0}  # sensor: its change until failure, in noise
_BEARING = {4: 3.0, 8: 5.0, 9: 6.0, 13: 5.0, 14: 4.0, 15: 4.0, 17: 3.0, 20: -3.5}
_SHAKEN = {9: 1.5, 14: 1.0}  # sensors whose noise grows with a worn bearing, by this share until failure
_CONSTANT = (1, 5, 10, 16, 18, 19)
_LOADED = {2: 40.0, 3: 60.0, 4: 80.0, 7: -50.0, 8: 30.0, 9: 50.0, 11: 20.0, 12: -30.0, 13: 15.0, 14: 25.0, 15: -20.0, 17: 12.0}


def _by_sensor(found: dict[int, float]) -> Array:
    return np.array([found.get(i, 0.0) for i in range(1, SENSORS + 1)])


CHANGES: Final = np.stack([_by_sensor(_FOULING), _by_sensor(_BEARING)])  # (modes, sensors)
SHAKEN: Final = _by_sensor(_SHAKEN)
LOADED: Final = _by_sensor(_LOADED)
BASE: Final = 20.0 * np.arange(1, SENSORS + 1) ** 1.5  # levels at no load
NOISE: Final = np.where(np.isin(np.arange(1, SENSORS + 1), _CONSTANT), 0.0, 0.002 * BASE)  # standard deviations


@dataclass
class Fleet:
    """Machines of a seed, moved on one cycle at a time. Arrays hold one line a machine.

    ``damage`` (machines, 2) is 0 for a new part and 1 where that mode fails; ``rate`` what it grows by, a cycle.
    """

    offset: Array  # (machines, sensors): no two machines read alike
    drift: Array
    damage: Array
    rate: Array
    regime: NDArray[np.int64]
    sign: Array  # (machines, 1): -1 for parts of another make, whose wear the sensors show the other way round
    make: float = 1.0  # of the parts that are fitted now

    @classmethod
    def of(cls, machines: int, rng: np.random.Generator) -> Fleet:
        """New parts in all machines."""
        fleet = cls(
            offset=rng.normal(0.0, 2.0, (machines, SENSORS)) * NOISE,
            drift=np.zeros((machines, SENSORS)),
            damage=np.zeros((machines, 2)),
            rate=np.zeros((machines, 2)),
            regime=rng.integers(0, len(REGIMES), machines),
            sign=np.ones((machines, 1)),
        )
        fleet.renew(np.arange(machines), rng)
        return fleet

    def renew(self, machines: NDArray[np.int64], rng: np.random.Generator) -> None:
        """A new part, with a little wear from its making."""
        self.damage[machines] = rng.uniform(0.0, 0.05, (len(machines), 2))
        mean = np.log1p(FASTER) / FASTER / np.array(LIVES)  # so that the wear reaches 1 after that many cycles
        self.sign[machines] = self.make
        self.rate[machines] = mean * rng.lognormal(0.0, SPREAD, (len(machines), 2))

    def age(self, cycles: NDArray[np.int64]) -> None:
        """The wear after these many cycles at mean load, (machines,); none is let fail by it."""
        grown = np.expm1(FASTER * self.rate * cycles[:, None]) / FASTER
        self.damage = np.minimum(self.damage + grown, 0.75)

    def step(self, rng: np.random.Generator) -> None:
        """One cycle: a load that mostly stays what it was, and the wear that it brings."""
        machines = len(self.regime)
        changes = rng.random(machines) < 0.2
        self.regime = np.where(changes, rng.integers(0, len(REGIMES), machines), self.regime)
        uneven = rng.lognormal(-(UNEVEN**2) / 2, UNEVEN, self.damage.shape)
        self.damage += self.rate * STRAIN[self.regime][:, None] * uneven * (1 + FASTER * self.damage)
        self.drift += rng.normal(0.0, DRIFT, self.drift.shape) * NOISE

    def left(self) -> Array:
        """(machines,) cycles until the first mode fails, at mean load."""
        grown = np.log((1 + FASTER) / (1 + FASTER * np.minimum(self.damage, 1.0)))
        return np.asarray((grown / FASTER / self.rate).min(axis=1))

    def readings(self, rng: np.random.Generator) -> tuple[Array, Array]:
        """Settings (machines, 3) and sensors (machines, 21) of the present cycle."""
        settings = REGIMES[self.regime] + rng.normal(0.0, 1.0, (len(self.regime), 3)) * SETTING_NOISE
        shown = np.minimum(self.damage, 1.2) ** 1.8  # sensors show wear late
        worn = self.sign * (shown @ CHANGES) * NOISE
        shaken = NOISE * (1 + shown[:, 1:] * SHAKEN)
        noise = rng.normal(0.0, 1.0, worn.shape) * shaken
        load = STRAIN[self.regime][:, None] * LOADED * NOISE
        return settings, BASE + load + self.offset + self.drift + worn + noise
