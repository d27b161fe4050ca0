"""What a feature is: its name, type, categories and meaning. The only part of ``domain`` that ``exports`` sees."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from typing import Literal

MISSING = math.nan
UNSEEN = -1.0  # the code of a label that the schema does not list; LightGBM sends it where it sends "in no set"


@dataclass(frozen=True)
class Feature:
    """One input of a model.

    A categorical feature lists its labels; on the way to a scorer a label is its index in that list,
    a label outside it is ``UNSEEN`` and an absent one is ``MISSING``. ``coded``: nobody knows its labels, only the codes that they
    travel as (``categories`` are "0", "1", ...): what is given for it is a number, and the model's to judge, as LightGBM cuts 2.5 to 2.
    """

    name: str
    kind: Literal["numeric", "categorical"] = "numeric"
    categories: tuple[str, ...] = ()
    description: str = ""
    coded: bool = False

    def __post_init__(self) -> None:
        if (self.kind == "categorical") != bool(self.categories):
            raise ValueError(f"feature {self.name!r}: give categories if, and only if, it is categorical")
        if len(set(self.categories)) != len(self.categories):
            raise ValueError(f"feature {self.name!r}: a category is listed twice")
        if self.coded and (not self.categories or self.categories != tuple(map(str, range(len(self.categories))))):
            raise ValueError(f"feature {self.name!r}: coded, but its categories are not the codes from 0 on")

    @property
    def labelled(self) -> bool:
        """Is a cell of it a label, and no number?"""
        return bool(self.categories) and not self.coded

    def to_json(self) -> dict[str, object]:
        return {name: value for name, value in asdict(self).items() if name != "coded" or value}


@dataclass(frozen=True)
class FeatureSchema:
    """The ordered inputs of a model. Two schemas with the same ``digest`` take the same rows."""

    features: tuple[Feature, ...]

    def __post_init__(self) -> None:
        if len(set(self.names)) != len(self.names):
            raise ValueError("a feature name is listed twice")

    def __len__(self) -> int:
        return len(self.features)

    @cached_property
    def names(self) -> tuple[str, ...]:
        return tuple(f.name for f in self.features)

    @cached_property
    def categorical_indices(self) -> tuple[int, ...]:
        return tuple(i for i, f in enumerate(self.features) if f.kind == "categorical")

    @cached_property
    def digest(self) -> str:
        """SHA-256 over names, kinds, categories and what is coded, in order (descriptions do not count)."""
        essence = [[f.name, f.kind, list(f.categories), *(["coded"] if f.coded else [])] for f in self.features]
        return hashlib.sha256(json.dumps(essence, ensure_ascii=True).encode()).hexdigest()

    def code(self, name: str, label: str | None) -> float:
        """The code that a label of the categorical feature ``name`` travels as."""
        return MISSING if label is None else self._codes[name].get(label, UNSEEN)

    @cached_property
    def _codes(self) -> Mapping[str, Mapping[str, float]]:
        return {f.name: {c: float(i) for i, c in enumerate(f.categories)} for f in self.features if f.categories}

    def row(self, values: Mapping[str, float | str | None]) -> list[float]:
        """Raw values by name, in the schema's order, labels turned into codes.

        Raises ``KeyError`` for a name that the schema does not have; a name left out is missing.
        """
        unknown = set(values) - set(self.names)
        if unknown:
            raise KeyError(f"the schema has no feature {sorted(unknown)}")
        return [self._value(f, values.get(f.name)) for f in self.features]

    def _value(self, feature: Feature, value: float | str | None) -> float:
        if isinstance(value, str):
            return self.code(feature.name, value)
        return MISSING if value is None else float(value)

    def as_coded(self) -> FeatureSchema:
        """The same, of a model whose file has no labels."""
        return FeatureSchema(tuple(replace(f, coded=bool(f.categories)) for f in self.features))

    def to_json(self) -> list[dict[str, object]]:
        return [f.to_json() for f in self.features]

    @classmethod
    def from_json(cls, items: Sequence[Mapping[str, object]]) -> FeatureSchema:
        return cls(tuple(_feature(item) for item in items))


def _feature(item: Mapping[str, object]) -> Feature:
    categories = item.get("categories", ())
    kind = item.get("kind", "numeric")
    if not isinstance(categories, list | tuple) or kind not in ("numeric", "categorical"):
        raise ValueError(f"feature {item.get('name')!r}: kind or categories are not what a schema holds")
    return Feature(
        name=str(item["name"]),
        kind="categorical" if kind == "categorical" else "numeric",
        categories=tuple(str(c) for c in categories),
        description=str(item.get("description", "")),
        coded=item.get("coded", False) is True,
    )
