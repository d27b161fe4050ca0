"""`polyscore scenario list`: the stories as a table for people, or as JSON for programs."""

from __future__ import annotations

import json
from typing import Any

from rich.console import Console
from rich.table import Table

from apps import scenario_list, scenario_result
from apps.settings import Settings


def command(settings: Settings, *, as_json: bool, console: Console) -> None:
    """Every story, and how its newest run in this home ended."""
    found = [_facts(settings, story) for story in scenario_list.stories()]
    if as_json:
        print(json.dumps(found, indent=2))
        return
    table = Table(box=None, pad_edge=False)
    table.add_column("scenario", no_wrap=True)
    table.add_column("domain", no_wrap=True)
    table.add_column("expected")
    table.add_column("takes", no_wrap=True)
    table.add_column("last run", no_wrap=True)
    for each in found:
        last = each["last"]
        table.add_row(each["name"], each["domain"], each["expects"], lasting(each["lasts"]), last["verdict"] if last else "-")
    console.print(table)


def lasting(seconds: float) -> str:
    """How long a story takes, as people say it."""
    return f"{seconds:.0f} s" if seconds < 100 else f"{seconds / 60:.0f} min"


def _facts(settings: Settings, story: Any) -> dict[str, Any]:
    last = scenario_result.newest(settings.home, story.name)
    run = {"verdict": last[1].verdict, "began": last[1].began.isoformat(), "folder": str(last[0])} if last else None
    return {"name": story.name, "domain": story.domain, "expects": story.expects, "lasts": story.lasts, "speed": story.speed, "last": run}
