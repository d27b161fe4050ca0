"""Tables of one's own become domains where their bundles are, and never break what starts: what cannot be one is named and left out."""

from __future__ import annotations

import json
import shutil
from datetime import UTC, datetime, timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pytest
from rich.console import Console
from typer.testing import CliRunner

from apps import cli, demo, loading, own, rows_in
from apps.announce import ensure
from apps.errors import InputError
from apps.settings import Settings
from apps.table import read_rows
from domain.contract import Domain
from domain.decision import Decision
from domain.registry import DOMAINS
from domain.schema import Feature, FeatureSchema
from models import table_domain
from models.days import Days
from models.decide import decide
from models.drift import Baseline
from models.errors import DataError
from models.quality import Quality

BUILT_IN = DOMAINS.built_in
START = datetime(2026, 1, 31, 12, tzinfo=UTC)


def adopted(home: Path) -> list[str]:
    """What was said, beside what became a domain."""
    said: list[str] = []
    own.adopt(Settings(home=home), said.append)
    return said


@pytest.fixture
def home(loans: Path, tmp_path: Path) -> Path:
    """A copy of it that may be changed."""
    return Path(shutil.copytree(loans, tmp_path / "home"))


def bundle(home: Path, name: str = "loans") -> Path:
    return next((home / "bundles" / name).iterdir())


def restate(folder: Path, **fields: Any) -> None:
    path = folder / "manifest.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | fields))


def test_where_there_is_no_table_nothing_is_looked_at_or_said(tmp_path: Path) -> None:
    assert adopted(tmp_path / "none") == []
    (tmp_path / "bundles" / "fraud").mkdir(parents=True)
    (tmp_path / "bundles" / "begun").mkdir()
    assert adopted(tmp_path) == [], "a training that failed leaves an empty folder"
    assert tuple(DOMAINS) == BUILT_IN


def test_a_table_becomes_a_domain_and_is_none_any_more_when_its_bundle_is_gone(home: Path) -> None:
    assert adopted(home) == []
    assert tuple(DOMAINS) == (*BUILT_IN, "loans")
    loans = DOMAINS["loans"]
    assert (loans.events_topic, loans.labels_topic, loans.objective) == ("loans.rows", "loans.labels", "binary")
    shutil.rmtree(home / "bundles" / "loans")
    adopted(home)
    assert tuple(DOMAINS) == BUILT_IN
    with pytest.raises(KeyError):
        DOMAINS["loans"]


def test_a_table_that_was_trained_anew_is_another_domain(home: Path) -> None:
    adopted(home)
    first = DOMAINS["loans"]
    newer = bundle(home).with_name("99990101-000000-abcdef12")
    shutil.copytree(bundle(home), newer)
    data = json.loads((newer / "manifest.json").read_text())["data"]
    restate(newer, data=data | {"threshold": 0.875})
    adopted(home)
    assert DOMAINS["loans"].policy != first.policy
    restate(newer, data={"source": "topics", "rows": 3})
    adopted(home)
    assert DOMAINS["loans"].policy == first.policy, "a version that was retrained on the topics takes over what the table's says"


@pytest.mark.parametrize(
    ("harm", "why"),
    [
        (lambda folder: (folder / "model.pmml").write_text("<PMML/>"), "was changed after training"),
        (lambda folder: (folder / "model.pmml").unlink(), "not there"),
        (lambda folder: (folder / "manifest.json").write_text("{"), "cannot be read"),
        (lambda folder: restate(folder, format_version=1), "format version 1"),
        (lambda folder: restate(folder, domain="other"), "is a model of 'other'"),
        (lambda folder: restate(folder, data={"source": "topics"}), "no version there comes from a table"),
        (lambda folder: restate(folder, data={"classes": ["a"], "label": "y"}), "binary with 1 classes"),
        (lambda folder: restate(folder, data={"classes": ["a", "b"]}), "cannot be read as a table's"),
        (lambda folder: restate(folder, schema=[{"name": "key"}]), "its column 'key'"),
    ],
)
def test_a_broken_table_is_named_and_left_out(home: Path, harm: Any, why: str) -> None:
    harm(bundle(home))
    (said,) = adopted(home)
    assert said.startswith("the table 'loans' is left out: ")
    assert why in said
    assert tuple(DOMAINS) == BUILT_IN


def test_a_name_that_kafka_takes_for_a_domains_is_left_out_and_refused_when_training(home: Path) -> None:
    renamed = home / "bundles" / "cross.sell"
    (home / "bundles" / "loans").rename(renamed)
    restate(bundle(home, "cross.sell"), domain="cross.sell")
    (said,) = adopted(home)
    assert "'cross.sell' is left out: Kafka cannot tell its topics from those of 'cross_sell'" in said
    for name in ("cross.sell", "fraud", "a b", "x" * 65, ".a"):
        result = CliRunner().invoke(cli.app, ["train", "--csv", "x.csv", "--label", "y", "--name", name], env={"POLYSCORE_HOME": str(home)})
        assert isinstance(result.exception, InputError), name
        assert "--name" in str(result.exception)


def test_the_command_line_takes_a_table_as_it_takes_a_domain(home: Path) -> None:
    result = CliRunner().invoke(cli.app, ["train", "loans"], env={"POLYSCORE_HOME": str(home), "KAFKA_BOOTSTRAP_SERVERS": ""})
    assert isinstance(result.exception, DataError), result.output
    assert "nothing simulates: send rows with `polyscore replay loans --data FILE`" in str(result.exception)
    with pytest.raises(InputError, match="polyscore replay loans"):
        demo.run(Settings(home=home), demo.Options(None, True, None, "pmml", "at-least-once", 0, ("loans",)), Console())
    assert demo.Options(None, True, None, "pmml", "at-least-once", 0).domains == BUILT_IN


def test_a_table_without_a_fitting_model_is_not_trained_on_what_nothing_simulates(home: Path) -> None:
    adopted(home)
    shutil.rmtree(home / "bundles" / "loans")
    with pytest.raises(InputError, match="train it again: `polyscore train --csv"):
        ensure(Settings(home=home, kafka_bootstrap_servers=""), "loans", console=Console(quiet=True))


# Rows in


def source(home: Path, rate: float | None = None) -> rows_in.Source:
    facts = table_domain.founded(home / "bundles" / "loans")
    assert facts is not None
    return rows_in.Source(facts, rate=rate, clock=lambda: START)


def sent(home: Path, text: str, rate: float | None = None) -> list[tuple[str, str, dict[str, Any]]]:
    (path := home / "in.csv").write_text(text)
    found = source(home, rate)
    found.count(path, Console(quiet=True))
    return [(e.stream, e.key, orjson.loads(e.value)) for messages in found.rows([path]) for e in messages]


NOON = START.isoformat()


def test_a_column_with_a_blank_goes_out_under_the_name_that_lightgbm_gave_it(tmp_path: Path) -> None:
    schema = FeatureSchema((Feature("a_b"), Feature("the_label_")))
    facts = table_domain.Facts("mine", "regression", schema, "the label ", (), 0.5, (), {})
    source = rows_in.Source(facts, clock=lambda: START)
    (path := tmp_path / "in.csv").write_text("a b,the_label_,the label \n1,2,3\n")
    source.count(path, Console(file=(said := StringIO())))
    assert said.getvalue() == ""
    (messages,) = source.rows([path])
    row, label = (orjson.loads(message.value) for message in messages)
    assert (row["a_b"], row["the_label_"], label["value"]) == (1.0, 2.0, 3.0)
    path.write_text("a b,the label \n1,3\n")
    with pytest.raises(InputError, match="lacks the column 'the_label_'"):
        source.count(path, Console(quiet=True))


def test_rows_go_out_as_they_stand_and_their_labels_apart(home: Path) -> None:
    found = sent(home, 'purpose,amount,repaid,extra\ncar, 1.50 ,yes,1\n"",N/A,,2\nboat,much,no,3\n')
    assert found == [
        ("events", "in-1", {"id": "in-1", "event_time": NOON, "amount": 1.5, "purpose": "car"}),
        ("labels", "in-1", {"id": "in-1", "event_time": NOON, "value": "yes"}),
        ("events", "in-2", {"id": "in-2", "event_time": NOON, "amount": None, "purpose": None}),
        ("events", "in-3", {"id": "in-3", "event_time": NOON, "amount": "much", "purpose": "boat"}),
        ("labels", "in-3", {"id": "in-3", "event_time": NOON, "value": "no"}),
    ]


def test_a_row_may_name_its_id_its_time_and_whose_it_is(home: Path) -> None:
    text = "id,event_time,key,amount,purpose\na,2025-01-01 10:00:00,k,1,car\n,2025-01-01T10:00:00+02:00,,1,car\nc,soon,,1,car\n"
    found = sent(home, text)
    told = [(key, event["id"], event.get("key"), event["event_time"]) for _, key, event in found]
    assert told == [
        ("k", "a", "k", "2025-01-01T10:00:00+00:00"),
        ("in-2", "in-2", None, "2025-01-01T10:00:00+02:00"),
        ("c", "c", None, "soon"),
    ], "what is no time is for the scorer to refuse"


def test_rows_without_a_time_happen_at_the_rate_at_which_they_are_sent(home: Path) -> None:
    times = [event["event_time"] for _, _, event in sent(home, "amount,purpose\n" + "1,car\n" * 3, rate=2.0)]
    assert times == [(START + timedelta(seconds=n / 2)).isoformat() for n in range(3)]


def test_a_file_without_a_column_that_the_model_takes_is_refused(home: Path) -> None:
    with pytest.raises(InputError, match="lacks the column 'purpose'"):
        sent(home, "amount,repaid\n1,yes\n")


# What the loop makes of a table


@pytest.fixture
def table(home: Path) -> Domain:
    adopted(home)
    return DOMAINS["loans"]


def decisions(table: Domain, home: Path) -> tuple[list[Decision], list[Any]]:
    """The rows of the training's own file, decided, and their labels."""
    model = loading.load(Settings(home=home), table, None, "native")
    found, labels, features = [], list[Any](), table.features()
    for messages in source(home).rows([home / "loans.csv"]):
        event = table.parse_event(messages[0].value)
        labels += [table.parse_label(m.value) for m in messages[1:]]
        fields = decide(table, features, model, event, None).fields
        found.append(Decision(**fields, source_us=None, broker_us=1, decided_us=1))
    return found, labels


def test_a_streams_scores_are_those_of_the_batch_in_every_bit_and_as_many_are_flagged_as_are_positive(table: Domain, home: Path) -> None:
    found, labels = decisions(table, home)
    rows = np.concatenate(list(read_rows(str(home / "loans.csv"), table.schema, ["repaid"])))
    scorer = loading.load(Settings(home=home), table, None, "pmml").scorer
    assert np.array([d.raw for d in found]).tobytes() == scorer.raw_batch(rows).tobytes()
    positives = sum(label.value == "yes" for label in labels)
    assert 0.5 * positives < sum(d.alert for d in found) < 2 * positives
    assert all(bool(d.reasons) == d.alert for d in found)
    assert any("amount is" in reason for d in found for reason in d.reasons)


def test_days_are_judged_by_the_measures_of_the_training_and_drift_has_its_baseline(table: Domain, home: Path) -> None:
    found, labels = decisions(table, home)
    days = Days(table)
    for decision in found:
        days.decided(decision)
    for label in labels:
        days.learned(label)
    (window,) = Quality(days).windows(days.now or 0)
    assert window.labelled == len(found)
    assert window.metrics["auc"] > 0.9
    assert {"average_precision", "alert_recall"} <= set(window.metrics)
    assert window.worth["rows"] == len(found)
    stated = json.loads((bundle(home) / "manifest.json").read_text())
    assert Baseline.from_json(stated["baseline"]).rows == len(found)
    assert stated["metrics"][table.learning().headline]["mean"] > 0.9
