"""The C file compiles without a warning, answers a plain C program in LightGBM's bits, and carries any name and any model."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.schema import Feature, FeatureSchema
from exports import c, c_reader, c_writer, native
from exports.compiled import KernelScorer
from exports.ensemble import Builder, Ensemble, Link, Node, Split
from exports.errors import UnsupportedModel
from exports.metadata import schema_text
from tests.exports import awkward, compilers, odd
from tests.exports.zoo import KINDS, SCHEMA, rows, trained

PROGRAM = """\
#include "model.c"
#include <stdio.h>
int main(void)
{
    double row[POLYSCORE_FEATURES], raw[POLYSCORE_OUTPUTS], values[POLYSCORE_OUTPUTS];
    while (fread(row, sizeof row, 1, stdin) == 1) {
        polyscore_score(row, raw, values);
        fwrite(raw, sizeof raw, 1, stdout);
        fwrite(values, sizeof values, 1, stdout);
    }
    return 0;
}
"""
SCHEMA_PROGRAM = """\
#include "model.c"
#include <stdio.h>
int main(void)
{
    int i;
    for (i = 0; polyscore_schema[i]; i++)
        fputs(polyscore_schema[i], stdout);
    return 0;
}
"""


def written(kind: str, folder: Path) -> Path:
    return c.export(trained(kind), SCHEMA, folder / "model.c")


def built(compiler: str, program: str, folder: Path) -> Path:
    (folder / "main.c").write_text(program)
    compilers.build(compiler, [folder / "main.c"], folder / "main")
    return folder / "main"


def ensemble(kind: str) -> Ensemble:
    return native.read_model(trained(kind)).ensemble


@pytest.mark.parametrize("compiler", compilers.NAMES)
@pytest.mark.parametrize("kind", KINDS)
def test_the_file_alone_compiles_with_warnings_as_errors(compiler: str, kind: str, tmp_path: Path) -> None:
    compilers.build(compiler, [written(kind, tmp_path)], tmp_path / "model.o", "-c")


@pytest.mark.parametrize("compiler", compilers.NAMES)
@pytest.mark.parametrize("kind", KINDS)
def test_a_program_that_includes_it_gets_lightgbms_bits(compiler: str, kind: str, tmp_path: Path) -> None:
    written(kind, tmp_path)
    x = rows(ensemble(kind))[:1500]
    done = subprocess.run([built(compiler, PROGRAM, tmp_path)], input=x.tobytes(), capture_output=True, check=True)
    found = np.frombuffer(done.stdout).reshape(len(x), 2, -1)
    raw = np.asarray(trained(kind).predict(x, raw_score=True)).reshape(len(x), -1)
    assert np.ascontiguousarray(found[:, 0]).tobytes() == raw.tobytes()
    np.testing.assert_array_max_ulp(found[:, 1], np.asarray(trained(kind).predict(x)).reshape(len(x), -1), maxulp=2)


@pytest.mark.parametrize("option", ["-ffast-math", "-ffinite-math-only"])
def test_a_compiler_told_to_be_inexact_is_stopped(option: str, tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="missing values are NaN"):
        compilers.build("gcc", [written("binary", tmp_path)], tmp_path / "model.o", "-c", option)


def test_the_usage_comment_is_right_behind_the_first_line(tmp_path: Path) -> None:
    first, *usage = written("binary", tmp_path).read_text().splitlines()[:3]
    assert first.startswith("/* polyscore 1: ")
    assert re.search(r"polyscore_score\(row, raw, values\)", usage[0])
    assert usage[1].endswith("*/")


BREAKING = ("*/ int broken; /*", "??/", "??'", '"; int x; "', "\\", "%d??=??<", "// x\\\n", "é\u2028\x7f\x00", "\n#error\n", "\\777")


@pytest.mark.parametrize("compiler", compilers.NAMES)
@pytest.mark.parametrize("names", [BREAKING[:5], BREAKING[5:], *odd.ODD_NAMES])
def test_names_cannot_leave_their_strings_and_are_read_back(compiler: str, names: tuple[str, ...], tmp_path: Path) -> None:
    labels = tuple(f"{name} " for name in (*names, "sixth"))
    schema = odd.with_names(names)
    schema = FeatureSchema(tuple(replace(f, categories=labels) if f.categories else f for f in schema.features))
    path = c.export(odd.unnamed(trained("binary")), schema, tmp_path / "model.c")
    assert c.load(path).schema == schema
    assert path.read_bytes().isascii()
    assert b"??" not in path.read_bytes()
    done = subprocess.run([built(compiler, SCHEMA_PROGRAM, tmp_path)], capture_output=True, check=True)
    assert done.stdout.decode() == schema_text(schema)


@given(st.lists(st.text(), min_size=1, max_size=4, unique=True), st.text(max_size=300))
@settings(deadline=None, max_examples=200)
def test_any_name_is_read_back(names: list[str], description: str) -> None:
    schema = FeatureSchema(tuple(Feature(name, description=description) for name in names))
    data = c_writer.document(stump(len(names)), schema)
    assert c_reader.read(data, "model.c").schema == schema
    assert max(map(len, data.split(b"\n"))) < 500


def stump(n_features: int) -> Ensemble:
    builder = Builder(n_features)
    builder.add(0, -1, lambda place: (Split(0, 0.5), 1, 2) if place < 0 else float(place))
    return builder.build(1, Link())


@given(st.integers(0, 2**32))
@settings(deadline=None, max_examples=200)
def test_whatever_a_model_holds_is_read_back(seed: int) -> None:
    found, schema = awkward.ensemble(np.random.default_rng(seed))
    document = c_reader.read(c_writer.document(found, schema), "model.c")
    assert document.ensemble.same_as(found)
    assert document.schema == schema


@given(st.integers(0, 2**32))
@settings(deadline=None, max_examples=25)
def test_whatever_a_model_holds_is_scored_as_the_kernel_does(seed: int) -> None:
    rng = np.random.default_rng(seed)
    found, schema = awkward.ensemble(rng)
    data = c_writer.document(found, schema)
    loaded, kernel = c.CScorer(c_reader.read(data, "model.c"), data), KernelScorer(found, schema)
    x = awkward.rows(schema, rng, 200)
    with np.errstate(all="ignore"):
        wanted, values = kernel.raw_batch(x), kernel.score_batch(x)
    np.testing.assert_array_equal(loaded.raw_batch(x), wanted)
    np.testing.assert_array_equal(np.array([loaded.score(row.tolist()).raw for row in x[:40]]), wanted[:40])
    same = np.isnan(values) == np.isnan(loaded.score_batch(x))
    assert same.all()
    np.testing.assert_array_max_ulp(np.nan_to_num(loaded.score_batch(x)), np.nan_to_num(values), maxulp=2)


def test_threads_may_score_at_once(tmp_path: Path) -> None:
    loaded = c.load(written("multiclass", tmp_path))
    x = np.tile(rows(loaded.ensemble), (5, 1))
    wanted = loaded.raw_batch(x).tobytes()
    with ThreadPoolExecutor(4) as pool:
        assert all(found.tobytes() == wanted for found in pool.map(loaded.raw_batch, [x] * 12))


def test_models_of_one_process_keep_to_their_own_code(tmp_path: Path) -> None:
    one, other = (c.load(written(kind, tmp_path)) for kind in ("binary", "regression"))
    x = rows(one.ensemble)
    assert one.raw_batch(x).ravel().tolist() == trained("binary").predict(x, raw_score=True).tolist()
    assert other.raw_batch(x).ravel().tolist() == trained("regression").predict(x, raw_score=True).tolist()


def chain(depth: int, trees: int = 1) -> Ensemble:
    builder = Builder(1)

    def read(level: int) -> Node[int]:
        return 0.5 if level < 0 or level == depth else (Split(0, float(level)), -1, level + 1)

    for _ in range(trees):
        builder.add(0, 0, read)
    return builder.build(1, Link())


def test_a_chain_of_splits_costs_no_stack() -> None:
    schema = FeatureSchema((Feature("a"),))
    data = c_writer.document(chain(5_000), schema)
    assert c.CScorer(c_reader.read(data, "model.c"), data).score([4e3]).raw == (0.5,)


@pytest.mark.parametrize(
    ("of", "named"),
    [
        (lambda: Builder(1).build(1, Link()), "without trees"),
        (lambda: chain(c_writer.MOST_ENTRIES // 2), "entries"),
        (lambda: chain(0, c_writer.MOST_WORK), "stack"),
    ],
)
def test_what_a_compiler_or_a_stack_would_not_take_is_refused(of: Callable[[], Ensemble], named: str) -> None:
    with pytest.raises(UnsupportedModel, match=named):
        c_writer.document(of(), FeatureSchema((Feature("a"),)))
