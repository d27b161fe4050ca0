"""The features of a machine's cycle: one incremental definition, for the live stream and, by replay, for training.

Everything is as of the cycle's own place in the machine's life (``domain.maintenance.state``); nothing of other machines is in it.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from domain.contract import Computed, MalformedEvent
from domain.maintenance.events import SENSORS, SETTINGS, Ending, Replacement, Telemetry
from domain.maintenance.kernels import CONFLICT, LENGTH, NEW, REPEATED, SPANS
from domain.maintenance.state import decode, encode, place_of, take
from domain.schema import Feature, FeatureSchema

_SHORT, _MIDDLE, _LONG = SPANS

SCHEMA = FeatureSchema((
    Feature("age", description="cycles since the part was installed"),
    *(Feature(f"setting_{i}", description=f"operating setting {i} of this cycle") for i in range(1, SETTINGS + 1)),
    *(Feature(f"setting_{i}_mean", description=f"its weighted mean over {_MIDDLE} cycles") for i in range(1, SETTINGS + 1)),
    *(f for span in SPANS for f in (
        Feature(f"wear_{span}", description=f"root mean square of the sensors' differences to early life over {span} cycles, in noise"),
        Feature(f"wear_mean_{span}", description=f"mean of their sizes over {span} cycles, in noise"),
    )),
    *(f for i in range(1, SENSORS + 1) for f in (
        Feature(f"sensor_{i}_mean", description=f"sensor {i}, weighted mean over {_SHORT} cycles, as it would be at the present settings"),
        Feature(f"sensor_{i}_change", description="that mean less the sensor's in the machine's own early life"),
        Feature(f"sensor_{i}_slope_{_MIDDLE}", description=f"sensor {i}'s change a cycle over {_MIDDLE} cycles"),
        Feature(f"sensor_{i}_slope_{_LONG}", description=f"sensor {i}'s change a cycle over {_LONG} cycles"),
        Feature(f"sensor_{i}_spread_{_MIDDLE}", description=f"standard deviation of sensor {i}'s noise over {_MIDDLE} cycles"),
        Feature(f"sensor_{i}_spread_{_LONG}", description=f"standard deviation of sensor {i}'s noise over {_LONG} cycles"),
    )),
))  # fmt: skip
_REPLACED = np.full(SETTINGS + SENSORS, np.nan, dtype=np.float32)


class MaintenanceFeatures:
    """Computes a cycle's row from its machine's state."""

    schema = SCHEMA

    def __init__(self) -> None:
        """Compiles the kernels, or takes them from numba's cache on disk, so that the first cycle does not wait for it."""
        self._row = np.empty(LENGTH)
        take(decode(None), place_of(1, False), _REPLACED, self._row)

    def learn(self, label: Ending) -> None:
        """How other lives ended says nothing of this one."""

    def compute(self, event: Telemetry | Replacement, state: bytes | None) -> Computed:
        """The cycle's row (none for a replacement) and the machine's state with it.

        ``facts``: after which cycle the part was installed. Raises ``MalformedEvent`` where the state holds the same cycle
        with other readings.
        """
        place = place_of(event.cycle, isinstance(event, Replacement))
        reading = np.array(event.settings + event.sensors, dtype=np.float32) if isinstance(event, Telemetry) else _REPLACED
        after, status, installed = take(decode(state), place, reading, self._row)
        if status == CONFLICT:
            raise MalformedEvent(
                "conflicting-duplicate", f"cycle {event.cycle} of machine {event.machine_id}: seen before with other readings"
            )
        row: list[float] = self._row.tolist() if isinstance(event, Telemetry) else []
        facts: dict[str, Any] = {"installed": installed}
        if status == NEW:
            return Computed(row, encode(after), False, facts)
        return Computed(row, state or b"", status == REPEATED, facts)


def phrase(name: str, value: float, label: str | None = None) -> str:
    """A feature's value in words, as a maintenance planner would say it."""
    words = name.replace("_", " ")
    if math.isnan(value):
        return f"nothing known yet: {words}"
    sensor, _, rest = name.removeprefix("sensor_").partition("_")
    if name.startswith("sensor_"):
        kind, _, span = rest.partition("_")
        return f"sensor {sensor} {_SENSOR[kind].format(v=value, span=span)}"
    if name.startswith("wear"):
        return f"sensors are {value:.1f} times their noise away from the machine's early life ({words.split()[-1]} cycles)"
    return f"{value:.0f} cycles since the part was installed" if name == "age" else f"{words} is {value:g}"


_SENSOR = {
    "mean": "is at {v:g} in the mean",
    "change": "has moved by {v:+.4g} since the machine's early life",
    "slope": "moves by {v:+.3g} a cycle, over {span} cycles",
    "spread": "varies by {v:.3g}, over {span} cycles",
}
