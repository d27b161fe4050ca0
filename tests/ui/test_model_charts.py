"""Quality by day as a chart: a line a version, what is settled apart from what is not."""

from __future__ import annotations

from datetime import date
from types import SimpleNamespace
from typing import Any

from ui.charts import INK
from ui.model_charts import named, quality

STANDING = SimpleNamespace(champion="v2", challengers=["v1"])


def window(day: int, version: str, value: float, *, settled: bool) -> Any:
    fields = {"day": date(2026, 1, day), "model_version": version, "value": value, "settled": settled, "labelled": 30, "decisions": 300}
    return SimpleNamespace(**fields)


def layers(rows: list[Any]) -> list[list[tuple[str, int, float]]]:
    """Version, day and value of each layer's rows: the line, the dashes, the filled points, the hollow ones."""
    drawn = quality(rows, STANDING, "hit@1").to_dict()
    data = [drawn["datasets"][layer["data"]["name"]] for layer in drawn["layer"]]
    return [[(row["version"], int(row["day"][8:10]), row["value"]) for row in rows] for rows in data]


def test_the_dashes_begin_where_the_settled_line_ends_and_each_version_has_its_own() -> None:
    rows = [window(day, version, day / 10, settled=day < 3) for day in (4, 3, 2, 1) for version in ("v1", "v2")]
    line, dashes, filled, hollow = layers(rows)
    for name in ("v1 (challenger)", "v2 (champion)"):
        assert [(day, value) for version, day, value in line if version == name] == [(1, 0.1), (2, 0.2)]
        assert sorted((day, value) for version, day, value in dashes if version == name) == [(2, 0.2), (3, 0.3), (4, 0.4)]
    assert filled == line
    assert {day for _, day, _ in hollow} == {3, 4}


def test_where_nothing_is_settled_all_is_dashed() -> None:
    line, dashes, _, hollow = layers([window(1, "v2", 0.5, settled=False)])
    assert line == []
    assert dashes == hollow == [("v2 (champion)", 1, 0.5)]


def test_a_version_that_is_not_at_work_has_its_bare_name() -> None:
    assert named("v0", STANDING) == named("v0", None) == "v0"
    assert named("v2", None) == "v2"


def test_the_champion_is_named_first_and_in_its_own_colour() -> None:
    rows = [window(1, version, 0.5, settled=True) for version in ("v0", "v1", "v2")]
    colour = quality(rows, STANDING, "hit@1").to_dict()["layer"][0]["encoding"]["color"]
    assert colour["scale"]["domain"] == ["v2 (champion)", "v1 (challenger)", "v0"]
    assert colour["scale"]["range"][0] == INK
