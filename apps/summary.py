"""The demo's screen in the terminal: what the monitor measured, and the newest alerts, read from the topics."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Mapping, Sequence
from typing import Any

import orjson
from confluent_kafka import OFFSET_END
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from apps import outcomes, sla
from apps.partitions import KafkaSource, Message
from apps.settings import Settings
from apps.sla import merge
from apps.tables import SlaWindow
from apps.terminal import milliseconds
from apps.topics import METRICS
from domain.contract import Domain

_RECENT_US = 10_000_000  # what "now" means on the screen
_SHOWN = 8  # alerts
_COLOURS = {"approve": "green", "review": "yellow", "block": "red"}


class _Seen:
    """One domain as it was seen so far."""

    def __init__(self, domain: Domain) -> None:
        self.domain = domain
        self._windows: deque[SlaWindow] = deque()
        self._actions: Counter[str] = Counter()
        self.worth: dict[str, float] = {}
        self.alerts = self._misses = self._measured = self._lag = 0

    def add(self, window: SlaWindow) -> None:
        self._windows.append(window)
        while self._windows[0].end_us < window.end_us - _RECENT_US:
            self._windows.popleft()
        self._actions.update(window.actions)
        self._misses += window.misses
        self._measured += window.measured
        self._lag = window.lag

    def numbers(self) -> dict[str, str]:
        """What is shown, by its heading; latencies and throughput of the last ten seconds, counts since the start."""
        windows, latency = self._windows, merge(self._windows)
        seconds = (windows[-1].end_us - windows[0].start_us) / 1e6 if windows else 1.0
        return {
            "a second": f"{sum(w.decisions for w in windows) / seconds:,.0f}",
            "p50": milliseconds(latency.p50_ms),
            "p99": milliseconds(latency.p99_ms),
            "late": f"{self._misses / self._measured:.2%}" if self._measured else "-",
            "lag": f"{self._lag:,}",
            "alerts": f"{self.alerts:,}",
            "decided": f"{self._actions.total():,}",
        }

    def worth_in_words(self) -> str:
        """The ledger's first sums, such as "stopped amount 1,930, missed amount 120"."""
        return ", ".join(f"{name} {self.worth[name]:,.0f}" for name in self.domain.worth if name in self.worth)


class Summary:
    """Collects from `metrics` and the alerts topics, from now on; ``screen`` and ``lines`` show it.

    ``coming`` says of the domains that have not joined yet what is done for them; it may change.
    """

    def __init__(self, settings: Settings, domains: Sequence[Domain], title: Mapping[str, str], coming: Mapping[str, str]) -> None:
        self._title, self._coming = title, coming
        self._seen = {domain.name: _Seen(domain) for domain in domains}
        topics = [METRICS, *(domain.alerts_topic for domain in domains)]
        self._source = KafkaSource(settings, "polyscore-demo", topics, wait_s=0.05)
        self._source.assign(dict.fromkeys(self._source.look(), OFFSET_END))
        self._alerts: deque[dict[str, Any]] = deque(maxlen=_SHOWN)

    def close(self) -> None:
        """Let go of Kafka."""
        self._source.close()

    def update(self) -> None:
        """Take in what has come since."""
        for message in self._source.read():
            try:
                self._take_in(message)
            except (ValueError, LookupError, TypeError, AttributeError):
                continue  # the sink keeps it among the dead letters

    def _take_in(self, message: Message) -> None:
        value = orjson.loads(message.value() or b"{}")
        seen = self._seen.get(value.get("domain"))
        if seen is None:
            return
        if message.topic() != METRICS:
            seen.alerts += 1
            self._alerts.appendleft(value)
        elif value["kind"] == sla.KIND:
            seen.add(SlaWindow.model_validate(value))
        elif value["kind"] == outcomes.KIND:
            seen.worth = value["sums"]

    def lines(self) -> list[str]:
        """A line a domain that has joined, for a log."""
        return [self._line(seen) for name, seen in self._seen.items() if name not in self._coming]

    def _line(self, seen: _Seen) -> str:
        n = seen.numbers()
        return (
            f"{seen.domain.name:<12}{n['a second']:>6}/s   p50 {n['p50']}   p99 {n['p99']}   lag {n['lag']}   "
            f"decided {n['decided']}   alerts {n['alerts']}"
        )

    def screen(self) -> RenderableType:
        """The live screen."""
        return Group(self._head(), Text(), self._numbers(), Text(), self._newest(), Text("Ctrl-C stops everything", style="dim"))

    def _numbers(self) -> RenderableType:
        rows = [(seen, seen.numbers()) for seen in self._seen.values()]
        table = Table("", *rows[0][1], "so far", box=None, header_style="dim", pad_edge=False)
        for seen, numbers in rows:
            so_far = self._coming.get(seen.domain.name) or seen.worth_in_words()
            table.add_row(seen.domain.title, *(Text(value, style="bold") for value in numbers.values()), so_far)
        return table

    def _head(self) -> RenderableType:
        head = Table.grid(padding=(0, 2))
        for name, value in self._title.items():
            head.add_row(Text(name, style="dim"), value)
        return head

    def _newest(self) -> RenderableType:
        table = Table("newest alerts", "", "action", "score", "why", box=None, header_style="dim", pad_edge=False)
        for alert in self._alerts:
            action = Text(alert["action"], style=_COLOURS.get(alert["action"], "cyan"))
            context = "  ".join(f"{v:,.2f}" if isinstance(v, float) else str(v) for v in list(alert["context"].values())[:2])
            table.add_row(alert["domain"], context, action, f"{alert['score']:.3f}", "; ".join(alert["reasons"][:2]))
        return table if self._alerts else Text("no alerts yet", style="dim")
