"""An ensemble as one C99 file: the kernel's tables, a fixed program that walks them, and the schema as strings.

Doubles are hexadecimal, strings ASCII in short pieces: no name, however odd, ends a literal or makes a trigraph.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from domain.schema import FeatureSchema
from exports.ensemble import Ensemble, Link, LinkKind
from exports.errors import UnsupportedModel
from exports.metadata import link_text, schema_text
from exports.missing import ZERO
from exports.packing import AVERAGE, CATEGORICAL, CODES, GROUPS, LANES, N_COLUMNS, NUMERIC, OUTPUTS, Packed, pack

FIRST: Final = "/* polyscore 1: a LightGBM model in C99. SHA-256 of all that follows this line: {} */\n"
SCHEMA: Final = "const char *const polyscore_schema[] = {"
LINK: Final = "const char *const polyscore_link = "
TABLE: Final = "static const {} polyscore_{}[] = {{"
END: Final = "0};"
TYPES: Final = {
    "numeric": "int", "categorical": "int", "codes": "int", "members": "unsigned char", "outputs": "int", "groups": "int",
    "nodes": "polyscore_node",
}  # fmt: skip
MOST_ENTRIES: Final = 1 << 19  # gcc 12 takes 400 MB of memory and 7 s for as many
MOST_LINES: Final = 1 << 20
MOST_BYTES: Final = 1 << 25
MOST_WORK: Final = 1 << 15  # doubles on the stack: 256 kB
_TYPES, _WALK, _CALLS = re.split("@[A-Z]+@\n", Path(__file__).with_name("c_program.txt").read_text())
_PIECE: Final = 100  # characters of a string; C99 promises no more than 4,095
_USAGE: Final = """\
/* Usage: #include "model.c"; double raw[POLYSCORE_OUTPUTS], values[POLYSCORE_OUTPUTS]; polyscore_score(row, raw, values); link with -lm.
   row: POLYSCORE_FEATURES doubles in the order of polyscore_schema, a category as its place in its list, NAN for missing. Thread-safe. */
#include <float.h>
#include <math.h>
#include <stddef.h>

#if defined __FAST_MATH__ || defined __ASSOCIATIVE_MATH__ || (defined __FINITE_MATH_ONLY__ && __FINITE_MATH_ONLY__)
#error "compile without -ffast-math and its parts: missing values are NaN, and sums have an order"
#endif
#if FLT_EVAL_METHOD != 0
#error "double must be computed in double precision, not wider: compile for SSE2"
#endif

"""
_FORMULAS: Final[dict[LinkKind, str]] = {
    "identity": "score",
    "logistic": "1.0 / (1.0 + exp(-POLYSCORE_SIGMOID * score))",
    "softmax": "score",
    "exp": "exp(score)",
    "signed_square": "fabs(score) * score",
    "log1p_exp": "log1p(exp(score))",
}
_SOFTMAX: Final = """\
    top = values[0];
    for (k = 1; k < POLYSCORE_OUTPUTS; k++)
        if (values[k] > top)
            top = values[k];
    for (k = 0; k < POLYSCORE_OUTPUTS; k++) {
        values[k] = exp(values[k] - top);
        total += values[k];
    }
    for (k = 0; k < POLYSCORE_OUTPUTS; k++)
        values[k] /= total;
"""


def document(ensemble: Ensemble, schema: FeatureSchema) -> bytes:
    """The file. Raises ``UnsupportedModel`` for what has no trees, or more than a compiler or a stack takes."""
    packed = pack(ensemble)
    categorical, members = _members(packed)
    _check(ensemble, packed, len(members))
    tables = _tables(packed, categorical, members)
    texts = _texts(schema, ensemble.link)
    body = "".join([_USAGE, *_sizes(ensemble, packed), *texts, _TYPES, *tables, _WALK, _link(ensemble.link), _CALLS]).encode()
    if len(body) + len(FIRST) + 64 > MOST_BYTES or body.count(b"\n") >= MOST_LINES:
        raise UnsupportedModel(f"more than {MOST_BYTES:,} bytes or {MOST_LINES:,} lines of C: use pmml or pfa, or fewer labels")
    return FIRST.format(hashlib.sha256(body).hexdigest()).encode() + body


def table(packed: Packed, which: int) -> NDArray[np.int32]:
    """One of the tables in ``ints``."""
    return packed.ints[packed.ints[2 * which] : packed.ints[2 * which + 1]]


def _check(ensemble: Ensemble, packed: Packed, members: int) -> None:
    if not ensemble.n_trees:
        raise UnsupportedModel("a model without trees: C has no table of nothing; train it for one round at least")
    entries = len(packed.ints) + len(packed.nodes) // 2 + members
    if entries > MOST_ENTRIES:
        raise UnsupportedModel(f"tables of {entries:,} entries, where C gets {MOST_ENTRIES:,} here: use pmml or pfa, or fewer trees")
    if (work := int(packed.ints[N_COLUMNS]) + ensemble.n_trees) > MOST_WORK:
        raise UnsupportedModel(f"{work:,} doubles on the stack, where C gets {MOST_WORK:,} here: use pmml or pfa, or fewer trees")
    if np.isnan(ensemble.threshold).any():
        raise UnsupportedModel("a leaf or threshold that is NaN: train it again")


def _sizes(ensemble: Ensemble, packed: Packed) -> Iterator[str]:
    sizes: dict[str, int | str] = {
        "FEATURES": ensemble.n_features,
        "OUTPUTS": ensemble.n_outputs,
        "TREES": ensemble.n_trees,
        "COLUMNS": int(packed.ints[N_COLUMNS]),
        "NUMERIC": len(table(packed, NUMERIC)) // 2,
        "CATEGORICAL": len(table(packed, CATEGORICAL)) // 6,
        "GROUPS": len(table(packed, GROUPS)) // (2 * LANES + 1),
        "ZERO": ZERO.hex(),
    }
    if ensemble.link.kind == "logistic":
        sizes["SIGMOID"] = f"({packed.sigmoid.hex()})"
    if packed.ints[AVERAGE] > 1:
        sizes["AVERAGE_OVER"] = f"{packed.ints[AVERAGE]}.0"
    yield from (f"#define POLYSCORE_{name} {value}\n" for name, value in sizes.items())


def _texts(schema: FeatureSchema, link: Link) -> Iterator[str]:
    """Schema and link as JSON, a feature from the start of a line."""
    yield f"\n{LINK}{_string(link_text(link))};\n{SCHEMA}\n"
    for feature in re.split(r"(?<=\},)(?=\{)", schema_text(schema)):
        yield from (f"{_string(feature[i : i + _PIECE])},\n" for i in range(0, len(feature), _PIECE))
    yield f"{END}\n\n"


def _string(text: str) -> str:
    """A literal of ASCII text. Question marks are escaped, since two of them begin a trigraph."""
    return '"' + re.sub(r'[\\"?]', r"\\\g<0>", text).replace("\x7f", "\\177") + '"'


def _members(packed: Packed) -> tuple[NDArray[np.int32], NDArray[np.uint8]]:
    """The table of categories, and the matrices it leads to with eight members a byte: a line of bytes for each line of the matrix."""
    categorical = table(packed, CATEGORICAL).reshape(-1, 6).copy()
    starts = [*categorical[:, 5].tolist(), len(packed.members)]
    bits, size = [np.zeros(0, dtype=np.uint8)], 0
    for at, sets in enumerate(categorical[:, 2].tolist()):
        matrix = packed.members[starts[at] : starts[at + 1]].reshape(-1, sets)
        bits.append(np.packbits(matrix, axis=1, bitorder="little").ravel())
        categorical[at, 5], size = size, size + len(bits[-1])
    return categorical.ravel(), np.concatenate(bits)


def _tables(packed: Packed, categorical: NDArray[np.int32], members: NDArray[np.uint8]) -> Iterator[str]:
    yield from _ints("numeric", table(packed, NUMERIC), 2)
    yield from _ints("categorical", categorical, 6)
    yield from _ints("codes", table(packed, CODES), 32)
    yield from _ints("members", members, 32)
    yield from _ints("outputs", table(packed, OUTPUTS), 32)
    yield from _ints("groups", table(packed, GROUPS), 2 * LANES + 1)
    links = packed.links
    rows = zip(packed.nodes[::2].tolist(), links[2::4].tolist(), links[3::4].tolist(), strict=True)
    yield from _table("nodes", (f"{{{_double(value)}, {column}, {child}}},\n" for value, column, child in rows), "};")


def _ints(name: str, values: NDArray[Any], width: int) -> Iterator[str]:
    """Closed by a zero of its own, so that no array is empty: C knows none."""
    items: Sequence[int] = values.tolist()
    yield from _table(name, (f"{','.join(map(str, items[i : i + width]))},\n" for i in range(0, len(items), width)), END)


def _table(name: str, lines: Iterable[str], end: str) -> Iterator[str]:
    yield f"{TABLE.format(TYPES[name], name)}\n"
    yield from lines
    yield f"{end}\n"


def _double(value: float) -> str:
    return value.hex() if np.isfinite(value) else "INFINITY" if value > 0 else "-INFINITY"


def _link(link: Link) -> str:
    """The function from raw scores to values, with LightGBM's own formulas."""
    softmax = link.kind == "softmax"
    score = "raw[k] / POLYSCORE_AVERAGE_OVER" if link.average_over > 1 else "raw[k]"
    return "".join([
        "/* Raw scores to what the model means by them, with LightGBM's formulas. */\n",
        "static void polyscore_apply_link(const double *raw, double *values)\n{\n",
        "    double top, total = 0.0;\n" if softmax else "",
        "    int k;\n    for (k = 0; k < POLYSCORE_OUTPUTS; k++) {\n",
        f"        const double score = {score};\n        values[k] = {_FORMULAS[link.kind]};\n    }}\n",
        _SOFTMAX if softmax else "",
        "}\n\n",
    ])  # fmt: skip
