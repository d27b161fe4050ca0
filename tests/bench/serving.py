"""A model server of its own process, for the formats whose model stays behind one: the environment says where."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from urllib.request import urlopen

from apps import broker
from exports.remote import SERVER_VARIABLE, TIMEOUT_VARIABLE


@contextmanager
def model_server(artifacts: Sequence[Path]) -> Iterator[int]:
    """Serve the artifacts; while it runs, the environment of every process started here says where. Gives its process's id."""
    port = broker.free_port(0)
    command = [sys.executable, "-m", "apps.cli", "serve", *map(str, artifacts), "--port", str(port)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    before = dict(os.environ)
    os.environ |= {SERVER_VARIABLE: f"http://127.0.0.1:{port}", TIMEOUT_VARIABLE: "5"}
    try:
        _until_ready(f"http://127.0.0.1:{port}/v2/health/ready", process)
        yield process.pid
    finally:
        for name in (SERVER_VARIABLE, TIMEOUT_VARIABLE):
            os.environ.pop(name)
            os.environ |= {name: before[name]} if name in before else {}
        process.terminate()
        process.wait(60)


def _until_ready(url: str, process: subprocess.Popen[bytes]) -> None:
    give_up = time.monotonic() + 60
    while time.monotonic() < give_up and process.poll() is None:
        try:
            with urlopen(url, timeout=5):
                return
        except OSError:
            time.sleep(0.1)  # until it listens
    raise RuntimeError(f"the model server at {url} did not come up")
