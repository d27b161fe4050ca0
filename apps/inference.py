"""The Open Inference Protocol v2, as bytes: a request's tensors as rows, and scores as an answer.

Tensors travel as JSON numbers (null: missing) or binary, little endian (the protocol's binary data extension). Source: the Open
Inference Protocol's REST specification, version 2.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, Final

import numpy as np
import orjson
from numpy.typing import NDArray

from domain.schema import MISSING, Feature, FeatureSchema
from domain.table.categories import ONLY_CODES, Categories, TwoMeaningsError
from exports.remote import HEADER, MOST_ROWS

MOST_JSON: Final = 16 << 20  # bytes; as Python objects they may take twenty times as much
_LENGTH: Final = re.compile(r"[0-9]{1,9}")
Matrix = NDArray[np.float64]


class RefusedError(Exception):
    """A request that gets a status and a reason."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status


def split(body: bytes, length: str | None) -> tuple[dict[str, Any], memoryview]:
    """The JSON part of a request and what follows it, not copied. Raises ``RefusedError``."""
    if length is not None and not (_LENGTH.fullmatch(length) and int(length) <= len(body)):
        raise RefusedError(400, f"{HEADER}: {length[:40]!r} is no length within the body")
    at = len(body) if length is None else int(length)
    if at > MOST_JSON:
        raise RefusedError(413, f"more than {MOST_JSON >> 20} MiB of JSON: send fewer rows, or the tensors as binary")
    parts = memoryview(body)
    try:
        head = orjson.loads(parts[:at])
    except orjson.JSONDecodeError as error:
        raise RefusedError(400, f"not JSON: {error}") from None
    if not isinstance(head, dict) or not isinstance(head.get("inputs"), list):
        raise RefusedError(400, "a request is a JSON object with a list `inputs`")
    return head, parts[at:]


def asked(head: Mapping[str, Any], known: Sequence[str]) -> dict[str, bool]:
    """The outputs that the request ``head`` asks for, in its order (``known`` where it names none), and whether each is to be binary.

    Raises ``RefusedError`` for an output that is not known.
    """
    binary = _flag(head, "binary_data_output", otherwise=False)
    outputs = head.get("outputs")
    if outputs is None or outputs == []:
        return dict.fromkeys(known, binary)
    named = [o.get("name") if isinstance(o, dict) else None for o in outputs] if isinstance(outputs, list) else [None]
    if unknown := [_shown(name) for name in named if name not in known]:
        raise RefusedError(400, f"no output {unknown[0]!r}; a request's outputs are objects with a name: {' or '.join(known)}")
    if len(set(named)) < len(named):
        raise RefusedError(400, f"outputs {', '.join(map(_shown, named))[:40]}: one stands twice")
    return {o["name"]: _flag(o, "binary_data", otherwise=binary) for o in outputs}


def _flag(of: Mapping[str, Any], name: str, *, otherwise: bool) -> bool:
    parameters = of.get("parameters")
    return bool(parameters.get(name, otherwise)) if isinstance(parameters, dict) else otherwise


def answer(
    head: Mapping[str, Any], fields: dict[str, Any], tensors: Mapping[str, Matrix], binary: Mapping[str, bool]
) -> tuple[bytes, int | None]:
    """The answer to the request ``head``: its bytes and, where tensors follow that are ``binary``, the length of its JSON.

    Raises ``RefusedError`` for what JSON cannot hold.
    """
    if isinstance(head.get("id"), str):
        fields["id"] = head["id"]
    outputs = [{"name": name, "datatype": "FP64", "shape": list(m.shape), **_data(m, binary=binary[name])} for name, m in tensors.items()]
    text = orjson.dumps({**fields, "outputs": outputs})
    behind = [m.astype("<f8").tobytes() for name, m in tensors.items() if binary[name]]
    if not behind:
        return text, None
    text += b" " * (-len(text) % 8)  # so that the doubles lie aligned
    return b"".join([text, *behind]), len(text)


def _data(tensor: Matrix, *, binary: bool) -> dict[str, Any]:
    if binary:
        return {"parameters": {"binary_data_size": tensor.nbytes}}
    if np.isinf(tensor).any():  # JSON has no word for it, and null is a missing one
        raise RefusedError(422, "a score is infinite, which JSON cannot hold: ask with the parameter binary_data_output")
    return {"data": tensor.ravel().tolist()}


def rows_of(inputs: Sequence[Any], binary: memoryview, schema: FeatureSchema) -> Matrix:
    """(n, features) float64 of one tensor ``features``, or of a tensor a feature by its name, (n,) or (n, 1), labels as BYTES.

    Raises ``RefusedError``.
    """
    if len(inputs) > len(schema):
        raise RefusedError(400, f"{len(inputs)} inputs for a model of {len(schema)} features")
    tensors: dict[str, list[Any] | Matrix] = {}
    at = 0
    for tensor in inputs:
        name, values, used = _tensor(tensor, binary[at:], len(schema))
        at += used
        if name in tensors:
            raise RefusedError(400, f"input {name!r} stands twice")
        tensors[name] = values
    if set(tensors) == {"features"}:
        return _checked(np.array(tensors["features"], dtype=np.float64).reshape(-1, len(schema)))
    unknown, lacking = sorted(set(tensors) - set(schema.names)), [n for n in schema.names if n not in tensors]
    if unknown or lacking or len({len(v) for v in tensors.values()}) != 1:
        raise RefusedError(400, f"give `features`, or a tensor of one length for each feature; unknown {unknown}, lacking {lacking}")
    return _checked(np.array([_column(f, tensors[f.name]) for f in schema.features], dtype=np.float64).T)


def _checked(rows: Matrix) -> Matrix:
    if not 0 < len(rows) <= MOST_ROWS:
        raise RefusedError(400, f"{len(rows)} rows: a request has 1 to {MOST_ROWS:,}")
    return np.ascontiguousarray(rows)


def _column(feature: Feature, values: list[Any] | Matrix) -> list[float]:
    """A feature's values as a scorer takes them: labels as a table's cells are read (``apps.cells``), and no number in their place."""
    labels = _categories(feature) if feature.labelled else None
    found: list[float] = []
    for value in values:
        try:
            found.append(_number(feature, value) if labels is None else _code(labels, value))
        except (ValueError, TwoMeaningsError) as error:
            raise RefusedError(400, f"input {feature.name!r}, row {len(found) + 1}: {error}") from None
    return found


def _code(labels: Categories, value: Any) -> float:
    if isinstance(value, str):
        return labels.code(value)
    if not math.isnan(value):
        raise ValueError(f"{value!s:.40} where a label was due: send labels as BYTES (`features` takes their codes)")
    return MISSING


def _number(feature: Feature, value: Any) -> float:
    if not isinstance(value, str):
        return float(value)
    if not feature.coded:
        raise ValueError(f"{value[:40]!r} where a number was due")
    from apps.csv_columns import NUMBER  # noqa: PLC0415  # pyarrow takes time and memory: a server that nobody asks so does without

    if not re.match(NUMBER, value.strip()):
        raise ValueError(f"{value[:40]!r} is not a number, and {ONLY_CODES}")
    return float(value)


@lru_cache(maxsize=1000)
def _categories(feature: Feature) -> Categories:
    return Categories(feature)


def _tensor(tensor: Any, binary: memoryview, features: int) -> tuple[str, list[Any] | Matrix, int]:
    """Name, values and the bytes taken of the binary part."""
    try:
        name, shape, kind = tensor["name"], tensor["shape"], tensor["datatype"]
        size = tensor.get("parameters", {}).get("binary_data_size")
        data = tensor.get("data")
    except (TypeError, KeyError, AttributeError):
        raise RefusedError(400, "an input has name, shape, datatype, and data or binary_data_size") from None
    if not (isinstance(name, str) and isinstance(shape, list) and all(type(n) is int for n in shape)):
        raise RefusedError(400, f"input {_shown(name)!r}: a name is text, and a shape a list of whole numbers")
    width = features if name == "features" else 1
    formed = shape[1:] == [width] or (width == 1 and len(shape) == 1)
    if kind not in ("FP64", "FP32", "INT64", "INT32", "BYTES") or not formed or not 0 < shape[0] <= MOST_ROWS:
        shown = f"{_shown(kind)} of shape {str(shape)[:40]}"
        raise RefusedError(400, f"input {name[:40]!r}: {shown}; FP64 of shape [n, {width}], n up to {MOST_ROWS:,}, is due")
    count = shape[0] * width
    if size is not None:
        if kind != "FP64" or type(size) is not int or size != 8 * count or len(binary) < size:
            raise RefusedError(400, f"input {name!r}: {_shown(size)} bytes where {8 * count} of FP64 were due")
        return name, np.frombuffer(binary, dtype="<f8", count=count), size
    if kind == "BYTES" and name == "features":
        raise RefusedError(
            400, "input 'features': numbers alone, labels as their codes; labels go as BYTES in a tensor of their feature's name"
        )
    return name, _as_typed(name, _values(name, _flat(name, data, shape), count, labels=kind == "BYTES"), kind), 0


def _flat(name: str, data: Any, shape: list[int]) -> list[Any]:
    """Nested lists as one: tensors may come either way. Raises ``RefusedError`` where they are nested otherwise than ``shape`` says."""
    if not isinstance(data, list):
        return []
    lengths = {len(item) if isinstance(item, list) else 0 for item in data}
    if len(shape) == 2 and lengths not in (set(), {0}, {shape[1]}):
        raise RefusedError(400, f"input {name!r}: its rows have {sorted(lengths)} values where {shape[1]} were due")
    return [v for item in data for v in (item if isinstance(item, list) else [item])]


def _values(name: str, values: list[Any], count: int, *, labels: bool) -> list[Any]:
    """Labels, or numbers; either may be missing."""
    if len(values) != count:
        raise RefusedError(400, f"input {name!r}: {len(values)} values where {count} were due")
    for value in values:
        is_one = isinstance(value, str) if labels else isinstance(value, int | float) and not isinstance(value, bool)
        if value is not None and not is_one:
            raise RefusedError(400, f"input {name!r}: {_shown(value)!r} is not a {'label' if labels else 'number'} (null is missing)")
    return [MISSING if value is None else value for value in values]


def _as_typed(name: str, values: list[Any], kind: str) -> list[Any]:
    """Numbers as the tensor's type holds them."""
    if kind == "FP32":
        with np.errstate(over="ignore"):
            return [float(v) for v in np.array(values, np.float64).astype(np.float32)]
    if kind.startswith("INT") and (broken := [v for v in values if isinstance(v, float) and not (math.isnan(v) or v.is_integer())]):
        raise RefusedError(400, f"input {name!r}: {broken[0]} in a tensor of {kind}; send FP64")
    return values


def _shown(value: object) -> str:
    """The beginning of what a client sent; of what is nested its kind, as that may be nested too deep to be written."""
    return type(value).__name__ if isinstance(value, list | dict) else str(value)[:40]
