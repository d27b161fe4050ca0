"""The remote format: every bit arrives, and a server that is away, slow, wrong or hostile is told from one that answers."""

from __future__ import annotations

import http.server
import json
import re
import socket
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from email.message import Message
from pathlib import Path
from typing import Any, Protocol

import lightgbm as lgb
import numpy as np
import pytest

from apps.inference import RefusedError, split
from apps.serve import Models
from exports import remote
from exports.errors import ArtifactError, CorruptArtifact, EngineMissing, RowError, ServerUnavailable
from exports.lightgbm_text import read
from exports.scorer import Scores
from models.decide import FALLBACK, Model, _scored
from tests.exports.served import add, serving
from tests.exports.zoo import KINDS, SCHEMA, rows, trained


@pytest.fixture(scope="module")
def models() -> Models:
    found = Models()
    for kind in KINDS:
        add(found, trained(kind), SCHEMA)
    return found


@pytest.fixture(scope="module")
def server(models: Models) -> Iterator[str]:
    with serving(models) as address:
        yield address


def artifact(server: str, folder: Path, kind: str = "binary") -> Path:
    return remote.export_to(server, trained(kind), SCHEMA, folder / "model.remote.json")


@pytest.mark.parametrize("kind", KINDS)
def test_raw_scores_are_lightgbms_bit_for_bit(kind: str, server: str, tmp_path: Path) -> None:
    scorer = remote.load(artifact(server, tmp_path, kind), timeout=5)
    x = rows(read(trained(kind)).ensemble)
    raw = np.asarray(trained(kind).predict(x, raw_score=True)).reshape(len(x), -1)
    assert scorer.raw_batch(x).tobytes() == raw.tobytes()
    assert np.array([scorer.score(row.tolist()).raw for row in x[:50]]).tobytes() == raw[:50].tobytes()
    wanted = np.asarray(trained(kind).predict(x)).reshape(len(x), -1)
    np.testing.assert_array_max_ulp(scorer.score_batch(x), wanted, maxulp=2)


def infer(server: str, body: dict[str, Any], kind: str = "binary", **headers: str) -> dict[str, Any]:
    name = remote.name_of(read(trained(kind)).ensemble.digest)
    request = urllib.request.Request(f"{server}/v2/models/{name}/infer", json.dumps(body).encode(), headers)
    with urllib.request.urlopen(request, timeout=10) as answer:
        found: dict[str, Any] = json.load(answer)
    return found


def tensor(name: str, values: list[Any], kind: str = "FP64") -> dict[str, Any]:
    return {"name": name, "shape": [len(values)], "datatype": kind, "data": values}


def test_any_client_of_the_protocol_may_ask_with_labels_by_name(server: str) -> None:
    label = SCHEMA.features[3].categories[1]
    inputs = [
        tensor("amount", [1.5]),
        tensor("zeros", [None]),
        tensor("noise", [0]),
        tensor("label", [label], "BYTES"),
        tensor("gone", [2.0]),
    ]
    answer = infer(server, {"id": "7", "inputs": inputs})
    row = np.array([[1.5, np.nan, 0.0, 1.0, 2.0]])
    assert answer["id"] == "7"
    assert [output["name"] for output in answer["outputs"]] == ["raw", "values"]
    assert answer["outputs"][0]["data"] == np.asarray(trained("binary").predict(row, raw_score=True)).tolist()


def test_one_tensor_of_many_rows_is_answered_row_by_row(server: str) -> None:
    x = np.zeros((3, len(SCHEMA)))
    x[:, 0] = [-1, 0, 1]
    answer = infer(server, {"inputs": [{"name": "features", "shape": [3, 5], "datatype": "FP64", "data": x.tolist()}]}, "multiclass")
    assert answer["outputs"][0]["shape"] == [3, 3]
    wanted = np.asarray(trained("multiclass").predict(x, raw_score=True)).ravel().tolist()
    assert answer["outputs"][0]["data"] == wanted


def asking(server: str, path: str, body: dict[str, Any] | None = None, method: str | None = None) -> tuple[int, dict[str, Any], Message]:
    """Status, JSON and headers of an answer, a refusal too. What follows the JSON binary is looked at as one ``binary`` of doubles."""
    data = None if body is None else json.dumps(body).encode()
    try:
        with urllib.request.urlopen(urllib.request.Request(server + path, data, method=method), timeout=10) as answer:
            status, told, headers = answer.status, answer.read(), answer.headers
    except urllib.error.HTTPError as error:
        status, told, headers = error.code, error.read(), error.headers
    length = int(headers.get(remote.HEADER, len(told)))
    return status, {**json.loads(told[:length]), "binary": np.frombuffer(told[length:], "<f8").tolist()}, headers


def test_a_model_answers_under_its_version_too_and_under_no_other(server: str, models: Models) -> None:
    name = remote.name_of(read(trained("binary")).ensemble.digest)
    (version,) = asking(server, f"/v2/models/{name}")[1]["versions"]
    at, body = f"/v2/models/{name}/versions/{version}", {"inputs": [{**tensor("features", [0.5] * 5), "shape": [1, 5]}]}
    assert asking(server, at)[1] == asking(server, f"/v2/models/{name}")[1]
    assert asking(server, f"{at}/ready")[:2] == (200, {"name": name, "ready": True, "binary": []})
    status, found, _ = asking(server, f"{at}/infer", body)
    assert (status, found["model_version"], found) == (200, version, asking(server, f"/v2/models/{name}/infer", body)[1])
    for path, sent in (("", None), ("/ready", None), ("/infer", body)):
        status, found, _ = asking(server, f"/v2/models/{name}/versions/1{path}", sent)
        assert (status, found["error"]) == (404, f"no version '1' of {name}; there is {version}")


@pytest.mark.parametrize(
    ("wanted", "told", "behind"),
    [
        (None, ["raw", "values"], []),
        ([], ["raw", "values"], []),
        ([{"name": "values"}], ["values"], []),
        ([{"name": "values"}, {"name": "raw"}], ["values", "raw"], []),
        ([{"name": "values", "parameters": {"binary_data": True}}, {"name": "raw"}], ["values", "raw"], ["values"]),
        ([{"name": "raw", "parameters": {"binary_data": True}}], ["raw"], ["raw"]),
    ],
)
def test_the_outputs_that_are_asked_for_are_answered_as_they_are_asked_for(
    wanted: Any, told: list[str], behind: list[str], server: str
) -> None:
    name = remote.name_of(read(trained("multiclass")).ensemble.digest)
    row = np.full((1, 5), 0.5)
    right = {"raw": trained("multiclass").predict(row, raw_score=True)[0].tolist()}
    right["values"] = infer(server, {"inputs": [{**tensor("features", row[0].tolist()), "shape": [1, 5]}]}, "multiclass")["outputs"][1][
        "data"
    ]
    body = {"inputs": [{**tensor("features", row[0].tolist()), "shape": [1, 5]}], "outputs": wanted}
    status, found, _ = asking(server, f"/v2/models/{name}/infer", body)
    assert status == 200
    assert [output["name"] for output in found["outputs"]] == told
    assert {o["name"]: o["data"] for o in found["outputs"] if "data" in o} == {n: right[n] for n in told if n not in behind}
    assert found["binary"] == [value for n in behind for value in right[n]]


def test_an_output_may_be_told_as_json_where_the_others_are_binary(server: str) -> None:
    name = remote.name_of(read(trained("binary")).ensemble.digest)
    outputs = [{"name": "raw"}, {"name": "values", "parameters": {"binary_data": False}}]
    body = {"inputs": [{**tensor("features", [0.5] * 5), "shape": [1, 5]}], "outputs": outputs, "parameters": {"binary_data_output": True}}
    _, found, _ = asking(server, f"/v2/models/{name}/infer", body)
    assert [sorted(set(o) & {"data", "parameters"}) for o in found["outputs"]] == [["parameters"], ["data"]]
    assert found["binary"] == trained("binary").predict(np.full((1, 5), 0.5), raw_score=True).tolist()


@pytest.mark.parametrize(
    ("path", "method", "status"),
    [("/", "GET", 404), ("/v2/nothing", "GET", 404), ("/v2/models/x/infer", "GET", 405), ("/v2/health/live", "DELETE", 405)],
)
def test_what_is_no_place_of_the_protocol_is_refused_in_its_words(path: str, method: str, status: int, server: str) -> None:
    found, body, headers = asking(server, path, method=method)
    assert found == status
    assert set(body) == {"error", "binary"}
    assert body["error"].startswith(f"{method} {path}: ")
    assert ("allow" in headers) == (status == 405)


BAD: list[tuple[Any, int, str]] = [
    ({}, 400, "inputs"),
    ([], 400, "inputs"),
    ({"inputs": []}, 400, "lacking"),
    ({"inputs": [5]}, 400, "name, shape"),
    ({"inputs": [{"name": "features", "shape": [1, 5], "datatype": "FP64", "data": [1, 2]}]}, 400, "2 values where 5"),
    ({"inputs": [{"name": "features", "shape": [1, 5], "datatype": "FP64", "data": [1, 2, 3, 4, "x"]}]}, 400, "not a number"),
    ({"inputs": [{"name": "features", "shape": [1, 5], "datatype": "FP64", "data": [1, 2, 3, 4, True]}]}, 400, "not a number"),
    ({"inputs": [{"name": "features", "shape": [1, 4], "datatype": "FP64", "data": [1, 2, 3, 4]}]}, 400, r"shape \[1, 4\]"),
    ({"inputs": [{"name": "features", "shape": [-1, -5], "datatype": "FP64", "data": [1] * 5}]}, 400, "shape"),
    ({"inputs": [{"name": "features", "shape": [10**12, 5], "datatype": "FP64", "data": [1] * 5}]}, 400, "shape"),
    ({"inputs": [{"name": "features", "shape": [1, 5], "datatype": "BOOL", "data": [1] * 5}]}, 400, "BOOL"),
    ({"inputs": [{"name": "features", "shape": [1, 5], "datatype": "FP64", "parameters": {"binary_data_size": 40}}]}, 400, "40"),
    ({"inputs": [tensor("amount", [1.0]), tensor("nobody", [1.0])]}, 400, "nobody"),
    ({"inputs": [tensor("amount", [1.0]), tensor("amount", [1.0])]}, 400, "twice"),
    ({"inputs": [{**tensor("amount", [1.0]), "name": ["a"]}]}, 400, "a name is text"),
    ({"inputs": [{**tensor("amount", [1.0]), "name": None}]}, 400, "a name is text"),
    ({"inputs": [{**tensor("amount", [1.0]), "shape": [1.5]}]}, 400, "whole numbers"),
    ({"inputs": [{**tensor("amount", [1.0]), "shape": [1e999]}]}, 400, "whole numbers|not JSON"),
    ({"inputs": [{**tensor("amount", [1.0]), "parameters": None}]}, 400, "name, shape"),
    ({"inputs": [{**tensor("amount", [1.0]), "parameters": {"binary_data_size": 8.0}}]}, 400, "8.0 bytes"),
    ({"inputs": [{**tensor("amount", [1.0]), "datatype": ["FP64"]}]}, 400, "FP64.* of shape"),
    ({"inputs": [{"name": "features", "shape": [1, 5], "datatype": "BYTES", "data": ["1", "2", "3", "1", "5"]}]}, 400, "feature's name"),
    ({"inputs": [tensor("label", [1], "BYTES")]}, 400, "'1' is not a label"),
    ({"inputs": [tensor(f"t{i}", [1.0]) for i in range(6)]}, 400, "6 inputs for a model of 5 features"),
    ({"inputs": [{**tensor("features", [1] * 5), "shape": [1, 5]}], "outputs": [{"name": "prob"}]}, 400, "no output 'prob'.*raw or values"),
    ({"inputs": [{**tensor("features", [1] * 5), "shape": [1, 5]}], "outputs": ["raw"]}, 400, "no output"),
    ({"inputs": [{**tensor("features", [1] * 5), "shape": [1, 5]}], "outputs": "raw"}, 400, "no output"),
    ({"inputs": [{**tensor("features", [1] * 5), "shape": [1, 5]}], "outputs": [{"name": ["raw"]}]}, 400, "no output"),
    ({"inputs": [{**tensor("features", [1] * 5), "shape": [1, 5]}], "outputs": [{"name": "raw"}, {"name": "raw"}]}, 400, "stands twice"),
    ({"inputs": [], "id": " " * (16 << 20)}, 413, "16 MiB of JSON"),
]


@pytest.mark.parametrize(("body", "status", "named"), BAD)
def test_a_bad_request_is_refused_with_what_is_wrong(body: Any, status: int, named: str, server: str) -> None:
    with pytest.raises(urllib.error.HTTPError) as caught:
        infer(server, body)
    assert caught.value.code == status
    assert re.search(named, caught.value.read().decode())


@pytest.mark.parametrize("length", ["\u00b2", "-1", "1e1", "9" * 5_000, "99"])
def test_a_length_of_json_that_is_none_is_refused(length: str) -> None:
    with pytest.raises(RefusedError, match="no length within the body"):
        split(b"{}", length)


def test_the_binary_part_of_a_request_is_not_copied() -> None:
    """Copied for each tensor, it took seconds of a request with many."""
    body = json.dumps({"inputs": []}).encode() + bytes(16)
    head, binary = split(body, str(len(body) - 16))
    assert head == {"inputs": []}
    assert (binary.obj, binary.nbytes) == (body, 16)
    assert binary.obj is body


def test_tensors_by_name_may_be_binary_beside_labels(server: str) -> None:
    names = [f.name for f in SCHEMA.features if not f.categories]
    binary = [{"name": n, "shape": [2, 1], "datatype": "FP64", "parameters": {"binary_data_size": 16}} for n in names]
    labels = SCHEMA.features[3].categories[:2]
    head = json.dumps({"inputs": [*binary, tensor("label", list(labels), "BYTES")]}).encode()
    x = np.array([[1.5, np.nan, 0.0, 0.0, 2.0], [-1.0, 0.25, np.inf, 1.0, 3.0]])
    data = b"".join(x[:, SCHEMA.names.index(n)].tobytes() for n in names)
    name = remote.name_of(read(trained("binary")).ensemble.digest)
    request = urllib.request.Request(f"{server}/v2/models/{name}/infer", head + data, {remote.HEADER: str(len(head))})
    with urllib.request.urlopen(request, timeout=10) as answer:
        found = json.load(answer)["outputs"][0]["data"]
    assert found == np.asarray(trained("binary").predict(x, raw_score=True)).tolist()


def test_health_and_metadata(server: str, models: Models) -> None:
    def get(path: str) -> Any:
        with urllib.request.urlopen(server + path, timeout=10) as answer:
            return json.load(answer)

    name = next(iter(models.served))
    assert get("/v2/health/ready") == {"ready": True}
    assert get(f"/v2/models/{name}")["properties"]["digest"].startswith(name.removeprefix("model-"))
    with pytest.raises(urllib.error.HTTPError) as caught:
        get("/v2/models/nobody")
    assert caught.value.code == 404


def test_a_server_with_a_key_answers_only_who_has_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    models = Models(api_key="secret")
    add(models, trained("binary"), SCHEMA)
    with serving(models) as server:
        path = artifact(server, tmp_path)
        with pytest.raises(EngineMissing, match="401"):
            remote.load(path, timeout=5)
        with pytest.raises(urllib.error.HTTPError):
            infer(server, {"inputs": []})
        monkeypatch.setenv("POLYSCORE_API_KEY", "secret")
        assert remote.load(path, timeout=5).score([0.0] * 5).raw


def test_the_key_goes_to_no_server_that_only_an_artifact_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POLYSCORE_API_KEY", "secret")
    models = Models(api_key="secret")
    add(models, trained("binary"), SCHEMA)
    with serving(models) as server:
        elsewhere = server.replace("127.0.0.1", "0.0.0.0")  # the same socket, by an address that is not this machine's alone
        path = artifact(elsewhere, tmp_path)
        with pytest.raises(EngineMissing, match=r"401.*POLYSCORE_API_KEY was not sent: POLYSCORE_MODEL_SERVER names whom it is for"):
            remote.load(path, timeout=5)
        monkeypatch.setenv("POLYSCORE_MODEL_SERVER", elsewhere)
        assert remote.load(path, timeout=5).score([0.0] * 5).raw


@pytest.mark.parametrize("key", ["a\r\nX: y", "schlüssel", "日"])
def test_a_key_that_no_header_can_hold_is_told_by_its_variable(
    key: str, server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POLYSCORE_API_KEY", key)
    with pytest.raises(ArtifactError, match="POLYSCORE_API_KEY: holds what no HTTP header can") as caught:
        remote.load(artifact(server, tmp_path), timeout=5)
    assert key not in str(caught.value)


def test_rows_of_many_features_are_sent_in_requests_that_the_server_takes(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    x = rng.normal(size=(9_000, 1_000))
    model = lgb.train({"verbose": -1, "num_threads": 1, "num_leaves": 4, "feature_fraction": 0.1}, lgb.Dataset(x[:200], x[:200, 0]), 2)
    models = Models()
    add(models, model, read(model).schema)
    with serving(models) as server:
        scorer = remote.load(remote.export_to(server, model, None, tmp_path / "model.remote.json"), timeout=1)
        found = scorer.raw_batch(x)
    assert x.nbytes > remote.MOST_BYTES
    assert found[:, 0].tolist() == model.predict(x).tolist()


def test_the_environment_says_where_the_model_is_whatever_the_artifact_says(
    server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = artifact("http://127.0.0.1:1", tmp_path)
    monkeypatch.setenv("POLYSCORE_MODEL_SERVER", server)
    assert remote.load(path, timeout=5).score([0.0] * 5).raw
    for wrong in ("soon", "0", "nan", "-1"):
        monkeypatch.setenv("POLYSCORE_MODEL_TIMEOUT", wrong)
        with pytest.raises(ArtifactError, match=f"POLYSCORE_MODEL_TIMEOUT: '{wrong}'"):
            remote.load(path)
    monkeypatch.setenv("POLYSCORE_MODEL_SERVER", "nowhere")
    with pytest.raises(ArtifactError, match="POLYSCORE_MODEL_SERVER: server 'nowhere'"):
        remote.load(path)


def test_too_large_a_request_is_refused_without_being_held(server: str, models: Models) -> None:
    name = next(iter(models.served))
    request = urllib.request.Request(f"{server}/v2/models/{name}/infer", b" " * (65 << 20))
    with pytest.raises((urllib.error.HTTPError, urllib.error.URLError)) as caught:
        urllib.request.urlopen(request, timeout=30)
    assert not isinstance(caught.value, urllib.error.HTTPError) or caught.value.code == 413


def test_a_server_that_is_not_there_is_told_when_loading(tmp_path: Path) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        path = artifact(f"http://127.0.0.1:{unused.getsockname()[1]}", tmp_path)
        with pytest.raises(EngineMissing, match="polyscore serve"):
            remote.load(path, timeout=5)


def test_a_server_with_another_model_is_refused(server: str, tmp_path: Path) -> None:
    path = artifact(server, tmp_path)
    fields = json.loads(path.read_text())
    path.write_text(json.dumps({**fields, "digest": fields["digest"][:12] + "0" * 52}))
    with pytest.raises(ArtifactError, match="another model"):
        remote.load(path, timeout=5)


def test_a_server_that_goes_away_is_not_asked_for_a_while_and_then_is_again(tmp_path: Path) -> None:
    models = Models()
    add(models, trained("binary"), SCHEMA)
    now = [100.0]
    with serving(models) as server:
        scorer = remote.load(artifact(server, tmp_path), timeout=2, clock=lambda: now[0])
        first = scorer.score([0.0] * 5)
    port = int(server.rpartition(":")[2])
    with pytest.raises(ServerUnavailable, match="127"):
        scorer.score([0.0] * 5)
    with serving(models, port):
        with pytest.raises(ServerUnavailable, match="not asked yet"):
            scorer.score([0.0] * 5)
        now[0] += remote.PAUSE
        assert scorer.score([0.0] * 5) == first


@contextmanager
def dripping(each: Callable[[], None], answer: bytes) -> Iterator[str]:
    """A server that answers in small pieces, and calls ``each`` before it sends one. Make it more than a reader's buffer holds."""

    def talk() -> None:
        connection, _ = listening.accept()
        with connection, suppress(OSError):  # the client may have had enough
            connection.recv(65536)
            for at in range(0, len(answer), 4096):
                each()
                connection.sendall(answer[at : at + 4096])

    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=talk, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        thread.join(10)


class Connect(Protocol):
    def __call__(self, server: str, timeout: float = 5, clock: Callable[[], float] = time.monotonic) -> remote.RemoteScorer: ...


@contextmanager
def answering(body: bytes, status: int = 200, **headers: str) -> Iterator[str]:
    """A server that says the same to everything."""

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            self.send_response(status)
            for name, value in {"Content-Length": str(len(body)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        do_POST = do_GET  # noqa: N815  # the name that the library looks for

        def log_message(self, *_: object) -> None: ...

    httpd = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=httpd.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{httpd.server_port}"
    httpd.shutdown()


@pytest.fixture
def connected(tmp_path: Path) -> Connect:
    """A scorer that was loaded while its server was sound, and now asks the one at another address."""

    def connect(server: str, timeout: float = 5, clock: Callable[[], float] = time.monotonic) -> remote.RemoteScorer:
        digest = read(trained("binary")).ensemble.digest
        with answering(json.dumps({"properties": {"digest": digest}}).encode()) as sound:
            scorer = remote.load(artifact(sound, tmp_path), timeout=timeout, clock=clock)
        scorer._connection.close()
        scorer._connection.port = int(server.rpartition(":")[2])
        return scorer

    return connect


WRONG = [
    b"",
    b"[]",
    b"\x00\xff",
    b'{"outputs": []}',
    b'{"outputs": [{"name": "raw"}, {"name": "values"}]}',
    b'{"outputs": null}',
    b'{"outputs": 1}',
    b'{"outputs": [1]}',
    b'{"outputs": [null, {"name": []}]}',
    b'{"outputs":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    b'{"outputs": ' + b"1" * 5_000 + b"}",
]


@pytest.mark.parametrize("body", WRONG, ids=lambda body: body[:30])
def test_an_answer_that_is_not_the_protocols_is_no_score(body: bytes, connected: Connect) -> None:
    with answering(body) as server, pytest.raises(ServerUnavailable):
        connected(server).score([0.0] * 5)


@pytest.mark.parametrize("length", ["\u00b2", "-1", "1e1", "9" * 5_000, "9" * 9])
def test_a_length_that_is_none_is_no_score(length: str, connected: Connect) -> None:
    with answering(b"{}", **{remote.HEADER: length}) as server, pytest.raises(ServerUnavailable):
        connected(server).score([0.0] * 5)


@pytest.mark.parametrize("status", [400, 401, 404, 413, 500])
def test_a_refusal_by_the_server_is_decided_by_the_average(status: int, connected: Connect) -> None:
    with answering(b"no", status) as server:
        model = Model("v", "remote", connected(server), lambda row: np.zeros(5), average=(0.25,))
        assert _scored(model, [0.0] * 5) == (Scores((), (0.25,)), FALLBACK)


@pytest.mark.parametrize("body", [b'{"properties": null}', b'{"properties": [1]}', b'{"properties": {"digest": []}}'])
def test_a_server_that_does_not_name_its_model_is_refused(body: bytes, tmp_path: Path) -> None:
    with answering(body) as server, pytest.raises(ArtifactError, match="another model"):
        remote.load(artifact(server, tmp_path), timeout=5)


def test_a_server_that_is_slow_is_given_up_in_time(connected: Connect) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent, pytest.raises(ServerUnavailable, match="timed out"):
        connected(f"http://127.0.0.1:{silent.getsockname()[1]}", timeout=0.2).score([0.0] * 5)


DRIPPING = {
    "body": b"HTTP/1.1 200 OK\r\nContent-Length: 3000000\r\n\r\n" + b" " * 3_000_000,
    "head": b"HTTP/1.1 200 OK\r\n" + (b"X: " + b"x" * 60_000 + b"\r\n") * 50 + b"Content-Length: 0\r\n\r\n",
}


@pytest.mark.parametrize("part", DRIPPING)
def test_a_server_that_drips_is_given_up_at_the_calls_own_deadline(part: str, connected: Connect) -> None:
    now = [100.0]

    def an_hour_later() -> None:
        now[0] += 3600.0

    with dripping(an_hour_later, DRIPPING[part]) as server:
        scorer = connected(server, clock=lambda: now[0])
        with pytest.raises(ServerUnavailable, match="timed out"):
            scorer.score([0.0] * 5)


def test_a_connection_opened_anew_has_what_is_left_of_the_time(connected: Connect) -> None:
    """Twice a whole time limit, for the closed connection and for the new one, would be twice the promise."""
    now, digest = [100.0], read(trained("binary")).ensemble.digest
    with answering(json.dumps({"properties": {"digest": digest}}).encode()) as server:
        scorer = connected(server, clock=lambda: now[0])
        scorer.metadata()
    exchange, calls = scorer._exchange, list[str]()

    def closed_after_all_the_time(*arguments: Any) -> Any:
        calls.append("")
        if len(calls) > 1:
            return exchange(*arguments)
        now[0] += 5.0
        raise ConnectionResetError

    scorer._exchange = closed_after_all_the_time  # type: ignore[method-assign]
    with pytest.raises(ServerUnavailable, match="timed out"):
        scorer.score([0.0] * 5)
    assert len(calls) == 2


@pytest.mark.parametrize(
    "change",
    [
        {"kind": "x"},
        {"server": 5},
        {"server": "ftp://a"},
        {"server": "http://a:b"},
        {"server": "http://a/path"},
        {"server": "http://a b:80"},
        {"server": "http://a..b:80"},
        {"server": f"http://{'a' * 64}:80"},
        {"name": "model-other"},
        {"outputs": -1},
        {"outputs": True},
        {"schema": 3},
        {"more": 1},
    ],
)
def test_an_artifact_that_was_changed_is_refused(change: dict[str, Any], server: str, tmp_path: Path) -> None:
    path = artifact(server, tmp_path)
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    with pytest.raises((CorruptArtifact, ArtifactError), match=path.name):
        remote.load(path, timeout=5)


def test_a_row_of_another_length_is_told_before_it_is_sent(server: str, tmp_path: Path) -> None:
    with pytest.raises(RowError, match="4 values"):
        remote.load(artifact(server, tmp_path), timeout=5).score([0.0] * 4)
