"""A C file is compiled only if it is, byte for byte, what polyscore writes: all else is refused by its line, before a compiler runs."""

from __future__ import annotations

import hashlib
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from exports import c, c_writer
from exports.errors import ArtifactError, CorruptArtifact, UnsupportedConstruct
from tests.exports.compilers import script
from tests.exports.zoo import SCHEMA, trained


def written(folder: Path) -> Path:
    return c.export(trained("binary"), SCHEMA, folder / "model.c")


PLANT = '__attribute__((constructor)) static void planted(void) {{ FILE *f = fopen("{}", "w"); if (f) fclose(f); }}'
Change = Callable[[str], str]


def put(before: str, after: str) -> Change:
    def change(text: str) -> str:
        assert before in text
        return text.replace(before, after, 1)

    return change


def digest_anew(text: str) -> bytes:
    """The text under a first line that is true of it: what a stranger who knows the format would send."""
    body = text.partition("\n")[2].encode("utf-8", "surrogateescape")
    return c_writer.FIRST.format(hashlib.sha256(body).hexdigest()).encode() + body


def at(before: str, after: str) -> Callable[[str, str], str]:
    """Plants code where ``after`` says it, at the first ``before``."""
    return lambda text, plant: put(before, after.replace("PLANT", plant))(text)


INJECTED: dict[str, Callable[[str, str], str]] = {
    "behind the end": lambda text, plant: f"{text}{plant}\n",
    "behind the includes": at("#include <math.h>\n", "#include <math.h>\n#include <stdio.h>\nPLANT\n"),
    "before the schema": at('polyscore_schema[] = {\n"', 'polyscore_schema[] = {\n"", 0}; PLANT char *x[] = {"'),
    "in a feature's name": at('\\"amount\\"', '\\"amount"}; PLANT char *x[] = {"\\"'),
    "behind the link": at('true}";', 'true}"; PLANT'),
    "in a size": at("#define POLYSCORE_OUTPUTS 1", "#define POLYSCORE_OUTPUTS 1\nPLANT"),
    "before a table": at("static const int polyscore_numeric", "PLANT static const int polyscore_numeric"),
    "in a table": at("polyscore_nodes[] = {\n", "polyscore_nodes[] = {\n}; PLANT\n"),
    "in a number": at("polyscore_codes[] = {\n", "polyscore_codes[] = {\n0}; PLANT int x[] = {"),
    "by another file": at("#include <math.h>", '#include "plant.h" /* PLANT */\n#include <math.h>'),
    "in the usage comment": at("Thread-safe. */", "Thread-safe. */ PLANT"),
    "in the program": at("    polyscore_apply_link(raw, values);\n}\n", "}\nPLANT\n"),
}


@pytest.mark.parametrize("where", INJECTED)
def test_planted_code_is_refused_before_a_compiler_runs(where: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told, planted = tmp_path / "a compiler ran", tmp_path / "the plant ran"
    monkeypatch.setenv("CC", script(tmp_path, f'touch "{told}"; exec cc "$@"'))
    text = written(tmp_path).read_text()
    path = tmp_path / "model.c"
    path.write_bytes(digest_anew(INJECTED[where](text, PLANT.format(planted))))
    with pytest.raises(ArtifactError, match=r"model\.c: line \d+: "):
        c.load(path)
    assert not told.exists()
    assert not planted.exists()
    path.write_text(text)
    assert c.load(path).score([0.0] * len(SCHEMA))
    assert told.exists()


def test_the_plant_would_run_where_a_file_were_compiled_unread(tmp_path: Path) -> None:
    planted = tmp_path / "the plant ran"
    text = written(tmp_path).read_text() + "#include <stdio.h>\n" + PLANT.format(planted)
    code = "import sys; from exports import c_compiler; c_compiler.library(open(sys.argv[1], 'rb').read(), [])"
    (tmp_path / "planted.c").write_text(text)
    subprocess.run([sys.executable, "-c", code, tmp_path / "planted.c"], check=True)
    assert planted.exists()


def first(table: str, before: str, after: str) -> Change:
    """Changes the beginning of a table: a regular expression with what stands before it as its first group."""
    return lambda text: re.sub(rf"(polyscore_{table}\[\] = \{{\n{before}", rf"\g<1>{after}", text, count=1)


CHANGES: dict[str, tuple[Change, type[ArtifactError], str]] = {
    "another version": (put("polyscore_link", "polyscore_like"), UnsupportedConstruct, "polyscore_link"),
    "another link": (put('\\"kind\\":\\"logistic\\"', '\\"kind\\":\\"exp\\"'), UnsupportedConstruct, "not what polyscore writes"),
    "no link": (put('\\"kind\\":\\"logistic\\"', '\\"kind\\":\\"cos\\"'), CorruptArtifact, "is no link"),
    "another sigmoid": (put("POLYSCORE_SIGMOID (0x1.0", "POLYSCORE_SIGMOID (0x1.8"), UnsupportedConstruct, r"line \d+: .*SIGMOID"),
    "another formula": (put("1.0 / (1.0 + exp(", "2.0 / (1.0 + exp("), UnsupportedConstruct, r"line \d+: .*2\.0"),
    "another comparison": (put("column] <=", "column] <"), UnsupportedConstruct, r"line \d+: "),
    "another feature": (put('\\"zeros\\"', '\\"amount\\"'), CorruptArtifact, "listed twice"),
    "no schema": (put('"[{', '"{'), CorruptArtifact, "schema"),
    "a feature more": (put('"[{', '"[{\\"name\\":\\"x\\"},{'), CorruptArtifact, "schema"),
    "blanks": (put("    int k;", "   int k;"), UnsupportedConstruct, r"line \d+: .*int k"),
    "a node without a blank": (first("nodes", r".*?),\ ", ","), CorruptArtifact, r"line \d+: .*a node"),
    "no number": (first("nodes", r"\{)[^,]*", "NAN"), CorruptArtifact, "a node"),
    "too large a number": (first("nodes", r"\{)[^,]*", "0x1.0p+9999"), CorruptArtifact, "a double"),
    "another way to write it": (first("nodes", r"\{)[^,]*", "0x1.0p+0"), UnsupportedConstruct, r"line \d+: '\{0x1\.0p"),
    "no such column": (first("nodes", r"\{[^,]*, )\d+", "999"), CorruptArtifact, "nowhere"),
    "no such child": (first("nodes", r"\{[^,]*, \d+, )\d+", "99999"), CorruptArtifact, "nowhere"),
    "a circle": (first("nodes", r"\{[^,]*, \d+, )\d+", "0"), CorruptArtifact, "circle"),
    "no such feature": (first("numeric", r")\d+", "77"), CorruptArtifact, "no feature"),
    "no such flags": (first("numeric", r"\d+,)\d+", "4"), CorruptArtifact, "no feature"),
    "a large code": (first("codes", r")\d+", "9999999999"), CorruptArtifact, "not there"),
    "many sets": (first("categorical", r"\d+,\d+,)\d+", "9999999999"), CorruptArtifact, "not there"),
    "many codes and no sets": (first("categorical", r"\d+,\d+,)\d+,\d+", "0,9999999999"), CorruptArtifact, "not there"),
    "trees that are not there": (first("outputs", r"0,)\d+", "99"), CorruptArtifact, "trees"),
    "another depth": (first("groups", r")\d+", "1"), UnsupportedConstruct, r"line \d+: '1,"),
    "a negative place": (first("groups", r"\d+,)\d+", "-1"), CorruptArtifact, "whole numbers"),
    "a root elsewhere": (first("groups", r"\d+,)\d+", "9999999"), CorruptArtifact, "not there"),
    "a table twice": (lambda t: t + "static const int polyscore_numeric[] = {\n0};\n", UnsupportedConstruct, "2 lines begin so"),
    "a table not closed": (lambda t: t[: t.index("polyscore_nodes[] = {") + 22], CorruptArtifact, "not closed"),
    "no ASCII": (put("/* Usage", "/* Uségé"), CorruptArtifact, "line 2: not ASCII"),
    "a swarm of lines": (lambda t: t + "\n" * (c_writer.MOST_LINES + 1), CorruptArtifact, "lines"),
    "a swarm of numbers": (first("codes", ")", "0,0,0,0,\n" * (c_writer.MOST_ENTRIES // 4)), CorruptArtifact, r"line \d+: a table of more"),
    "a swarm of nodes": (first("nodes", ")", "{0x0.0p+0, 0, 0},\n" * c_writer.MOST_ENTRIES), CorruptArtifact, r"line \d+: more than"),
    "a long line": (first("codes", ")", "0," * 1_000_000), CorruptArtifact, r"line \d+: '0,0.*at most 500 characters"),
    "a long name": (put('"[{', '"[{' + "\\\\" * 1_000_000), CorruptArtifact, r"line \d+: .*at most 500 characters"),
    "another end of line": (lambda t: t.replace("\n", "\r\n"), CorruptArtifact, "not closed"),
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_changed_file_is_refused_by_name_even_with_a_digest_of_its_own(name: str, tmp_path: Path) -> None:
    change, error, named = CHANGES[name]
    path = tmp_path / "model.c"
    path.write_bytes(digest_anew(change(written(tmp_path).read_text())))
    with pytest.raises(error, match=rf"model\.c: .*{named}"):
        c.load(path)


def test_a_digit_changed_after_it_was_written_is_noticed(tmp_path: Path) -> None:
    path = written(tmp_path)
    path.write_text(re.sub(r"(polyscore_nodes\[\] = \{\n\{-?0x)(.)", lambda m: m[1] + ("1" if m[2] == "0" else "0"), path.read_text()))
    with pytest.raises(CorruptArtifact, match="SHA-256 is not the one"):
        c.load(path)


def test_somebody_elses_c_is_refused(tmp_path: Path) -> None:
    (tmp_path / "other.c").write_text("double score(double *x) { return x[0]; }\n")
    with pytest.raises(UnsupportedConstruct, match=r"other\.c: line 1: "):
        c.load(tmp_path / "other.c")
