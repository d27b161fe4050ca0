"""`polyscore ui`: the dashboard's server on this machine."""

from __future__ import annotations

import socket
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path

from platformdirs import user_cache_path

from apps import broker, process
from apps.children import launch
from apps.errors import AppError

_OPTIONS = {
    "server.headless": "true",
    "server.fileWatcherType": "none",
    "server.enableStaticServing": "false",
    "browser.gatherUsageStats": "false",
    "global.disableWidgetStateDuplicationWarning": "true",  # a slider begins where the terms stand, and is put there again when they change
    "client.toolbarMode": "minimal",
    "client.showErrorDetails": "none",
    "theme.light.primaryColor": "#2f7f9b",  # named for both: else Streamlit takes it for one light theme, and nobody has the dark
    "theme.dark.primaryColor": "#5fb0cb",
    "theme.light.backgroundColor": "#ffffff",  # ``ui.theme`` has colours that can be read on these
    "theme.light.secondaryBackgroundColor": "#f8f8f7",
    "theme.dark.backgroundColor": "#171614",
    "theme.dark.secondaryBackgroundColor": "#2d2b27",
    "theme.baseRadius": "small",
}


def command(*, port: int, host: str) -> list[str]:
    """What starts the server; it reads its settings from the environment, as every process does."""
    spec = find_spec("ui")
    if spec is None or not spec.submodule_search_locations:
        raise AppError("the package ui is not installed beside apps; install polyscore again")
    app = Path(spec.submodule_search_locations[0]) / "app.py"
    options = {**_OPTIONS, "server.port": str(port), "server.address": host, "browser.serverAddress": host}
    # -P: else Python looks in the folder that it is started in first, and a ``ui.py`` or ``models.py`` there would be run for ours.
    return [sys.executable, "-P", "-m", "streamlit", "run", str(app), *(f"--{name}={value}" for name, value in options.items())]


@contextmanager
def choosing_a_port() -> Iterator[None]:
    """Nobody else of ours looks for a port until the one that was found is used: Streamlit takes seconds to get there."""
    with ExitStack() as stack:
        with suppress(OSError):  # a folder that cannot be written is no reason to do without a dashboard
            folder = user_cache_path("polyscore")
            folder.mkdir(parents=True, exist_ok=True)
            stack.enter_context(process.one_at_a_time(folder / "dashboard.lock"))
        yield


def run(*, port: int, host: str) -> int:
    """Serve until SIGINT or SIGTERM; returns the exit status."""
    with ExitStack() as choosing:
        choosing.enter_context(choosing_a_port())
        chosen = broker.free_port(port, host)
        if chosen != port:
            print(f"port {port} is taken; the dashboard uses {chosen}")
        print(f"the dashboard is at http://{host}:{chosen}; Ctrl-C stops it", flush=True)
        with process.stoppable() as stop:
            server = launch(command(port=chosen, host=host), None, tied=True)
            try:
                while server.poll() is None and not stop.wait(0.2) and not _listens(host, chosen):
                    pass
                choosing.close()  # the port is its own now: others may choose theirs
                while server.poll() is None and not stop.wait(0.2):
                    pass
            finally:
                server.terminate()
                status = server.wait()
            return 0 if stop.is_set() else status


def _listens(host: str, port: int) -> bool:
    try:
        socket.create_connection((host, port), timeout=1).close()
    except OSError:
        return False
    return True
