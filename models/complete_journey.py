"""Reads *The Complete Journey* (dunnhumby): each visit of a household as a sighting, its basket lines, a checkout, and a late label.

The recording knows the checkout only. A sighting is put ``ENTERED`` seconds before it, when nothing is in the basket, with nothing but
the store. ``underway``: the groups go into the basket one by one, in an order that nobody recorded and that is drawn by lot, with a
sighting after each. Baskets that follow each other within ``SILENCE`` seconds are one visit. Products may be grouped otherwise than by
the domain's groups; such a recording has no labels, which tell of the domain's.
"""

from __future__ import annotations

import csv
import heapq
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray
from pydantic import ValidationError

from domain.contract import Emission
from domain.cross_sell.events import Bought, Checkout, Label, Ping, Profile, Purchase
from domain.cross_sell.groups import codes
from domain.cross_sell.kernels import SILENCE
from domain.cross_sell.ranking import Mask
from domain.history import identity
from models.complete_journey_groups import OURS, Grouping
from models.errors import DataError

ENTERED: Final = 600  # seconds before the checkout
STEP: Final = 30  # seconds from one group to the next, where they go into the basket one by one, from the beginning: no time tells the rest
LABEL_DELAY: Final = 7 * 86_400
WEEK: Final = 7 * 86_400
TRANSACTIONS, PRODUCTS, DEMOGRAPHICS = "transactions.parquet", "products.parquet", "demographics.csv"
_LINES: Final = ["household_id", "store_id", "basket_id", "product_id", "sales_value", "transaction_timestamp"]
_PRODUCT: Final = ["product_id", "department", "product_category"]
_PERSON: Final = ["household_id", "age", "household_comp"]
_NO_GROUP: Final = -1
_SEGMENTS: Final = {"1 Adult No Kids": "single", "2 Adults No Kids": "couple", "1 Adult Kids": "family", "2 Adults Kids": "family"}


@dataclass(frozen=True)
class _Recording:
    """All lines, sorted by household, then time; arrays (n,) or, a visit each, (v,). ``second`` since 1970.

    ``first`` (v + 1,) is the line with which each visit begins; ``paid`` and ``left`` are its first and its last second at the checkout.
    """

    household: NDArray[np.int64]
    store: NDArray[np.int64]
    second: NDArray[np.int64]
    amount: NDArray[np.float64]
    group: NDArray[np.int64]
    first: NDArray[np.int64]
    names: tuple[str, ...]  # of the groups

    @property
    def visits(self) -> int:
        return len(self.first) - 1

    @cached_property
    def paid(self) -> NDArray[np.int64]:
        return self.second[self.first[:-1]]

    @cached_property
    def left(self) -> NDArray[np.int64]:
        return self.second[self.first[1:] - 1]

    @cached_property
    def visit(self) -> NDArray[np.int64]:
        """(n,) the visit of each line."""
        return np.repeat(np.arange(self.visits), np.diff(self.first))

    def turn(self) -> NDArray[np.int64]:
        """(n,) as the how-manyeth group of its visit each line goes into the basket, from 1; 0: at the checkout, as the last one does."""
        turns = np.zeros(len(self.second), dtype=np.int64)
        for number in range(self.visits):
            lines = slice(self.first[number], self.first[number + 1])
            groups = sorted(set(self.group[lines].tolist()) - {_NO_GROUP}, key=lambda g: _lot(number, g))
            for turn, group in enumerate(groups[:-1], 1):
                turns[lines][self.group[lines] == group] = turn
        return turns


class Visits(NamedTuple):
    """Of each visit: whose it was (v,), in which week of the recording (v,), and which groups it brought (v, groups)."""

    household: NDArray[np.str_]
    week: NDArray[np.int64]
    brought: Mask


def emissions(paths: list[Path], *, underway: bool = False, grouping: Grouping = OURS) -> Iterator[Emission]:
    """Profiles, events and labels in order of time, from a folder or from its three files.

    Raises ``DataError`` where a file is not there, is of another form, or lacks a column.
    """
    files = _files(paths)
    of = _read(files, grouping)
    begin = _moment(int(of.second.min()) - ENTERED)
    turn = of.turn() if underway else np.zeros(len(of.second), dtype=np.int64)
    streams = [
        _profiles(files.get(DEMOGRAPHICS), begin),
        _lines(of, turn),
        _checkouts(of),
        _entered(of),
        _labels(of) if grouping is OURS else iter(()),
        _underway(of, turn),
    ]
    return heapq.merge(*streams, key=lambda e: e.at)


def count(paths: list[Path]) -> int:
    """How many events of visits the recording holds: sightings, basket lines, checkouts."""
    of = _read(_files(paths), OURS)
    return len(of.second) + 2 * of.visits


def visits(paths: list[Path], grouping: Grouping) -> Visits:
    """All visits, sorted by household, then time. Raises ``DataError`` as ``emissions`` does."""
    of = _read(_files(paths), grouping)
    brought, within = np.zeros((of.visits, len(grouping.names)), dtype=np.bool_), of.group != _NO_GROUP
    brought[of.visit[within], of.group[within]] = True
    return Visits(of.household[of.first[:-1]].astype(np.str_), (of.paid - of.paid.min()) // WEEK, brought)


def products(paths: list[Path]) -> list[tuple[str | None, str | None]]:
    """Department and category of every product."""
    table = _table(_files(paths)[PRODUCTS], _PRODUCT)
    return list(zip(table["department"].to_pylist(), table["product_category"].to_pylist(), strict=True))


def _files(paths: list[Path]) -> dict[str, Path]:
    """The recording's files by name. The demographics may be absent: two thirds of the households have none anyway."""
    found = {
        file.name: file
        for path in paths
        for file in ([path / n for n in (TRANSACTIONS, PRODUCTS, DEMOGRAPHICS)] if path.is_dir() else [path])
    }
    for path in paths:
        if not path.exists():
            raise DataError(f"{path}: no such file or folder")
    named = {name: file for name, file in found.items() if file.exists()}
    strange = sorted(set(named) - {TRANSACTIONS, PRODUCTS, DEMOGRAPHICS})
    missing = sorted({TRANSACTIONS, PRODUCTS} - set(named))
    if strange or missing:
        what = (
            f"{named[strange[0]]} is none of its files" if strange else f"{' and '.join(missing)} not found in {', '.join(map(str, paths))}"
        )
        raise DataError(f"The Complete Journey is a folder with {TRANSACTIONS}, {PRODUCTS} and {DEMOGRAPHICS}, or these files: {what}")
    return named


def _read(files: dict[str, Path], grouping: Grouping) -> _Recording:
    table, file = _table(files[TRANSACTIONS], _LINES), files[TRANSACTIONS]
    if table.num_rows == 0:
        raise DataError(f"{file}: no transactions")
    try:
        household, store, product = (table[name].to_numpy().astype(np.int64) for name in ("household_id", "store_id", "product_id"))
        second = table["transaction_timestamp"].cast(pa.timestamp("us")).to_numpy().astype("datetime64[s]").astype(np.int64)
        amount = table["sales_value"].to_numpy().astype(np.float64)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, ValueError, TypeError) as error:
        raise DataError(f"{file}: a column of another type than the recording's ({str(error).splitlines()[0]})") from None
    if not (np.isfinite(amount) & (amount >= 0)).all():
        row = int(np.flatnonzero(~(np.isfinite(amount) & (amount >= 0)))[0])
        raise DataError(f"{file}, row {row + 1}: sales_value {amount[row]} is no amount; mend the file or leave the row out")
    order = np.lexsort((product, second, household))
    household, second = household[order], second[order]
    begins = (np.diff(household, prepend=-1) != 0) | (np.diff(second, prepend=0) > SILENCE)
    first = np.append(np.flatnonzero(begins), len(second))
    group = _groups(files[PRODUCTS], product[order], grouping)
    return _Recording(household, store[order], second, amount[order], group, first, grouping.names)


def _groups(file: Path, product: NDArray[np.int64], grouping: Grouping) -> NDArray[np.int64]:
    """(n,) the group code of each line; a product that the file does not list is in no group."""
    table = _table(file, _PRODUCT)
    try:
        numbers = table[_PRODUCT[0]].cast(pa.int64()).to_pylist()
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise DataError(f"{file}: {_PRODUCT[0]} holds what is no number ({str(error).splitlines()[0]})") from None
    of, among = (table[name].to_pylist() for name in _PRODUCT[1:]), codes(grouping.names)
    code = {
        n: among.get(grouping.group_of(department, category) or "", _NO_GROUP) for n, department, category in zip(numbers, *of, strict=True)
    }
    listed = [code.get(number) for number in product.tolist()]
    if all(found is None for found in listed):
        raise DataError(f"{file}: lists none of the products that were bought; give the products of the same recording")
    return np.array([_NO_GROUP if found is None else found for found in listed], dtype=np.int64)


def _table(file: Path, columns: list[str]) -> pa.Table:
    try:
        table = pq.read_table(file, columns=columns)
    except (pa.ArrowInvalid, OSError) as error:
        raise DataError(f"{file}: not a parquet file of The Complete Journey ({str(error).splitlines()[0]})") from None
    absent = [name for name in columns if name not in table.column_names]
    if absent:
        raise DataError(f"{file}: without {', '.join(absent)}; The Complete Journey has the columns {', '.join(columns)}")
    holes = [name for name in columns[:1] + [c for c in columns if c in _LINES] if table[name].null_count]
    if holes:
        raise DataError(f"{file}: {holes[0]} without a value in {table[holes[0]].null_count} rows")
    return table


def _profiles(file: Path | None, at: datetime) -> Iterator[Emission]:
    """The households that filled in who they are: of them a segment is known, and no tier."""
    if file is None:
        return
    try:
        with file.open(newline="", encoding="utf-8") as opened:
            rows = list(csv.DictReader(opened))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{file}: not a table of households ({error})") from None
    absent = [name for name in _PERSON if rows and name not in rows[0]]
    if absent:
        raise DataError(f"{file}: without {', '.join(absent)}")
    for row in rows:
        segment = "senior" if row["age"] == "65+" else _SEGMENTS.get(row["household_comp"])
        profile = _profile(file, row["household_id"], at, segment)
        yield Emission(at, "profiles", profile.key, profile)


def _profile(file: Path, household: str, at: datetime, segment: str | None) -> Profile:
    try:
        return Profile(shopper_id=household, event_time=at, segment=segment)
    except ValidationError as error:
        raise DataError(f"{file}: household_id {household!r}: {error.errors(include_url=False)[0]['msg']}") from None


def _entered(of: _Recording) -> Iterator[Emission]:
    for number in np.argsort(of.paid, kind="stable").tolist():
        ping = _ping(of, number)
        yield Emission(ping.event_time, "events", ping.key, ping)


def _ping(of: _Recording, number: int) -> Ping:
    return Ping(ping_id=f"v{number}", event_time=_moment(int(of.paid[number]) - ENTERED), **_who(of, of.first[number]))


def _underway(of: _Recording, turn: NDArray[np.int64]) -> Iterator[Emission]:
    """A sighting half a step after each group but the last."""
    seen = np.unique(np.stack([of.visit, turn])[:, turn > 0], axis=1)
    at = of.paid[seen[0]] - ENTERED + STEP * seen[1] + STEP // 2
    for i in np.argsort(at, kind="stable").tolist():
        number, place = seen[:, i].tolist()
        ping = Ping(ping_id=f"v{number}.{place}", event_time=_moment(int(at[i])), **_who(of, of.first[number]))
        yield Emission(ping.event_time, "events", ping.key, ping)


def _who(of: _Recording, line: int) -> dict[str, Any]:
    return {"shopper_id": str(of.household[line]), "store_id": str(of.store[line])}


def _lines(of: _Recording, turn: NDArray[np.int64]) -> Iterator[Emission]:
    """The lines of all visits in order of time."""
    at = np.where(turn > 0, of.paid[of.visit] - ENTERED + STEP * turn, of.second)
    for line in np.argsort(at, kind="stable").tolist():
        group = None if of.group[line] == _NO_GROUP else of.names[of.group[line]]
        moment, amount = _moment(int(at[line])), float(of.amount[line])
        bought = Purchase(purchase_id=f"l{line}", event_time=moment, group=group, amount=amount, **_who(of, line))
        yield Emission(bought.event_time, "events", bought.key, bought)


def _checkouts(of: _Recording) -> Iterator[Emission]:
    for number in np.argsort(of.left, kind="stable").tolist():
        done = Checkout(checkout_id=f"c{number}", event_time=_moment(int(of.left[number])), **_who(of, of.first[number]))
        yield Emission(done.event_time, "events", done.key, done)


def _labels(of: _Recording) -> Iterator[Emission]:
    """A week after each visit, of the sighting at its beginning: what was bought on it and since."""
    for number in np.argsort(of.left, kind="stable").tolist():
        ping, end = _ping(of, number), int(of.left[number])
        label = Label(
            ping_id=ping.ping_id,
            event_time=_moment(end + LABEL_DELAY),
            shopper_id=ping.shopper_id,
            ping_time=ping.event_time,
            visit_start=ping.event_time,
            visit_end=_moment(end),
            bought=tuple(Bought(at=_moment(second), group=of.names[group]) for group, second in _first_bought(of, number)),
        )
        yield Emission(label.event_time, "labels", label.key, label)


def _first_bought(of: _Recording, number: int) -> list[tuple[int, int]]:
    """Each group bought on a visit or in the week after it, and when first; those of one moment in an order drawn by lot."""
    first, household, until = dict[int, int](), of.household[of.first[number]], int(of.left[number]) + LABEL_DELAY
    for line in range(of.first[number], len(of.second)):
        if of.household[line] != household or of.second[line] > until:
            break
        if of.group[line] != _NO_GROUP:
            first.setdefault(int(of.group[line]), int(of.second[line]))
    return sorted(first.items(), key=lambda item: (item[1], _lot(number, item[0])))


def _lot(visit: int, group: int) -> int:
    """A number drawn by lot, the same at every reading."""
    return identity(f"{visit}:{group}")


def _moment(second: int) -> datetime:
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=second)
