"""`polyscore train --csv`: any table becomes a bundle whose artifacts score the same table; what cannot be used is named."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv as pacsv
import pytest
from rich.console import Console
from typer.main import get_command
from typer.testing import CliRunner

from apps import cli, cli_training, export, loading, train_table, verify
from apps.csv_columns import in_order
from apps.csv_training import Wanted, read_table
from apps.errors import InputError
from apps.settings import Settings
from apps.table import read_rows
from domain.registry import DOMAINS
from exports.formats import LOCAL
from models import table_training
from models.bundle import latest, load_bundle
from models.dataset import silent
from models.errors import DataError
from models.table_splits import Protocol
from tests.published import DATA

CARAVAN, AI4I = DATA / "cross_sell" / "caravan" / "train.csv", DATA / "maintenance" / "ai4i2020" / "ai4i2020.csv"


@pytest.fixture
def _short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Few rounds: how good the models are is not asked here."""
    monkeypatch.setattr(table_training, "MOST_ROUNDS", 5)


def loans(path: Path, rows: int = 300) -> Path:
    """A table with what tables come with: a byte order mark, brackets and a comma in names, labels, blanks, an id and a constant."""
    rng = np.random.default_rng(4)
    lines = ['"Amount [EUR]","rate, yearly",Purpose,id,fixed,paid back']
    for i in range(rows):
        amount, purpose = rng.normal(10, 3), rng.choice(["car", "flat & home", "holiday"])
        paid = "yes" if amount + 3 * (purpose == "car") + rng.normal() < 11 else "no"
        rate = "" if i % 9 == 0 else f"{rng.normal():.4f}"
        lines.append(f"{amount:.5f},{rate},{purpose},{1000 + i},1,{paid}")
    path.write_text("\n".join([*lines, ""]), encoding="utf-8-sig")
    return path


def trained(path: Path, label: str, *, protocol: Protocol | None = None, **wanted: Any) -> tuple[Path, str]:
    """The bundle, and what was said."""
    console = Console(file=(said := io.StringIO()), width=300)
    settings, kept = Settings(home=path.parent / "home"), frozenset[str]()
    made = train_table.command(settings, path, None, Wanted(label, **wanted), protocol or Protocol(), kept, console=console)
    return made, said.getvalue()


def table(path: Path, text: str, label: str = "y", **wanted: Any) -> Any:
    path.write_text(text)
    return read_table(path, "t", Wanted(label, **wanted), silent)


@pytest.mark.usefixtures("_short")
def test_a_table_becomes_a_bundle_that_scores_the_same_file_alike_in_every_format(tmp_path: Path) -> None:
    path = loans(tmp_path / "loans.csv")
    made, said = trained(path, "paid back")
    bundle = load_bundle(made)
    assert made.parent == tmp_path / "home" / "bundles" / "loans"
    assert bundle.schema.names == ("Amount [EUR]", "rate, yearly", "Purpose")
    assert bundle.schema.features[2].categories == ("car", "flat & home", "holiday")
    assert "left out 'id': an id" in said
    assert "left out 'fixed': the same value in every row" in said
    assert "the model gives the probability of 'yes'" in said
    rows = np.concatenate(list(read_rows(str(path), bundle.schema, ["id", "fixed", "paid back"])))
    own = read_table(path, "loans", Wanted("paid back", drop=("id", "fixed")), silent)
    assert own.x.tobytes() == rows.tobytes(), "training and scoring read the same numbers"
    wanted = bundle.scorer("native").raw_batch(rows).tobytes()
    assert {name: bundle.scorer(name).raw_batch(rows).tobytes() == wanted for name in LOCAL} == dict.fromkeys(LOCAL, True)
    assert json.loads((made / "manifest.json").read_text())["domain"] == "loans"
    assert set(bundle.report["importance"]) == set(bundle.schema.names)
    (exported,) = export.command(Settings(home=tmp_path / "home"), Path("loans"), ["pfa"], tmp_path / "out", say=lambda text: None)
    assert exported.exists()
    console = Console(file=io.StringIO())
    assert verify.command(made, [], None, None, judged=False, dropped=[], console=console)
    with pytest.raises(InputError, match="is a model of 'loans', not of the domain fraud"):
        loading.load(Settings(home=tmp_path / "home"), DOMAINS["fraud"], made, "native")


@pytest.mark.usefixtures("_short")
@pytest.mark.parametrize(("objective", "metric"), [("multiclass", "accuracy"), ("regression", "rmse")])
def test_the_objective_is_told_from_the_label_and_judged_by_its_metrics(tmp_path: Path, objective: str, metric: str) -> None:
    rng = np.random.default_rng(2)
    x = rng.normal(size=400)
    y = [("low", "mid", "top")[int(np.digitize(v, [-0.5, 0.5]))] if objective == "multiclass" else f"{v + rng.normal():.6f}" for v in x]
    path = tmp_path / "t.csv"
    path.write_text("\n".join(["a,y", *(f"{v:.6f},{label}" for v, label in zip(x, y, strict=True)), ""]))
    made, _ = trained(path, "y")
    found = load_bundle(latest(made.parent))
    assert found.manifest["objective"] == objective
    better = found.report["metrics"][metric]["mean"] - found.report["baselines"]["the same answer always"][metric]["mean"]
    assert better > 0 if objective == "multiclass" else better < 0
    assert len(found.average) == (3 if objective == "multiclass" else 1)


@pytest.mark.parametrize(
    ("text", "wanted", "why"),
    [
        ("a,y\n1,0\n", {"label": "z"}, r"no column 'z' \(--label\); there are 'a', 'y'"),
        ("a,y\n1,0\n2,0\n", {}, "label 'y' has one value only, '0'"),
        ("a,y\n1,0\n2,\n", {}, "label 'y' is missing in 1 of 2 rows"),
        ("a,y\n1,0\n", {"time": "when"}, r"no column 'when' \(--time\)"),
        ("a,t,y\n1,2024-01-01,0\n2,soon,1\n", {"time": "t"}, "column 't', row 2: 'soon' is no time"),
        ("a,g,y\n1,k,0\n2,,1\n", {"group": "g"}, "column 'g', row 2: '' names no group"),
        ("a,y\n1,0\ninf,1\n", {}, "column 'a', row 2 is infinite"),
        ("a,y\n" + "1,0\n" * 19 + "x,1\n", {}, "column 'a', row 20: 'x' is not a number, as 19 of 20 cells are; empty the cell"),
        ("a,a,y\n1,1,0\n", {}, "'a' stands twice"),
        ("a,y\n1,0\n2\n", {}, "cannot be read as a table"),
        ('a,b,y\n1,2,0\n3,4,"1\n5,6,0\n7,8,"0\n9,9,1\n', {}, "column 'y', row 2: the cell holds whole rows of the table"),
        ('a,b,y\n1,2,0\n3,4,"1\n5,6,0\n7,8,0\n', {}, "column 'y', row 2: the cell holds whole rows of the table"),
        ("a,y\n", {}, "has no rows"),
        ("", {}, "is empty"),
        ("a,y\n,0\n,1\n", {}, "no column is left to learn from: 'a': empty"),
        ("y\n0\n1\n", {}, "no column is left to learn from: beside 'y' there is none"),
        ("a,y\n" + "1,0\n2,1\n3,1.0\n" * 20, {}, "label 'y': '1' and '1.0' are one number; write it in one way"),
        ("a,y\n1,0\n2,1\n3,1.0\n", {"objective": "binary"}, "label 'y': '1' and '1.0' are one number"),
        ("a,y\n1,x\n2,y\n3,z\n", {"objective": "binary"}, "3 different values, not two"),
        ("a,y\n1,x\n2,y\n", {"objective": "regression"}, "row 1: 'x' is not a number"),
        ("a,y\n1,0\n2,1\n", {"drop": ("y",)}, "'y' is the label"),
        ("a,y\n1,x\n2,y\n", {"objective": "multiclass"}, "two different values only, 'x' and 'y'; is it --objective binary"),
        ("a,y\n1,0.5\n2,NA\n3,1.5\n", {}, r"'y' is missing in 1 of 3 rows \(1 cell of NA is taken for missing\)"),
    ],
)
def test_what_cannot_be_used_is_refused_with_its_column(tmp_path: Path, text: str, wanted: dict[str, Any], why: str) -> None:
    with pytest.raises(InputError, match=why):
        table(tmp_path / "t.csv", text, **wanted)


def test_cells_are_read_to_the_last_bit_and_blank_ones_are_missing(tmp_path: Path) -> None:
    found = table(tmp_path / "t.csv", "a,b,y\n0.1,1e-320,0\n +2.5 ,,1\n123456789.123456789,-0.0,1\n")
    wanted = np.array([[0.1, 1e-320], [2.5, np.nan], [123456789.123456789, -0.0]])
    assert found.x.tobytes() == wanted.tobytes()
    assert found.y.tolist() == [0, 1, 1]


def test_a_text_may_have_several_lines(tmp_path: Path) -> None:
    found = table(tmp_path / "t.csv", 'a,b,y\n1,"x, y\nz, z",0\n2,"x, y\nz, z",1\n3,q,1\n')
    assert found.schema.features[1].categories == ("q", "x, y\nz, z")


def test_whole_numbers_are_labels_where_that_is_said(tmp_path: Path) -> None:
    found = table(tmp_path / "t.csv", "a,y\n10,0\n9,1\n,1\n", categorical=("a",))
    assert found.schema.features[0].categories == ("9", "10")
    assert found.x[:2, 0].tolist() == [1, 0]


@pytest.mark.parametrize(
    ("cells", "why"),
    [
        ([str(10**30 + i) for i in range(300)], "an id: whole numbers of so many digits that most are the same to a model; shorten"),
        ([f"+{2**63 + 5 * i}" for i in range(300)], "an id: whole numbers of so many digits"),
        ([f"2024-{1 + i % 12:02}-{1 + i // 12:02}" for i in range(300)], "dates or times, such as '2024-01-01': write numbers"),
        ([f"{1 + i // 12:02}.{1 + i % 12:02}.2024 00:00" for i in range(300)], "dates or times, such as '01.01.2024 00:00'"),
        ([f"2024-01-01T00:{i // 60:02}:{i % 60:02}Z" for i in range(300)], "dates or times, such as '2024-01-01T00:00:00Z'"),
        ([f"name {i}" for i in range(300)], "free text or an id: 300 different texts"),
    ],
)
def test_a_column_of_no_use_is_left_out_for_what_it_is(tmp_path: Path, cells: list[str], why: str) -> None:
    found = table(tmp_path / "t.csv", "a,b,y\n" + "".join(f"{cell},{i},{i % 2}\n" for i, cell in enumerate(cells)))
    assert list(found.dropped) == ["a"]
    assert found.dropped["a"].startswith(why)


def test_long_whole_numbers_that_a_model_tells_apart_are_numbers(tmp_path: Path) -> None:
    nanoseconds = [1_700_000_000_000_000_001 + 10**9 * i for i in range(300)]
    found = table(tmp_path / "t.csv", "a,y\n" + "".join(f"{cell},{i % 2}\n" for i, cell in enumerate(nanoseconds)))
    assert found.x[:, 0].tolist() == [float(n) for n in nanoseconds]


@pytest.mark.parametrize(
    ("words", "why"),
    [
        ([], "give either a domain"),
        (["fraud", "--csv", "x.csv", "--label", "y"], "give either a domain"),
        (["--csv", "x.csv"], "--csv needs --label"),
        (["fraud", "--label", "y"], "--label: for a table"),
    ],
)
def test_a_domain_and_a_table_are_told_apart(words: list[str], why: str) -> None:
    result = CliRunner().invoke(cli.app, ["train", *words], env={"COLUMNS": "300"})
    assert result.exit_code == 2
    assert why in result.output


OF_A_TABLE = {
    "--label": "y", "--objective": "binary", "--time": "t", "--group": "g", "--test-last": "5", "--drop": "d", "--categorical": "c",
    "--keep": "k", "--separator": ",", "--name": "n",
}  # fmt: skip


@pytest.mark.parametrize(
    ("words", "option", "value", "why"),
    [
        *((["fraud"], option, value, "for a table (--csv), not for a domain") for option, value in OF_A_TABLE.items()),
        *(
            (["--csv", "x.csv", "--label", "y"], option, value, "for a domain, not for a table (--csv)")
            for option, value in {"--data": "x.parquet", "--days": "60"}.items()
        ),
    ],
)
def test_an_option_that_would_say_nothing_is_refused_by_name(
    words: list[str], option: str, value: str, why: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for process in ("train", "train_table"):
        monkeypatch.setattr(f"apps.{process}.command", lambda *_, **__: pytest.fail("it trains"))
    result = CliRunner().invoke(cli.app, ["train", *words, option, value], env={"COLUMNS": "300"})
    assert result.exit_code == 2
    assert f"{option}: {why}" in result.output


@pytest.mark.parametrize(
    "words",
    [
        ["--csv", "x.csv", "--label", "y", "--drop", "a", "b", "c", "--categorical", "d", "e", "--keep", "f", "--seed", "3"],
        ["--drop=a", "b", "c", "--categorical", "d", "--categorical", "e", "--keep", "f", "--csv=x.csv", "--label", "y", "--seed", "3"],
        ["--drop", "a", "b", "--csv", "x.csv", "--label", "y", "--seed", "3", "--drop", "c", "--keep", "f", "--categorical", "d", "e"],
    ],
)
def test_words_behind_an_option_of_many_columns_are_columns_too(words: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    called: list[Any] = []
    monkeypatch.setattr("apps.train_table.command", lambda *given, **_: called.append(given))
    result = CliRunner().invoke(cli.app, ["train", *words], env={"COLUMNS": "300"})
    assert result.exit_code == 0, result.output
    ((_, path, _, wanted, protocol, kept),) = called
    assert (path, wanted.label, protocol.seed) == (Path("x.csv"), "y", 3)
    assert (wanted.drop, wanted.categorical, kept) == (("a", "b", "c"), ("d", "e"), {"f"})


def test_a_word_that_no_option_of_a_table_takes_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("apps.train_table.command", lambda *_, **__: pytest.fail("it trains"))
    for words in (["--drop", "a", "--seed", "3", "b"], ["b", "--drop", "a"], ["--label", "y", "fraud", "--drop", "a"]):
        result = CliRunner().invoke(cli.app, ["train", "--csv", "x.csv", "--label", "y", *words], env={"COLUMNS": "300"})
        assert result.exit_code == 2, words


def test_every_option_of_train_is_a_domains_a_tables_or_boths() -> None:
    known = {*cli_training._OF_A_DOMAIN, *cli_training._OF_A_TABLE, "domain", "table", "seed"}
    train = get_command(cli.app).commands["train"]  # type: ignore[attr-defined]  # a click group
    assert {p.name for p in train.params} - {"help"} == known


def test_a_table_is_not_named_like_a_domain(tmp_path: Path) -> None:
    path = loans(tmp_path / "fraud.csv")
    with pytest.raises(InputError, match="is a domain's"):
        trained(path, "paid back")


def test_labels_beyond_what_lightgbm_holds_are_refused_before_the_training(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(train_table, "train", lambda *_: pytest.fail("it trains"))
    (path := tmp_path / "t.csv").write_text("a,y\n" + "".join(f"{i / 7:.3f},{i / 7}e300\n" for i in range(1, 60)))
    with pytest.raises(DataError, match=r"column 'y', row 1: .* is too large to learn"):
        trained(path, "y")


@pytest.mark.parametrize(("value", "shown"), [(0.0, "0.0000"), (12.5, "12.5000"), (2.5e17, "2.500e+17"), (-1e-12, "-1.000e-12")])
def test_a_metric_is_shown_at_any_size(value: float, shown: str) -> None:
    assert train_table._figure(value) == shown


@pytest.mark.usefixtures("_short")
def test_a_class_too_rare_to_be_judged_is_named(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("a,y\n" + "".join(f"{i / 7:.3f},{int(i == 3)}\n" for i in range(60)))
    with pytest.raises(DataError, match="column 'y': '1' stands in 1 rows only"):
        trained(path, "y")


@pytest.mark.skipif(not CARAVAN.is_file(), reason=f"the table is not at {CARAVAN}: set POLYSCORE_TEST_DATA to its folder")
def test_caravan_reaches_its_auc(tmp_path: Path) -> None:
    (path := tmp_path / "caravan.csv").write_bytes(CARAVAN.read_bytes())
    made, said = trained(path, "CARAVAN")
    assert "602 duplicate rows" in said
    assert load_bundle(made).report["metrics"]["auc"]["mean"] >= 0.755


@pytest.mark.skipif(not AI4I.is_file(), reason=f"the table is not at {AI4I}: set POLYSCORE_TEST_DATA to its folder")
def test_ai4i_reaches_its_average_precision_on_its_last_rows(tmp_path: Path) -> None:
    (path := tmp_path / "ai4i.csv").write_bytes(AI4I.read_bytes())
    modes = ("TWF", "HDF", "PWF", "OSF", "RNF")
    made, _ = trained(path, "Machine failure", protocol=Protocol(test_last=2000), drop=modes)
    assert load_bundle(made).report["metrics"]["average_precision"]["mean"] >= 0.75


def test_labels_that_are_numbers_have_one_order_though_one_is_none() -> None:
    """A set's own order changes from process to process."""
    labels = ["10", "nan", "9", "NaN", "-1"]
    for i in range(len(labels)):
        turned: Any = labels[i:] + labels[:i]
        assert in_order(turned) == ["-1", "9", "10", "NaN", "nan"]


_READ = """
import resource, sys
from pathlib import Path
from apps.csv_training import Wanted, read_table
from models.dataset import silent
read_table(Path(sys.argv[1]), "t", Wanted("y"), silent)  # what is needed whatever is read
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
found = read_table(Path(sys.argv[2]), "t", Wanted("y"), silent)
print(found.x.nbytes, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * (1 if sys.platform == "darwin" else 1024))
"""


def test_a_table_is_read_within_two_of_its_matrices(tmp_path: Path) -> None:
    """The matrix itself, and what passes through while it is filled: never the text of the whole file."""
    rng, files = np.random.default_rng(3), []
    for rows in (1_000, 150_000):
        columns = {f"c{i}": rng.normal(size=rows) for i in range(50)} | {"y": rng.integers(0, 2, rows)}
        files.append(tmp_path / f"{rows}.csv")
        pacsv.write_csv(pa.table(columns), files[-1])
    done = subprocess.run([sys.executable, "-c", _READ, *map(str, files)], capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    matrix, taken = map(int, done.stdout.split())
    assert matrix == 150_000 * 50 * 8
    assert files[1].stat().st_size > 2 * matrix, "the text is larger than what may be held"
    assert taken < 2 * matrix
