"""From the manifest of a table's bundle to a ``Domain``: what a stream, the database and the dashboard take a table of anybody's by.

Light: it imports nothing that learns or scores. The command line makes these values before it knows what it will do.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NoReturn

from domain.contract import Domain
from domain.schema import FeatureSchema
from domain.table import ledger, policy, rows
from domain.terms import Term
from models import manifest
from models.errors import BundleError, DataError

if TYPE_CHECKING:
    from domain.learning import Learning
    from models.table import Objective

NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")  # of a table: its topics begin with it
_SUMS: Final[Mapping[Objective, tuple[str, ...]]] = {
    "binary": ledger.BINARY,
    "multiclass": ledger.MULTICLASS,
    "regression": ledger.REGRESSION,
}


@dataclass(frozen=True)
class Facts:
    """What a table's manifest says beside what every manifest does. ``classes`` are empty where the label is a quantity."""

    name: str
    objective: Objective
    schema: FeatureSchema
    label: str
    classes: tuple[str, ...]
    threshold: float
    dropped: tuple[str, ...]  # columns of the CSV file that the model does not look at
    params: Mapping[str, Any]


def clash(name: str, taken: Iterable[str]) -> str | None:
    """The one of the ``taken`` names whose topics Kafka cannot tell from those of ``name``: to it a dot and an underscore are alike."""
    return next((other for other in taken if other.replace(".", "_") == name.replace(".", "_")), None)


def reserved(names: tuple[str, ...]) -> list[str]:
    """The columns that cannot travel on a stream under their names."""
    return [name for name in names if name in rows.RESERVED]


def founded(folder: Path) -> Facts | None:
    """The facts of the newest bundle below ``folder`` that a table gave (a retrained one takes over what that says); None without one.

    Raises ``BundleError`` where it is not whole, or not of a table that can be streamed.
    """
    versions = manifest.bundles(folder)
    for version in reversed(versions):
        if "classes" in manifest.read(version)["data"]:
            return facts(folder.name, manifest.whole(version))
    if versions:
        raise BundleError(f"{folder}: no version there comes from a table; train it with `polyscore train --csv FILE --label COLUMN`")
    return None


def facts(name: str, stated: Mapping[str, Any]) -> Facts:
    """The facts of a whole manifest. Raises ``BundleError`` naming what is wrong."""
    if not NAME.fullmatch(name):
        raise BundleError(f"{name!r} is no name that topics can begin with: letters, digits, dots, dashes and underscores, at most 64")
    if stated["domain"] != name:
        raise BundleError(f"the bundle in the folder {name!r} is a model of {stated['domain']!r}; copy it to the folder of that name")
    schema, data = FeatureSchema.from_json(stated["schema"]), stated["data"]
    if unfit := reserved(schema.names):
        raise BundleError(
            f"its column {unfit[0]!r} has the name of what a row on a stream says of itself; rename the column or leave it out with "
            "--drop, and train again"
        )
    try:
        classes, threshold = tuple(map(str, data["classes"])), float(data.get("threshold", 0.5))
        objective: Objective = next(o for o in _SUMS if o == stated["objective"])
        label, dropped, params = str(data["label"]), tuple(map(str, data.get("dropped", ()))), dict(stated["params"])
    except (KeyError, TypeError, ValueError, StopIteration) as error:
        raise BundleError(f"its manifest cannot be read as a table's ({error!r}); train again") from None
    if not 0 <= threshold <= 1 or (len(classes) != 2) == (objective == "binary") or (not classes) != (objective == "regression"):
        raise BundleError(f"its manifest says {objective} with {len(classes)} classes and a threshold of {threshold}; train again")
    return Facts(name, objective, schema, label, classes, threshold, dropped, params)


def domain_of(found: Facts) -> Domain:
    """The domain. Its policy flags by the threshold of the manifest; its learning is that of ``models/table_learning.py``."""
    value_of = rows.value_reader(found.label, found.classes)
    decides = policy.RowPolicy(found.label, found.classes, found.threshold)
    categorical = frozenset(f.name for f in found.schema.features if f.labelled)
    return Domain(
        name=found.name,
        title=found.name,
        events_name="rows",
        schema=found.schema,
        objective=found.objective,
        deadline_ms=100.0,
        parse_event=rows.row_parser(found.schema),
        parse_label=rows.label_parser(found.label, found.classes),
        features=rows.features_of(found.schema),
        policy=decides,
        phrase=policy.phrase_of(categorical),
        simulate=partial(_nothing_simulates, found.name),
        sizes={},
        targets=rows.targets_of(value_of),
        learning=partial(_learning, found),
        ledger=partial(ledger.RowLedger, decides, value_of),
        worth=_SUMS[found.objective],
        key_name="key",
        actions=policy.BINARY if found.objective == "binary" else policy.OTHERWISE,
        shown=_shown(found, decides),
        demo_rate=20.0,
        demo_history_days=1,
        terms=_terms(found),
        policy_by=lambda terms: replace(decides, threshold=terms.get("threshold", found.threshold)),
    )


def _terms(found: Facts) -> tuple[Term, ...]:
    """Only of two classes one is flagged."""
    if found.objective != "binary":
        return ()
    meaning = f"The probability of {found.label} = {found.classes[1]} from which a row is flagged."
    return (Term("threshold", found.threshold, 0.0, 1.0, 0.01, "probability", meaning),)


def _shown(found: Facts, decides: policy.RowPolicy) -> tuple[str, ...]:
    """What is answered, where it is a class of many, and the first columns."""
    return (*((decides.noted,) if found.objective == "multiclass" else ()), *found.schema.names[:3])


def _learning(found: Facts) -> Learning:
    from models.table_learning import learning_of  # noqa: PLC0415  # scikit-learn takes a second: a scorer does without

    return learning_of(found)


def _nothing_simulates(name: str, seed: int, start: datetime, **_: Any) -> NoReturn:
    rows_in, train = f"`polyscore replay {name} --data FILE`", "`polyscore train --csv FILE --label COLUMN`"
    raise DataError(f"{name} is a table of your own, which nothing simulates: send rows with {rows_in}, train it with {train}")
