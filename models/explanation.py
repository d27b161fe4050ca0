"""A decision gone over again, from what travels with it: the score by every format, and the reasons. No Kafka, no database."""

from __future__ import annotations

import math
import struct
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any, Final

from domain.contract import Domain
from exports.errors import ExportError
from exports.formats import FORMATS
from models.bundle import Bundle
from models.decide import FALLBACK, Model, explain
from models.errors import BundleError

TRIES: Final = 15  # of one row, for the time that it takes
FEATURES: Final = 5  # with the largest part in a score, that people look at first


@dataclass(frozen=True)
class Answer:
    """What one format says to the decision's row now. ``equal``: its raw scores are the decision's in every bit.

    ``refused``: why it says nothing (no compiler, a server that is away, an artifact that was changed). ``row_us``: what one row took,
    in microseconds, the median of some tries once the first had loaded and compiled what there is.
    """

    format: str
    sha256: str
    raw: tuple[float, ...] = ()
    values: tuple[float, ...] = ()
    equal: bool = False
    refused: str = ""
    row_us: float = 0.0


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
    row = _row(bundle, decision)
    answers = tuple(_answer(bundle, name, row, decision.raw) for name in formats)
    model = _native(bundle, row)
    output = _output(model, row, decision.score)
    return Explanation(answers, _parts(domain, model.contributions(row)[output], row), tuple(explain(domain, model, row, output)), output)


def pushes(domain: Domain, bundle: Bundle, decision: Any) -> tuple[Part, ...]:
    """The parts of the decision's score alone, largest first. Raises ``BundleError`` as ``go_over``.

    Of one output nothing is scored: loading the compiled kernel takes ten times as long as all the rest the first time.
    """
    row = _row(bundle, decision)
    found = bundle.contributions(row)
    return _parts(domain, found[0] if len(found) == 1 else found[_output(_native(bundle, row), row, decision.score)], row)


def _row(bundle: Bundle, decision: Any) -> list[float]:
    """The decision's features. Raises ``BundleError`` where this bundle did not decide by them."""
    if decision.format == FALLBACK:
        raise BundleError(f"no model had a part in {decision.decision_id}: its server was away, and the average decided")
    if decision.model_version != bundle.version:
        raise BundleError(f"{decision.decision_id} was made by {decision.model_version}, not by {bundle.version}")
    return [math.nan if value is None else float(value) for value in decision.features]


def _native(bundle: Bundle, row: list[float]) -> Model:
    """The bundle's model, with what pushes this one row computed once."""
    found = bundle.contributions(row)
    return Model(bundle.version, "native", bundle.scorer("native"), lambda _: found, bundle.average)


def _answer(bundle: Bundle, name: str, row: list[float], raw: Sequence[float]) -> Answer:
    digest = str(bundle.manifest["files"].get(FORMATS[name].file_name, {}).get("sha256", ""))
    try:
        scorer = bundle.scorer(name)
        scores = scorer.score(row)
        row_us = _timed(lambda: scorer.score(row))
    except (ExportError, BundleError) as error:
        return Answer(name, digest, refused=str(error))
    return Answer(name, digest, tuple(scores.raw), tuple(scores.values), _bits(scores.raw) == _bits(raw), row_us=row_us)


def _timed(score: Callable[[], object]) -> float:
    """Microseconds, the median of ``TRIES``."""
    found = []
    for _ in range(TRIES):
        began = time.perf_counter_ns()
        score()
        found.append((time.perf_counter_ns() - began) / 1e3)
    return median(found)


def _bits(values: Sequence[float]) -> bytes:
    """Equal for values that are equal in every bit."""
    return struct.pack(f"<{len(values)}d", *values)


def _output(model: Model, row: list[float], score: float) -> int:
    """The output that was judged: the one whose value is the decision's score, of those that the contributions speak of."""
    outputs = len(model.contributions(row))
    values = model.scorer.score(row).values[:outputs]
    return min(range(len(values)), key=lambda k: abs(values[k] - score))


def _parts(domain: Domain, pushes: Sequence[float], row: list[float]) -> tuple[Part, ...]:
    order = sorted(range(len(row)), key=lambda i: -abs(pushes[i]))
    return tuple(Part(domain.schema.features[i].name, _shown(domain, i, row[i]), float(pushes[i])) for i in order[:FEATURES])


def _shown(domain: Domain, index: int, value: float) -> float | str | None:
    if math.isnan(value):
        return None
    feature = domain.schema.features[index]
    return feature.categories[int(value)] if feature.labelled and 0 <= value < len(feature.categories) else value


def to_json(found: Explanation) -> Mapping[str, Any]:
    """Plain JSON values."""
    return {
        "agreed": found.agreed,
        "formats": [vars(a) for a in found.answers],
        "parts": [vars(p) for p in found.parts],
        "reasons": list(found.reasons),
    }
