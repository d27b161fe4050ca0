"""The demo's screen in the terminal: what the monitor measured, and the newest alerts, read from the topics."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Mapping
from typing import Any

import orjson
from confluent_kafka import OFFSET_END
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from apps.partitions import KafkaSource
from apps.settings import Settings
from apps.sla import Percentiles, merge
from apps.tables import SlaWindow
from apps.topics import METRICS
from domain.contract import Domain

_RECENT_US = 10_000_000  # what "now" means on the screen
_SHOWN = 8  # alerts
_COLOURS = {"approve": "green", "review": "yellow", "block": "red"}


class Summary:
    """Collects from `metrics` and the alerts topic, from now on; ``screen`` and ``line`` show it."""

    def __init__(self, settings: Settings, domain: Domain, title: Mapping[str, str]) -> None:
        self._domain, self._title = domain, title
        self._source = KafkaSource(settings, "polyscore-demo", [METRICS, domain.alerts_topic], wait_s=0.05)
        self._source.assign(dict.fromkeys(self._source.look(), OFFSET_END))
        self._windows: deque[SlaWindow] = deque()
        self._alerts: deque[dict[str, Any]] = deque(maxlen=_SHOWN)
        self.actions: Counter[str] = Counter()
        self.alerts = self.misses = self.measured = self.lag = 0

    def close(self) -> None:
        """Let go of Kafka."""
        self._source.close()

    def update(self) -> None:
        """Take in what has come since."""
        for message in self._source.read():
            value = orjson.loads(message.value() or b"{}")
            if message.topic() == METRICS:
                self._add(SlaWindow.model_validate(value))
            else:
                self.alerts += 1
                self._alerts.appendleft(value)

    def _add(self, window: SlaWindow) -> None:
        if window.domain != self._domain.name:
            return
        self._windows.append(window)
        while self._windows[0].end_us < window.end_us - _RECENT_US:
            self._windows.popleft()
        self.actions.update(window.actions)
        self.misses += window.misses
        self.measured += window.measured
        self.lag = window.lag

    @property
    def decided(self) -> int:
        """Decisions seen so far, history included."""
        return self.actions.total()

    def _now(self) -> tuple[float, Percentiles]:
        """Decisions a second and latencies of the last ten seconds."""
        windows = self._windows
        if not windows:
            return 0.0, merge([])
        seconds = (windows[-1].end_us - windows[0].start_us) / 1e6
        return sum(w.decisions for w in windows) / seconds, merge(windows)

    def line(self) -> str:
        """One line for a log."""
        throughput, latency = self._now()
        return (
            f"{throughput:6.0f}/s   p50 {_ms(latency.p50_ms)}   p99 {_ms(latency.p99_ms)}   lag {self.lag:,}   "
            f"decided {self.decided:,}   alerts {self.alerts:,}"
        )

    def screen(self) -> RenderableType:
        """The live screen."""
        throughput, latency = self._now()
        numbers = Table.grid(padding=(0, 3))
        numbers.add_row(*(Text(head, style="dim") for head in ("a second", "p50", "p99", "over the deadline", "lag", "alerts", "decided")))
        late = f"{self.misses / self.measured:.2%}" if self.measured else "-"
        counts = (f"{n:,}" for n in (self.lag, self.alerts, self.decided))
        shown = (f"{throughput:,.0f}", _ms(latency.p50_ms), _ms(latency.p99_ms), late, *counts)
        numbers.add_row(*(Text(value, style="bold") for value in shown))
        return Group(self._head(), Text(), numbers, Text(), self._newest(), Text("Ctrl-C stops everything", style="dim"))

    def _head(self) -> RenderableType:
        head = Table.grid(padding=(0, 2))
        for name, value in self._title.items():
            head.add_row(Text(name, style="dim"), value)
        return head

    def _newest(self) -> RenderableType:
        table = Table("newest alerts", "action", "score", "why", box=None, header_style="dim", pad_edge=False)
        for alert in self._alerts:
            action = Text(alert["action"], style=_COLOURS.get(alert["action"], ""))
            context = "  ".join(f"{v:,.2f}" if isinstance(v, float) else str(v) for v in list(alert["context"].values())[:2])
            table.add_row(context, action, f"{alert['score']:.3f}", "; ".join(alert["reasons"][:2]))
        return table if self._alerts else Text("no alerts yet", style="dim")


def _ms(value: float | None) -> str:
    return "-" if value is None else f"{value:.1f} ms"
