"""The Complete Journey's files as visits, profiles and labels; what is none of them is named by its file."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from domain.cross_sell import CROSS_SELL
from domain.cross_sell.events import Checkout, Label, Ping, Profile, Purchase
from domain.cross_sell.features import SCHEMA
from domain.cross_sell.groups import GROUPS
from models import complete_journey
from models.complete_journey_groups import group_of
from models.dataset import replay
from models.errors import DataError

NOON = datetime(2017, 1, 2, 12, tzinfo=UTC)
# Household 7 pays at noon, again ten minutes later (one visit) and on the next day; household 9 between them.
LINES: dict[str, list[Any]] = {
    "household_id": [7, 7, 9, 7, 7, 7],
    "store_id": [1, 1, 2, 1, 1, 1],
    "basket_id": [100, 100, 300, 101, 200, 200],
    "product_id": [11, 12, 13, 14, 13, 15],
    "sales_value": [2.5, 0.0, 9.99, 3.0, 4.0, 30.0],
    "transaction_timestamp": [NOON, NOON, NOON + timedelta(hours=1), NOON + timedelta(minutes=10), *[NOON + timedelta(days=1)] * 2],
}
PRODUCTS: dict[str, list[Any]] = {
    "product_id": [11, 12, 13, 14, 15],
    "department": ["GROCERY", "PRODUCE", "MEAT", "DRUG GM", "FUEL"],
    "product_category": ["FLUID MILK PRODUCTS", "BERRIES", "BEEF", "HAIR CARE PRODUCTS", "FUEL"],
}
PEOPLE = "household_id,age,household_comp\n7,35-44,2 Adults Kids\n9,65+,1 Adult No Kids\n"


def folder(
    at: Path, lines: dict[str, list[Any]] | None = None, products: dict[str, list[Any]] | None = None, people: str | None = PEOPLE
) -> Path:
    found = {**LINES, **(lines or {})}
    if all(isinstance(moment, datetime) for moment in found["transaction_timestamp"]):
        stamps = [None if m is None else m.replace(tzinfo=None) for m in found["transaction_timestamp"]]
        table = pa.table({**found, "transaction_timestamp": pa.array(stamps, pa.timestamp("ms"))})
    else:
        table = pa.table(found)
    pq.write_table(table, at / "transactions.parquet")
    pq.write_table(pa.table({**PRODUCTS, **(products or {})}), at / "products.parquet")
    if people is not None:
        (at / "demographics.csv").write_text(people)
    return at


def of(path: Path, kind: type, **how: bool) -> list[Any]:
    return [e.value for e in complete_journey.emissions([path], **how) if isinstance(e.value, kind)]


def test_a_basket_is_a_visit_with_a_sighting_lines_a_checkout_and_a_late_label(tmp_path: Path) -> None:
    found = [e for e in complete_journey.emissions([folder(tmp_path)]) if e.key == "9"]
    assert [type(e.value) for e in found] == [Profile, Ping, Purchase, Checkout, Label]
    ping, line, paid, known = (e.value for e in found[1:])
    assert line.event_time == paid.event_time == NOON + timedelta(hours=1)
    assert ping.event_time == line.event_time - timedelta(minutes=10)
    assert (line.group, line.amount, ping.zone, ping.store_id) == ("meat", 9.99, None, "2")
    assert (known.ping_id, known.next_group, known.event_time) == (ping.ping_id, "meat", paid.event_time + timedelta(days=7))


def test_all_comes_in_order_of_time_and_is_counted(tmp_path: Path) -> None:
    found = list(complete_journey.emissions([folder(tmp_path)]))
    assert [e.at for e in found] == sorted(e.at for e in found)
    assert complete_journey.count([tmp_path]) == sum(e.stream == "events" for e in found) == 6 + 3 + 3
    assert len({e.value.id for e in found if e.stream == "events"}) == 12


def test_baskets_that_follow_each_other_at_once_are_one_visit(tmp_path: Path) -> None:
    known = [x for x in of(folder(tmp_path), Label) if x.shopper_id == "7"]
    assert [x.visit_end for x in known] == [NOON + timedelta(minutes=10), NOON + timedelta(days=1)]
    assert {b.group: b.at for b in known[0].bought} == {
        "dairy": NOON, "fruit": NOON, "care": NOON + timedelta(minutes=10), "meat": NOON + timedelta(days=1),
    }  # fmt: skip


def test_a_line_that_is_never_offered_or_unknown_has_no_group(tmp_path: Path) -> None:
    path = folder(tmp_path, products={"product_category": ["FLUID MILK PRODUCTS", None, "BEEF", "HAIR CARE PRODUCTS", "FUEL"]})
    groups = {line.amount: line.group for line in of(path, Purchase)}
    assert groups == {2.5: "dairy", 0.0: "vegetables", 9.99: "meat", 3.0: "care", 4.0: "meat", 30.0: None}
    fewer = {name: values[1:] for name, values in PRODUCTS.items()}
    assert {line.amount: line.group for line in of(folder(tmp_path, products=fewer), Purchase)}[2.5] is None


@pytest.mark.parametrize(
    ("department", "category", "group"),
    [
        ("GROCERY", "BEERS/ALES", None), ("DRUG GM", "CIGARETTES", None), ("GROCERY", "COUPON/MISC ITEMS", None), ("FUEL", "FUEL", None),
        ("FLORAL", "ROSES", None), (None, None, None), ("MEAT", "SOMETHING NEW", "meat"), ("PRODUCE", "APPLES", "fruit"),
        ("PRODUCE", "CARROTS", "vegetables"), ("DRUG GM", "CANDY - CHECKLANE", "snacks"), ("MEAT-PCKGD", "LUNCHMEAT", "deli"),
    ],
)  # fmt: skip
def test_products_belong_to_groups_by_category_then_department(department: str | None, category: str | None, group: str | None) -> None:
    assert group_of(department, category) == group


def test_demographics_give_segments_and_may_be_absent(tmp_path: Path) -> None:
    assert [(p.key, p.segment, p.tier) for p in of(folder(tmp_path), Profile)] == [("7", "family", None), ("9", "senior", None)]
    (tmp_path / "demographics.csv").unlink()
    assert of(tmp_path, Profile) == []
    assert len(of(tmp_path, Ping)) == 3


def test_underway_the_groups_go_into_the_basket_one_by_one_with_a_sighting_after_each(tmp_path: Path) -> None:
    happened = [e.value for e in complete_journey.emissions([folder(tmp_path)], underway=True) if e.stream == "events" and e.key == "7"]
    first = [e for e in happened if e.event_time < NOON + timedelta(hours=1)]
    assert [type(e) for e in first] == [Ping, Purchase, Ping, Purchase, Ping, Purchase, Checkout]
    assert {e.group for e in first if isinstance(e, Purchase)} == {"dairy", "fruit", "care"}
    again = [e.value for e in complete_journey.emissions([tmp_path], underway=True) if e.stream == "events" and e.key == "7"]
    assert again == happened, "the lot falls the same way at every reading"


def test_what_a_sighting_sees_does_not_hang_on_what_is_bought_after_it(tmp_path: Path) -> None:
    rows = []
    for product in (13, 11):
        lines = {**LINES, "product_id": [11, 12, 13, 14, product, 15]}
        data = replay(CROSS_SELL, complete_journey.emissions([folder(tmp_path, lines)]))
        rows.append((data.x.tobytes(), data.y[-1]))
    assert rows[0][0] == rows[1][0]
    assert [GROUPS[int(y)] for _, y in rows] == ["meat", "dairy"]
    assert data.x.shape == (3, len(SCHEMA))


def test_the_files_may_be_named_one_by_one(tmp_path: Path) -> None:
    path = folder(tmp_path)
    files = [path / "products.parquet", path / "transactions.parquet"]
    assert complete_journey.count(files) == 12


@pytest.mark.parametrize(
    ("lines", "why"),
    [
        ({"sales_value": [2.5, -1.0, 1.0, 1.0, 1.0, 1.0]}, r"row 2: sales_value -1\.0"),
        ({"sales_value": [2.5, float("nan"), 1.0, 1.0, 1.0, 1.0]}, "row 2: sales_value nan"),
        ({"sales_value": ["a"] * 6}, "another type"),
        ({"household_id": [7, None, 9, 7, 7, 7]}, "household_id without a value in 1 rows"),
        ({"transaction_timestamp": ["soon"] * 6}, "another type"),
        ({name: [] for name in LINES}, "no transactions"),
    ],
)
def test_a_column_that_is_not_what_it_should_be_is_named(tmp_path: Path, lines: dict[str, list[Any]], why: str) -> None:
    with pytest.raises(DataError, match=rf"transactions\.parquet.*{why}"):
        list(complete_journey.emissions([folder(tmp_path, lines)]))


def test_products_are_found_by_number_however_they_are_written_and_others_are_refused(tmp_path: Path) -> None:
    as_numbers = of(folder(tmp_path), Purchase)
    assert of(folder(tmp_path, products={"product_id": list(map(str, PRODUCTS["product_id"]))}), Purchase) == as_numbers
    with pytest.raises(DataError, match=r"products\.parquet: lists none of the products that were bought"):
        list(complete_journey.emissions([folder(tmp_path, products={"product_id": [91, 92, 93, 94, 95]})]))
    with pytest.raises(DataError, match=r"products\.parquet: product_id holds what is no number"):
        list(complete_journey.emissions([folder(tmp_path, products={"product_id": ["a", "b", "c", "d", "e"]})]))


def test_files_that_are_not_there_or_are_others_are_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="nowhere: no such file or folder"):
        complete_journey.count([tmp_path / "nowhere"])
    with pytest.raises(DataError, match=r"products\.parquet and transactions\.parquet not found"):
        complete_journey.count([tmp_path])
    path = folder(tmp_path)
    (path / "coupons.csv").write_text("")
    with pytest.raises(DataError, match=r"coupons\.csv is none of its files"):
        complete_journey.count([path / "coupons.csv", path / "transactions.parquet", path / "products.parquet"])
    (path / "products.parquet").write_text("nothing")
    with pytest.raises(DataError, match=r"products\.parquet: not a parquet file"):
        complete_journey.count([path])
    pq.write_table(pa.table({"product_id": [1]}), path / "products.parquet")
    with pytest.raises(DataError, match=r"products\.parquet: .*department"):
        complete_journey.count([path])
    (folder(tmp_path) / "demographics.csv").write_text("a,b\n1,2\n")
    with pytest.raises(DataError, match=r"demographics\.csv: without household_id"):
        list(complete_journey.emissions([path]))
