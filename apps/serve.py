"""`polyscore serve`: artifacts behind a server that speaks the Open Inference Protocol v2, one row or many a request."""

from __future__ import annotations

import asyncio
import hmac
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import orjson
import uvicorn
from fastapi import FastAPI, Request, Response
from starlette.exceptions import HTTPException

from apps.broker import free_port
from apps.errors import InputError
from apps.inference import Matrix, RefusedError, answer, asked, rows_of, split
from exports import recognise
from exports.ensemble import Ensemble
from exports.pmml_rows import PreparedScorer
from exports.remote import HEADER, MOST_BYTES, name_of
from exports.scorer import Scorer

_OUTPUTS: Final[Mapping[str, Callable[[Scorer, Matrix], Matrix]]] = {
    "raw": lambda scorer, rows: scorer.raw_batch(rows),
    "values": lambda scorer, rows: scorer.score_batch(rows),
}


_AT_A_TIME: Final = 250  # connections; more are told to come again
_BODY_S: Final = 30.0  # for a request to be all here


@dataclass
class Served:
    """A model by the name that it is served under."""

    name: str
    format: str
    digest: str
    outputs: int
    scorer: Scorer

    @property
    def version(self) -> str:
        return self.digest[:12]


@dataclass
class Models:
    """What a server has, and the key it asks for (empty: none). Scoring is microseconds: requests are answered one after the other."""

    served: dict[str, Served] = field(default_factory=dict)
    api_key: str = ""

    def add(self, model: Served) -> None:
        """Serve one more; the same model in another format replaces it. Raises ``InputError`` where the name stands for another model."""
        there = self.served.get(model.name)
        if there is not None and (there.digest, there.scorer.schema.digest) != (model.digest, model.scorer.schema.digest):
            fix = "the same trees with other names or labels: serve one of them, or each on a port of its own"
            raise InputError(f"two models would be served as {model.name}, {fix}")
        self.served[model.name] = model

    def named(self, name: str, version: str | None = None) -> Served:
        """The model of this name, which has one version. Raises ``RefusedError``."""
        if name not in self.served:
            raise RefusedError(404, f"no model {name!r}; there are {', '.join(self.served) or 'none'}")
        found = self.served[name]
        if version not in (None, found.version):
            raise RefusedError(404, f"no version {version!r} of {name}; there is {found.version}")
        return found


def application(models: Models) -> FastAPI:
    """The server as an ASGI application."""
    app = FastAPI(title="polyscore", docs_url=None, redoc_url=None, openapi_url=None)

    @app.exception_handler(RefusedError)
    async def refused(request: Request, error: RefusedError) -> Response:
        return _answer({"error": str(error)}, error.status)

    @app.exception_handler(HTTPException)
    async def unknown(request: Request, error: HTTPException) -> Response:
        found = _answer({"error": f"{request.method} {request.url.path}: {error.detail}"}, error.status_code)
        found.headers.update(error.headers or {})
        return found

    @app.get("/v2")
    async def server() -> Response:
        return _answer({"name": "polyscore", "version": "2", "extensions": ["binary_tensor_data"]})

    @app.get("/v2/health/live")
    async def live() -> Response:
        return _answer({"live": True})

    @app.get("/v2/health/ready")
    async def ready() -> Response:
        return _answer({"ready": bool(models.served)}, 200 if models.served else 503)

    @app.get("/v2/models/{name}/ready")
    @app.get("/v2/models/{name}/versions/{version}/ready")
    async def model_ready(name: str, version: str | None = None) -> Response:
        models.named(name, version)
        return _answer({"name": name, "ready": True})

    @app.get("/v2/models/{name}")
    @app.get("/v2/models/{name}/versions/{version}")
    async def metadata(name: str, request: Request, version: str | None = None) -> Response:
        _allow(request, models.api_key)
        return _answer(_metadata(models.named(name, version)))

    @app.post("/v2/models/{name}/infer")
    @app.post("/v2/models/{name}/versions/{version}/infer")
    async def infer(name: str, request: Request, version: str | None = None) -> Response:
        _allow(request, models.api_key)
        model = models.named(name, version)
        head, binary = split(await _body(request), request.headers.get(HEADER))
        wanted, rows = asked(head, tuple(_OUTPUTS)), rows_of(head["inputs"], binary, model.scorer.schema)
        tensors = {output: _OUTPUTS[output](model.scorer, rows) for output in wanted}
        body, length = answer(head, {"model_name": model.name, "model_version": model.version}, tensors, wanted)
        if length is None:
            return Response(body, media_type="application/json")
        return Response(body, media_type="application/octet-stream", headers={HEADER: str(length)})

    return app


def _allow(request: Request, key: str) -> None:
    given = request.headers.get("authorization", "").removeprefix("Bearer ")
    if key and not hmac.compare_digest(given.encode(), key.encode()):
        raise RefusedError(401, "send the server's key as `Authorization: Bearer ...`")


async def _body(request: Request) -> bytes:
    """The request's body, up to ``MOST_BYTES``; no more than that is ever held."""
    found = bytearray()
    try:
        async with asyncio.timeout(_BODY_S):
            async for chunk in request.stream():
                found += chunk
                if len(found) > MOST_BYTES:
                    raise RefusedError(413, f"more than {MOST_BYTES >> 20} MiB in one request: send fewer rows")
    except TimeoutError:
        raise RefusedError(408, f"the request is not all here after {_BODY_S:.0f} s") from None
    return bytes(found)


def _metadata(model: Served) -> dict[str, Any]:
    features = {"name": "features", "datatype": "FP64", "shape": [-1, len(model.scorer.schema)]}
    outputs = [{"name": name, "datatype": "FP64", "shape": [-1, model.outputs]} for name in _OUTPUTS]
    properties = {"digest": model.digest, "format": model.format, "schema": json.dumps(model.scorer.schema.to_json())}
    return {"name": model.name, "versions": [model.version], "platform": "polyscore", "inputs": [features], "outputs": outputs,
            "properties": properties}  # fmt: skip


def _answer(body: Mapping[str, Any], status: int = 200) -> Response:
    return Response(orjson.dumps(body), status_code=status, media_type="application/json")


def served(artifact: Path) -> Served:
    """An artifact, loaded. Raises ``ExportError``, or ``InputError`` for one that is itself a pointer to a server."""
    chosen = recognise.recognise(artifact)
    scorer = chosen.load(artifact)
    ensemble: Ensemble | None = getattr(scorer, "ensemble", None)
    if ensemble is None:
        raise InputError(f"{artifact}: {chosen.name} holds no model to serve")
    digest = scorer.digest if isinstance(scorer, PreparedScorer) else ensemble.digest
    return Served(name_of(digest), chosen.name, digest, ensemble.n_outputs, scorer)


def command(artifacts: Sequence[Path], *, host: str, port: int, api_key: str, say: Callable[[str], None]) -> None:
    """Serve until SIGINT or SIGTERM."""
    models = Models(api_key=api_key)
    for artifact in artifacts:
        model = served(artifact)
        try:
            models.add(model)
        except InputError as error:
            raise InputError(f"{artifact}: {error}") from None
        say(f"{artifact} as {model.name} ({model.format}, {len(model.scorer.schema)} features)")
    chosen = free_port(port, host)
    if chosen != port:
        say(f"port {port} is taken; using {chosen}")
    say(f"serving at http://{host}:{chosen}/v2" + ("" if api_key else "; anyone who reaches it may ask (POLYSCORE_API_KEY sets a key)"))
    uvicorn.run(application(models), host=host, port=chosen, log_level="warning", access_log=False, limit_concurrency=_AT_A_TIME)
