"""The Open Inference Protocol v2, as bytes: a request's tensors as rows, and scores as an answer.

Tensors travel as JSON numbers (null: missing) or binary, little endian (the protocol's binary data extension). Source: the Open
Inference Protocol's REST specification, version 2.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
import orjson
from numpy.typing import NDArray

from domain.schema import MISSING, FeatureSchema
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


def answer(head: Mapping[str, Any], fields: dict[str, Any], tensors: Mapping[str, Matrix]) -> tuple[bytes, int | None]:
    """The answer to the request ``head``: its bytes and, where the tensors follow binary, the length of its JSON."""
    if isinstance(head.get("id"), str):
        fields["id"] = head["id"]
    outputs: list[dict[str, Any]] = [{"name": name, "datatype": "FP64", "shape": list(m.shape)} for name, m in tensors.items()]
    if not (isinstance(head.get("parameters"), dict) and head["parameters"].get("binary_data_output")):
        told = [{**output, "data": m.ravel().tolist()} for output, m in zip(outputs, tensors.values(), strict=True)]
        return orjson.dumps({**fields, "outputs": told}), None
    told = [{**output, "parameters": {"binary_data_size": m.nbytes}} for output, m in zip(outputs, tensors.values(), strict=True)]
    text = orjson.dumps({**fields, "outputs": told})
    text += b" " * (-len(text) % 8)  # so that the doubles lie aligned
    return b"".join([text, *(m.astype("<f8").tobytes() for m in tensors.values())]), len(text)


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
    columns = [[_value(schema, name, v) for v in tensors[name]] for name in schema.names]
    return _checked(np.array(columns, dtype=np.float64).T)


def _checked(rows: Matrix) -> Matrix:
    if not 0 < len(rows) <= MOST_ROWS:
        raise RefusedError(400, f"{len(rows)} rows: a request has 1 to {MOST_ROWS:,}")
    return np.ascontiguousarray(rows)


def _value(schema: FeatureSchema, name: str, value: Any) -> float:
    if isinstance(value, str):
        if not schema.features[schema.names.index(name)].categories:
            raise RefusedError(400, f"input {name!r}: {value[:40]!r} where a number was due")
        return schema.code(name, value)
    return float(value)


def _tensor(tensor: Any, binary: memoryview, features: int) -> tuple[str, list[Any] | Matrix, int]:
    """Name, values and the bytes taken of the binary part."""
    try:
        name, shape, kind = tensor["name"], tensor["shape"], tensor["datatype"]
        size = tensor.get("parameters", {}).get("binary_data_size")
        data = tensor.get("data")
    except (TypeError, KeyError, AttributeError):
        raise RefusedError(400, "an input has name, shape, datatype, and data or binary_data_size") from None
    if not (isinstance(name, str) and isinstance(shape, list) and all(type(n) is int for n in shape)):
        raise RefusedError(400, f"input {str(name)[:40]!r}: a name is text, and a shape a list of whole numbers")
    width = features if name == "features" else 1
    count = int(np.prod(shape, dtype=object)) if shape else 0
    if kind not in ("FP64", "FP32", "INT64", "INT32", "BYTES") or min(shape, default=0) < 1 or count > MOST_ROWS * width or count % width:
        shown = f"{str(kind)[:40]} of shape {str(shape)[:40]}"
        raise RefusedError(400, f"input {name[:40]!r}: {shown}; FP64 of shape [n, {width}], n up to {MOST_ROWS:,}, is due")
    if size is not None:
        if kind != "FP64" or type(size) is not int or size != 8 * count or len(binary) < size:
            raise RefusedError(400, f"input {name!r}: {str(size)[:40]} bytes where {8 * count} of FP64 were due")
        return name, np.frombuffer(binary, dtype="<f8", count=count), size
    if kind == "BYTES" and name == "features":
        raise RefusedError(
            400, "input 'features': numbers alone, labels as their codes; labels go as BYTES in a tensor of their feature's name"
        )
    return name, _values(name, _flat(data), count, labels=kind == "BYTES"), 0


def _flat(data: Any) -> list[Any]:
    """Nested lists as one: tensors may come either way."""
    if not isinstance(data, list):
        return []
    return [v for item in data for v in (item if isinstance(item, list) else [item])]


def _values(name: str, values: list[Any], count: int, *, labels: bool) -> list[Any]:
    """Labels, or numbers; either may be missing."""
    if len(values) != count:
        raise RefusedError(400, f"input {name!r}: {len(values)} values where {count} were due")
    for value in values:
        is_one = isinstance(value, str) if labels else isinstance(value, int | float) and not isinstance(value, bool)
        if value is not None and not is_one:
            raise RefusedError(400, f"input {name!r}: {str(value)[:40]!r} is not a {'label' if labels else 'number'} (null is missing)")
    return [MISSING if value is None else value for value in values]
