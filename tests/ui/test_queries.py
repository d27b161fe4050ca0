"""The dashboard's questions stay cheap however much there is: each uses an index and stops somewhere."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, event, text

import ui
from apps.database import open_database
from apps.tables import Table
from tests.ui.driver import run
from tests.ui.filled import FRAUD, HEADLINE, NOW_US, VERSION, fill, fill_loop, name
from tests.ui.letters import fill_letters, resent
from ui import alert_queries, letter_queries, model_queries, queries, sla_queries
from ui.alert_queue import AlertQueue, Filters, matching

DAY_US = queries.DAY_US
PLACE = ("fraud.dead-letters", 0, 3)


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    url = f"sqlite:///{tmp_path / 'polyscore.db'}"
    fill(url, alerts=8)
    fill_loop(url)
    fill_letters(url, 4)
    resent(url, 3)
    found = open_database(url)
    yield found
    found.dispose()


def change(engine: Engine, statement: str, **values: Any) -> None:
    with engine.begin() as connection:
        connection.execute(text(statement), values)


def asked(engine: Engine, question: Callable[[], Any], begins: tuple[str, ...] = ("SELECT",)) -> list[tuple[str, Any]]:
    """The SQL that a question sends."""
    sent: list[tuple[str, Any]] = []

    def note(connection: Any, cursor: Any, statement: str, parameters: Any, context: Any, many: bool) -> None:
        if statement.startswith(begins):
            sent.append((statement, parameters))

    event.listen(engine, "before_cursor_execute", note)
    question()
    event.remove(engine, "before_cursor_execute", note)
    return sent


QUESTIONS: dict[str, Callable[[Engine], Any]] = {
    "totals": lambda e: queries.totals(e, "fraud"),
    "windows": lambda e: queries.windows(e, "fraud", NOW_US - 900_000_000),
    "newest alerts": lambda e: alert_queries.newest(e, "fraud"),
    "alerts by status": lambda e: alert_queries.counts(e, "fraud"),
    "one alert": lambda e: alert_queries.one(e, "fraud", "d000010"),
    "an act": lambda e: alert_queries.act(e, "fraud", "a1"),
    "acts": lambda e: alert_queries.acts(e, "fraud", "d000010"),
    "same reason": lambda e: alert_queries.same_reason(e, alert_queries.one(e, "fraud", "d000010")),  # type: ignore[arg-type]
    "same key": lambda e: alert_queries.same_key(e, alert_queries.one(e, "fraud", "d000010")),  # type: ignore[arg-type]
    "alerts": lambda e: queries.alerts(e, "fraud", ["d000010", "d000020"]),
    "alert count": lambda e: queries.alert_count(e, "fraud", NOW_US - DAY_US),
    "new alerts": lambda e: queries.new_alerts(e, "fraud"),
    "sums": lambda e: queries.sums(e, "fraud"),
    "decision": lambda e: queries.decision(e, "fraud", "d000010"),
    "recent decisions": lambda e: queries.recent_decisions(e, queries.decision(e, "fraud", "d000010")),  # type: ignore[arg-type]
    "models": lambda e: queries.models(e, "fraud"),
    "steps": lambda e: queries.steps(e, "fraud", VERSION),
    "model": lambda e: queries.model(e, "fraud", VERSION),
    "headline": lambda e: model_queries.headline(e, FRAUD),
    "versions": lambda e: model_queries.versions(e, "fraud", HEADLINE),
    "standing": lambda e: model_queries.standing(e, "fraud"),
    "events": lambda e: model_queries.events(e, "fraud"),
    "alarm": lambda e: model_queries.alarm(e, "fraud", name(2)),
    "quality": lambda e: model_queries.quality(e, "fraud", HEADLINE),
    "drift": lambda e: model_queries.drift(e, "fraud", name(2)),
    "pairs": lambda e: model_queries.pairs(e, "fraud", name(2)),
    "newest decision": lambda e: queries.newest_decision(e, "fraud"),
    "letters": lambda e: letter_queries.newest(e, "fraud"),
    "letters of a code": lambda e: letter_queries.newest(e, "fraud", "not-json"),
    "letters counted": lambda e: letter_queries.count(e, "fraud", after_us=NOW_US - DAY_US),
    "letters of a code counted": lambda e: letter_queries.count(e, "fraud", "not-json", NOW_US - DAY_US),
    "newest letter": lambda e: letter_queries.newest_us(e, "fraud"),
    "letter": lambda e: letter_queries.letter(e, *PLACE),
    "sent again": lambda e: letter_queries.sent(e, letter_queries.letter(e, *PLACE)),
    "came back": lambda e: letter_queries.came_back(e, letter_queries.sent(e, letter_queries.letter(e, *PLACE))[0]),
    "spent": lambda e: sla_queries.spent(e, "fraud", NOW_US - DAY_US),
    "stretches": lambda e: sla_queries.stretches(e, "fraud", NOW_US - DAY_US, 600_000_000),
    "bad windows": lambda e: sla_queries.bad_windows(e, "fraud", NOW_US - DAY_US, 0.999),
}
UNSORTED = (
    "newest alerts",
    "acts",
    "same reason",
    "same key",
    "models",
    "headline",
    "versions",
    "events",
    "alarm",
    "quality",
    "newest decision",
    "letters",
    "letters of a code",
)  # the index has their order: no sorting of all there is
ALONE = (
    "totals",
    "newest alerts",
    "alerts by status",
    "alert count",
    "open alerts",
    "letters counted",
    "letters of a code counted",
    "spent",
    "stretches",
)  # what is asked again and again over many rows: the table is not touched


@pytest.mark.parametrize("question", QUESTIONS)
def test_a_question_is_answered_from_an_index(question: str, engine: Engine) -> None:
    for statement, parameters in asked(engine, lambda: QUESTIONS[question](engine)):
        plan = planned(engine, statement, parameters)
        reads = [step for step in plan if step.startswith(("SEARCH", "SCAN")) and "anon" not in step]
        assert reads
        assert all(" INDEX " in step and step.startswith("SEARCH") for step in reads), plan
        if question == "alarm":
            assert "version=?" in plan[0], "not a look at whatever happened to other versions"
        if question in UNSORTED:
            assert not [step for step in plan if "TEMP B-TREE" in step], plan
        if question in ALONE:
            assert all("COVERING INDEX" in step for step in reads), plan


def planned(engine: Engine, statement: str, parameters: Any) -> list[str]:
    """How SQLite answers a statement."""
    with engine.connect() as connection:
        return [row[3] for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)]


@pytest.mark.parametrize("page", sorted(file.stem for file in (Path(ui.__file__).parent / "views").glob("*.py")))
def test_no_page_looks_through_a_whole_table(page: str, url: str) -> None:
    """Whatever a page asks, by whatever way: of two million decisions it reads those that it shows."""
    fill(url, alerts=8)
    fill_loop(url)
    fill_letters(url, 4)
    resent(url, 3)
    engine = open_database(url)
    sent: list[tuple[str, Any]] = []

    def note(connection: Any, cursor: Any, statement: str, parameters: Any, context: Any, many: bool) -> None:
        if statement.startswith(("SELECT", "WITH")) and "sqlite_master" not in statement:
            sent.append((statement, parameters))

    event.listen(Engine, "before_cursor_execute", note)
    try:
        run(page, **{"decision": "d000070", "letter": "fraud.dead-letters/0/3"})
    finally:
        event.remove(Engine, "before_cursor_execute", note)
    assert sent
    names = [t for t in Table.metadata.tables if t != "standing"]
    for statement, parameters in sent:
        plan = planned(engine, statement, parameters)
        assert not [step for step in plan if step.startswith("SCAN") and step.split()[1] in names], (statement, plan)
    engine.dispose()


def test_codes_are_counted_from_code_to_code(engine: Engine) -> None:
    assert letter_queries.by_code(engine, "fraud") == {"wrong-type": 2, "not-json": 1, "unknown-field": 1}
    for statement, parameters in asked(engine, lambda: letter_queries.by_code(engine, "fraud"), ("SELECT", "WITH")):
        steps = [step for step in planned(engine, statement, parameters) if "dead_letter" in step]
        assert steps
        assert all(step.startswith("SEARCH") and "COVERING INDEX" in step for step in steps), steps


def test_totals_are_of_the_day_up_to_the_newest_window(engine: Engine) -> None:
    before = queries.totals(engine, "fraud")
    assert (before.decisions, before.end_us) == (3_000, NOW_US)
    change(engine, "UPDATE sla_window SET end_us = :old WHERE start_us = (SELECT min(start_us) FROM sla_window)", old=NOW_US - DAY_US)
    assert queries.totals(engine, "fraud").decisions == 2_900
    assert queries.totals(engine, "nothing").end_us == 0


def test_a_count_goes_no_further_than_it_is_shown(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    assert queries.alert_count(engine, "fraud") == 8
    monkeypatch.setattr(queries, "MOST_COUNTED", 5)
    assert queries.alert_count(engine, "fraud") == 5


def test_a_second_look_reads_only_the_alerts_that_are_new(engine: Engine) -> None:
    queue = AlertQueue()
    first = queue.look(engine, "fraud")
    assert [row.decision_id for row in first] == [f"d0000{n}0" for n in range(7, -1, -1)]
    again = asked(engine, lambda: queue.look(engine, "fraud"))
    assert len(again) == 3, "a question a status; nothing is new, so no alert is read"
    change(engine, "UPDATE alert SET decided_us = :now, action = 'block' WHERE decision_id = 'd000030'", now=NOW_US + 1)
    sent = asked(engine, lambda: queue.look(engine, "fraud"))
    assert [parameters for statement, parameters in sent if "reasons" in statement] == [("fraud", "d000030")]
    change(engine, "UPDATE alert SET status = 'in review', version = 1 WHERE decision_id = 'd000020'")
    sent = asked(engine, lambda: queue.look(engine, "fraud"))
    assert [parameters for statement, parameters in sent if "reasons" in statement] == [("fraud", "d000020")], "it was claimed"
    assert [row.decision_id for row in queue.look(engine, "fraud")][:2] == ["d000030", "d000070"]


def test_the_queue_holds_the_newest_and_lets_go_of_what_is_gone(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    queue = AlertQueue()
    queue.look(engine, "fraud")
    change(engine, "DELETE FROM alert WHERE decision_id >= 'd000040'")
    assert [row.decision_id for row in queue.look(engine, "fraud")] == ["d000030", "d000020", "d000010", "d000000"]
    monkeypatch.setattr(queries, "MOST_ALERTS", 3)
    assert [row.decision_id for row in queue.look(engine, "fraud")] == ["d000030", "d000020", "d000010"]


def test_alerts_are_chosen_by_action_and_by_the_beginning_of_the_customers_id(engine: Engine) -> None:
    rows = AlertQueue().look(engine, "fraud")
    assert {row.action for row in matching(rows, Filters(actions=("review",)))} == {"review"}
    assert [row.key for row in matching(rows, Filters(key="c03"))] == [row.key for row in rows if row.key.startswith("c03")] != []
    assert matching(rows, Filters(key="%")) == []


def test_alerts_are_chosen_by_status_and_by_who_has_them(engine: Engine) -> None:
    change(engine, "UPDATE alert SET status = 'in review', version = 1, analyst = 'Ana' WHERE decision_id IN ('d000020', 'd000030')")
    change(engine, "UPDATE alert SET status = 'closed', version = 2, analyst = 'Ben' WHERE decision_id = 'd000010'")
    change(engine, "UPDATE alert SET version = 2, analyst = 'Ana' WHERE decision_id = 'd000050'")  # given back
    assert [row.decision_id for row in AlertQueue(("closed",)).look(engine, "fraud")] == ["d000010"]
    shown = AlertQueue().look(engine, "fraud")
    assert [row.decision_id for row in matching(shown, Filters(mine="Ana"))] == ["d000030", "d000020"]
    assert alert_queries.counts(engine, "fraud") == {"new": 5, "in review": 2, "closed": 1}
