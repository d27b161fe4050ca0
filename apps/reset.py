"""`polyscore reset`: the broker stopped, and everything below the settings' folder deleted."""

from __future__ import annotations

import shutil
from collections.abc import Callable

from apps import broker, process, status
from apps.errors import InputError
from apps.scenario_result import kept_in
from apps.settings import Settings


def run(settings: Settings, *, say: Callable[[str], None]) -> None:
    """Raises ``InputError`` where the folder is not one of polyscore's, cannot be deleted, or is a running demo's.

    A cluster or a database that environment variables name is left alone.
    """
    home = settings.home
    if not home.exists():
        say(f"there is no {home}; nothing to delete")
        return
    ours = {settings.broker_folder, settings.bundles, settings.logs, settings.state, kept_in(home), home / "polyscore.db"}
    strangers = [p.name for p in home.iterdir() if p not in ours and not p.name.startswith(("polyscore.db", "demo.lock", "numba"))]
    if strangers:
        raise InputError(f"{home} holds what polyscore did not make ({', '.join(sorted(strangers)[:3])}); delete it by hand")
    with process.only(home / "demo.lock", f"a demo runs in {home}; stop it first, with Ctrl-C in its terminal"):
        if others := sorted(one.name for one in status.running(settings)):
            raise InputError(f"{', '.join(others)} run{'s' if len(others) == 1 else ''} in {home}; stop what runs first")
        broker.stop(settings, say=say)
        try:
            shutil.rmtree(home)
        except OSError as error:
            raise InputError(f"{error.filename}: {error.strerror}; stop what uses it and try again") from None
    say(f"deleted {home}")
    if settings.kafka_bootstrap_servers:
        say(f"the topics at {settings.kafka_bootstrap_servers} are not touched")
    if settings.database_url:
        say("the database that POLYSCORE_DATABASE_URL names is not touched; `polyscore sink --rebuild` empties it")
