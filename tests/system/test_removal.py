"""What `infra/README.md` says of removing people's names and notes, run as it stands there on a real Kafka and a database of the sink's."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

import orjson
import pytest

from apps import reviews
from apps.settings import Settings
from models.reviews import What
from tests.system.processes import read_topic, start, until
from tests.system.test_alert_queue import AT, CONFIRMED, FRAUD, rows, send

pytestmark = [pytest.mark.system, pytest.mark.timeout(180)]
GUIDE = Path(__file__).resolve().parents[2] / "infra" / "README.md"
DAY = "datetime(2026, 6, 1, tzinfo=UTC)"


def act(settings: Settings, number: int, what: What, who: str, version: int, note: str = "") -> None:
    now_us, closing = time.time_ns() // 1000, CONFIRMED if what == "close" else None
    fields = {"decision_id": f"t{number}", "key": "c1", "event_time": AT, "context": {"terminal_id": "t9"}}
    alert = SimpleNamespace(**fields, decided_us=now_us, version=version)
    made = reviews.act(FRAUD, alert, who, what, now_us, closing=closing, note=note)
    reviews.publish(settings, made)


def test_names_and_notes_of_before_a_day_are_removed_and_what_came_later_stays(clean_topics: Settings, tmp_path: Path) -> None:
    settings = clean_topics.model_copy(update={"home": tmp_path, "database_url": f"sqlite:///{tmp_path / 'p.db'}"})
    send(settings, 1, 2)
    sink = start("sink", settings=settings)
    act(settings, 1, "claim", "Ana", 0)
    act(settings, 1, "claim", "Ben", 0)
    act(settings, 1, "close", "Ana", 1, note="Ben knows her")
    last = read_topic(settings, FRAUD.reviews_topic)[-1].timestamp()[1]
    until(lambda: time.time() * 1000 >= last + 1, sink, running=True)  # the next one's millisecond is another
    act(settings, 2, "claim", "Cleo", 0)
    until(lambda: rows(settings, "SELECT 1 FROM alert WHERE decision_id = 't2' AND version = 1"), sink, running=True)
    assert sink.stop() == 0

    (code,) = re.findall(r"```python\n(.*?)```", GUIDE.read_text(), re.DOTALL)
    assert DAY in code
    day = datetime.fromtimestamp((last + 1) / 1000, UTC)
    variables = {"POLYSCORE_HOME": str(tmp_path), "POLYSCORE_DATABASE_URL": settings.database_url}
    environment = {**os.environ, **variables, "KAFKA_BOOTSTRAP_SERVERS": settings.kafka_bootstrap_servers}
    subprocess.run(
        [sys.executable, "-c", code.replace(DAY, f"datetime.fromisoformat('{day.isoformat()}')")], env=environment, check=True, timeout=90
    )

    assert [orjson.loads(message.value())["analyst"] for message in read_topic(settings, FRAUD.reviews_topic)] == ["Cleo"]
    assert rows(settings, "SELECT analyst, what, note, refusal FROM review ORDER BY arrived_us, version, accepted DESC") == [
        ("removed", "claim", "", ""),
        ("removed", "claim", "", "removed"),
        ("removed", "close", "", ""),
        ("Cleo", "claim", "", ""),
    ]
    alerts = "SELECT decision_id, status, analyst, verdict, note FROM alert ORDER BY 1"
    assert rows(settings, alerts) == [("t1", "closed", "removed", CONFIRMED.verdict, ""), ("t2", "in review", "Cleo", "", "")]
