"""A decision gone over again, from what travels with it: the score by every format, and the reasons. No Kafka, no database."""

from __future__ import annotations

import math
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from domain.contract import Domain
from exports.errors import ExportError
from exports.formats import FORMATS
from models.bundle import Bundle
from models.decide import FALLBACK, Model, explain
from models.errors import BundleError

FEATURES: Final = 5  # with the largest part in a score, that people look at first


@dataclass(frozen=True)
class Answer:
    """What one format says to the decision's row now. ``equal``: its raw scores are the decision's in every bit.

    ``refused``: why it says nothing (no compiler, a server that is away, an artifact that was changed).
    """

    format: str
    sha256: str
    raw: tuple[float, ...] = ()
    values: tuple[float, ...] = ()
    equal: bool = False
    refused: str = ""


@dataclass(frozen=True)
class Part:
    """A feature, its value (None: missing; a label where it has labels) and what it added to the raw score."""

    feature: str
    value: float | str | None
    push: float


@dataclass(frozen=True)
class Explanation:
    """What every format answers, the parts of the score, largest first, and the reasons in words.

    ``output`` is the raw score's place among the outputs that parts and reasons speak of: the class of an offer.
    """

    answers: tuple[Answer, ...]
    parts: tuple[Part, ...]
    reasons: tuple[str, ...]
    output: int

    @property
    def agreed(self) -> bool:
        """Some format answered, and every one that did gave the decision's own raw scores in every bit."""
        given = [a.equal for a in self.answers if not a.refused]
        return bool(given) and all(given)


def go_over(domain: Domain, bundle: Bundle, decision: Any, formats: Sequence[str] = tuple(FORMATS)) -> Explanation:
    """Score the decision's features by every format of the bundle that made it, and explain them.

    ``decision`` has the fields of ``domain.decision.Decision``, as the class or as a database's row. Raises ``BundleError`` where the
    bundle is another version's, or no model had a part in the decision.
    """
    if decision.format == FALLBACK:
        raise BundleError(f"no model had a part in {decision.decision_id}: its server was away, and the average decided")
    if decision.model_version != bundle.version:
        raise BundleError(f"{decision.decision_id} was made by {decision.model_version}, not by {bundle.version}")
    row = [math.nan if value is None else float(value) for value in decision.features]
    answers = tuple(_answer(bundle, name, row, decision.raw) for name in formats)
    model = Model(bundle.version, "native", bundle.scorer("native"), bundle.contributions, bundle.average)
    output = _output(model, row, decision.score)
    return Explanation(answers, _parts(domain, model, row, output), tuple(explain(domain, model, row, output)), output)


def _answer(bundle: Bundle, name: str, row: list[float], raw: Sequence[float]) -> Answer:
    digest = str(bundle.manifest["files"].get(FORMATS[name].file_name, {}).get("sha256", ""))
    try:
        scores = bundle.scorer(name).score(row)
    except (ExportError, BundleError) as error:
        return Answer(name, digest, refused=str(error))
    return Answer(name, digest, tuple(scores.raw), tuple(scores.values), _bits(scores.raw) == _bits(raw))


def _bits(values: Sequence[float]) -> bytes:
    """Equal for values that are equal in every bit."""
    return struct.pack(f"<{len(values)}d", *values)


def _output(model: Model, row: list[float], score: float) -> int:
    """The output that was judged: the one whose value is the decision's score, of those that the contributions speak of."""
    outputs = len(model.contributions(row))
    values = model.scorer.score(row).values[:outputs]
    return min(range(len(values)), key=lambda k: abs(values[k] - score))


def _parts(domain: Domain, model: Model, row: list[float], output: int) -> tuple[Part, ...]:
    pushes = model.contributions(row)[output]
    order = sorted(range(len(row)), key=lambda i: -abs(pushes[i]))
    return tuple(Part(domain.schema.features[i].name, _shown(domain, i, row[i]), float(pushes[i])) for i in order[:FEATURES])


def _shown(domain: Domain, index: int, value: float) -> float | str | None:
    if math.isnan(value):
        return None
    feature = domain.schema.features[index]
    return feature.categories[int(value)] if feature.kind == "categorical" and 0 <= value < len(feature.categories) else value


def to_json(found: Explanation) -> Mapping[str, Any]:
    """Plain JSON values."""
    return {
        "agreed": found.agreed,
        "formats": [vars(a) for a in found.answers],
        "parts": [vars(p) for p in found.parts],
        "reasons": list(found.reasons),
    }
