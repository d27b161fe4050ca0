"""A real model server on a free port of this machine, in a thread of the test's process."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Thread

import uvicorn

from apps.serve import Models, Served, application
from domain.schema import FeatureSchema
from exports.compiled import KernelScorer
from exports.lightgbm_text import ModelSource, read
from exports.remote import name_of


def add(models: Models, model: ModelSource, schema: FeatureSchema) -> None:
    """Serve a model under its own name."""
    ensemble = read(model).ensemble
    scorer = KernelScorer(ensemble, schema)
    models.add(Served(name_of(ensemble.digest), "native", ensemble.digest, ensemble.n_outputs, scorer))


@contextmanager
def serving(models: Models, port: int = 0) -> Iterator[str]:
    """The address of a server that answers for as long as the block runs."""
    with socket.socket(proto=socket.IPPROTO_TCP) as listening:  # asyncio sends small answers at once only on such
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(("127.0.0.1", port))
        listening.listen(128)
        server = uvicorn.Server(
            uvicorn.Config(application(models), log_level="error", access_log=False, lifespan="off", timeout_graceful_shutdown=1)
        )
        thread = Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join(30)
