"""The ``remote`` format: the model stays behind a server that speaks the Open Inference Protocol v2; the artifact says which and where.

Rows travel as binary tensors (the protocol's binary data extension), so that missing values, infinities and every bit arrive.
"""

from __future__ import annotations

import http.client
import ipaddress
import json
import os
import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import numpy as np
from numpy.typing import NDArray

from domain.schema import FeatureSchema
from exports import files
from exports.compiled import matrix, numbers
from exports.deadline import Connection
from exports.errors import ArtifactError, CorruptArtifact, EngineMissing, ServerUnavailable
from exports.fit import fitting
from exports.lightgbm_text import ModelSource
from exports.lightgbm_text import read as read_model
from exports.scorer import Scores

KIND: Final = "polyscore remote model"
SERVER: Final = "http://127.0.0.1:8080"
SERVER_VARIABLE: Final = "POLYSCORE_MODEL_SERVER"  # where it is served, whatever the artifact says
KEY_VARIABLE: Final = "POLYSCORE_API_KEY"  # a secret has no place in an artifact
HEADER: Final = "Inference-Header-Content-Length"
TIMEOUT_VARIABLE: Final = "POLYSCORE_MODEL_TIMEOUT"
TIMEOUT: Final = 0.05  # seconds for one row, where the environment says nothing; half of the strictest deadline
PAUSE: Final = 1.0  # seconds in which a server that failed is not asked again: every event would wait for it
MOST_ROWS: Final = 10_000  # in one request
MOST_BYTES: Final = 64 << 20  # of one request
_ROOM: Final = 4 << 20  # of these, for all that is not rows
_MOST: Final = 1 << 28  # bytes of an answer
_LENGTH: Final = re.compile(r"[0-9]{1,9}")
_HOST: Final = re.compile(r"[!-~]+")


def export(model: ModelSource, schema: FeatureSchema | None, path: Path) -> Path:
    """Write where the model is served: at ``SERVER``, under a name that is the model's own digest."""
    return export_to(SERVER, model, schema, path)


def export_to(server: str, model: ModelSource, schema: FeatureSchema | None, path: Path) -> Path:
    """Write the artifact for a server at this address (``http://host:port``). Raises as every ``export`` does, or ``ArtifactError``."""
    read = read_model(model)
    fitted = fitting(read, schema)
    _address(server, path.name)
    digest = read.ensemble.digest
    fields = {"kind": KIND, "server": server, "name": name_of(digest), "digest": digest, "outputs": read.ensemble.n_outputs}
    return files.write(path, json.dumps({**fields, "schema": fitted.to_json()}, indent=1).encode() + b"\n")


def name_of(digest: str) -> str:
    """What a server calls the model of this digest (``Ensemble.digest``)."""
    return f"model-{digest[:12]}"


@dataclass(frozen=True)
class Place:
    """What an artifact says: which model, and where it is served."""

    server: str
    name: str
    digest: str
    outputs: int
    schema: FeatureSchema


def load(path: Path, *, timeout: float | None = None, clock: Callable[[], float] = time.monotonic) -> RemoteScorer:
    """Connect to the server that ``POLYSCORE_MODEL_SERVER`` or else the artifact names.

    The key in ``POLYSCORE_API_KEY``, if any, goes to the server that the variable names, or to one of this machine: to no other that an
    artifact may name. ``timeout``: seconds for one row; default: ``POLYSCORE_MODEL_TIMEOUT``, or 0.05.
    Raises ``EngineMissing`` where it does not answer, ``ArtifactError`` where it has another model, ``CorruptArtifact``.
    """
    place = read(path)
    if server := os.environ.get(SERVER_VARIABLE, ""):
        _address(server, SERVER_VARIABLE)
        place = replace(place, server=server)
    key, trusted = _key(), bool(server) or _of_this_machine(place.server)
    scorer = RemoteScorer(place, timeout or _time_limit(), key if trusted else "", clock)
    try:
        served = scorer.metadata()
    except ServerUnavailable as error:
        withheld = "" if trusted or not key else f" ({KEY_VARIABLE} was not sent: {SERVER_VARIABLE} names whom it is for)"
        raise EngineMissing(f"{path.name}: {error}{withheld}; start it with `polyscore serve`, given an artifact of this model") from None
    if _field(served.get("properties"), "digest") != place.digest:
        raise ArtifactError(path.name, f"the server at {place.server} has another model under the name {place.name}")
    return scorer


def read(path: Path) -> Place:
    """What the artifact says; nobody is asked. Raises ``CorruptArtifact`` or ``ArtifactError``."""
    try:
        found = json.loads(files.text(path))
        if found.pop("kind") != KIND:
            raise ValueError(f"its kind is not {KIND!r}")
        place = Place(schema=FeatureSchema.from_json(found.pop("schema")), **found)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise CorruptArtifact(path.name, f"does not say where a model is served: {error}") from None
    sound = [isinstance(v, str) for v in (place.server, place.name, place.digest)]
    if not all(sound) or type(place.outputs) is not int or not 0 < place.outputs < 100_000 or place.name != name_of(place.digest):
        raise CorruptArtifact(path.name, "server, name, digest or outputs are not what they should be")
    _address(place.server, path.name)
    return place


def _key() -> str:
    key = os.environ.get(KEY_VARIABLE, "")
    if not (key.isascii() and key.isprintable()):
        raise ArtifactError(KEY_VARIABLE, "holds what no HTTP header can: use printable ASCII")
    return key


def _of_this_machine(server: str) -> bool:
    host, _ = _address(server, "server")
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _time_limit() -> float:
    text = os.environ.get(TIMEOUT_VARIABLE, "") or str(TIMEOUT)
    try:
        limit = float(text)
    except ValueError:
        limit = 0.0
    if not 0.0 < limit <= 60.0:
        raise ArtifactError(TIMEOUT_VARIABLE, f"{text!r}: seconds for one row, more than 0 and at most 60")
    return limit


def _address(server: str, source: str) -> tuple[str, int]:
    try:
        parts = urlsplit(server)
        port, host = parts.port, (parts.hostname or "").encode("idna").decode()
    except ValueError as error:
        raise ArtifactError(source, f"server {server!r}: {error}") from None
    if parts.scheme != "http" or not _HOST.fullmatch(host) or parts.path.strip("/"):
        raise ArtifactError(source, f"server {server!r}: write it as http://host:port")
    return host, port or 80


class RemoteScorer:
    """Asks the server, over one connection that stays open. Not for several threads at once."""

    def __init__(self, place: Place, timeout: float, api_key: str, clock: Callable[[], float]) -> None:
        self.schema = place.schema
        self._place, self._timeout, self._clock = place, timeout, clock
        host, port = _address(place.server, place.name)
        self._connection = Connection(host, port, clock)
        self._path = f"/v2/models/{place.name}"
        self._headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}
        self._not_before = 0.0

    def metadata(self) -> dict[str, Any]:
        """What the server says of the model. Raises ``ServerUnavailable``."""
        body, _ = self._ask("GET", self._path, b"", {}, 20 * self._timeout)
        return _json(body)

    def score(self, row: Sequence[float | None]) -> Scores:
        """Raw and linked scores of one row. Raises ``RowError`` for a row that cannot be sent, or ``ServerUnavailable``.

        Whatever the server says that is not this row's scores, a refusal of the row too, is ``ServerUnavailable``.
        """
        raw, values = self._infer(np.array([numbers(row, self.schema)]), self._timeout)
        return Scores(tuple(raw[0].tolist()), tuple(values[0].tolist()))

    def score_batch(self, rows: NDArray[np.float64]) -> NDArray[np.float64]:
        """(n, features) float64 -> (n, outputs) float64, after the link. A request has a hundred times the time of a row."""
        return self._batch(rows)[1]

    def raw_batch(self, rows: NDArray[np.float64]) -> NDArray[np.float64]:
        """(n, features) float64 -> (n, outputs) float64, before the link."""
        return self._batch(rows)[0]

    def _batch(self, rows: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        table = matrix(rows, self.schema)
        size = max(1, min(MOST_ROWS, (MOST_BYTES - _ROOM) // (8 * len(self.schema))))
        parts = [self._infer(table[i : i + size], 100 * self._timeout) for i in range(0, len(table), size)]
        empty = np.empty((0, self._place.outputs))
        return np.concatenate([empty, *(raw for raw, _ in parts)]), np.concatenate([empty, *(values for _, values in parts)])

    def _infer(self, table: NDArray[np.float64], timeout: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        data = np.ascontiguousarray(table, dtype="<f8").tobytes()
        tensor = {"name": "features", "shape": list(table.shape), "datatype": "FP64", "parameters": {"binary_data_size": len(data)}}
        head = json.dumps({"inputs": [tensor], "parameters": {"binary_data_output": True}}).encode()
        body, length = self._ask("POST", f"{self._path}/infer", head + data, {HEADER: str(len(head))}, timeout)
        return self._tensors(body, length, len(table))

    def _tensors(self, body: bytes, length: int, rows: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        size = rows * self._place.outputs * 8
        outputs = _json(body[:length]).get("outputs")
        names = [_field(output, "name") for output in outputs] if isinstance(outputs, list) else []
        if names != ["raw", "values"] or len(body) != length + 2 * size:
            raise ServerUnavailable(f"{self._place.server} answers with {names} in {len(body)} bytes where raw and values were due")
        both = np.frombuffer(body, dtype="<f8", offset=length) if length % 8 == 0 else np.frombuffer(body[length:], dtype="<f8")
        return both[: size // 8].reshape(rows, -1), both[size // 8 :].reshape(rows, -1)

    def _ask(self, method: str, path: str, body: bytes, headers: Mapping[str, str], timeout: float) -> tuple[bytes, int]:
        """The answer's body and the length of its JSON, within ``timeout`` seconds in all.

        A connection that was closed meanwhile is opened once more.
        """
        if self._clock() < self._not_before:
            raise ServerUnavailable(f"{self._place.server} failed less than {PAUSE:g} s ago and is not asked yet")
        fresh = self._connection.sock is None
        self._connection.deadline = self._clock() + timeout
        try:
            return self._exchange(method, path, body, headers)
        except (http.client.RemoteDisconnected, BrokenPipeError, ConnectionResetError) as error:
            self._connection.close()
            if fresh:
                raise self._failed(error) from None
        except (OSError, http.client.HTTPException, ServerUnavailable) as error:
            raise self._failed(error) from None
        try:
            return self._exchange(method, path, body, headers)
        except (OSError, http.client.HTTPException, ServerUnavailable) as error:
            raise self._failed(error) from None

    def _failed(self, error: Exception) -> ServerUnavailable:
        self._connection.close()
        self._not_before = self._clock() + PAUSE
        return (
            error if isinstance(error, ServerUnavailable) else ServerUnavailable(f"{self._place.server}: {error or type(error).__name__}")
        )

    def _exchange(self, method: str, path: str, body: bytes, headers: Mapping[str, str]) -> tuple[bytes, int]:
        self._connection.request(method, path, body, {**self._headers, **headers})
        response = self._connection.getresponse()
        answer = response.read(_MOST)
        if response.status != http.client.OK:
            raise ServerUnavailable(f"{self._place.server}: status {response.status}: {answer[:300].decode(errors='replace')}")
        stated = response.getheader(HEADER, "")
        return answer, int(stated) if _LENGTH.fullmatch(stated) else len(answer)


def _json(data: bytes) -> dict[str, Any]:
    try:
        found = json.loads(data)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise ServerUnavailable("the server's answer is not the protocol's JSON")
    return found


def _field(found: object, name: str) -> object:
    """A field of what should be a JSON object; None where it is none."""
    return found.get(name) if isinstance(found, dict) else None
