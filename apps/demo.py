"""`polyscore demo`: starts every process, shows what they do, and stops them all, however it ends."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from urllib.request import urlopen

from rich.console import Console
from rich.live import Live

from apps import address, audit, broker, dashboard, process, topics, train
from apps.address import Address
from apps.children import STOP_WITHIN, Child, last_words
from apps.process import Stop
from apps.settings import Guarantee, Settings
from apps.summary import Summary
from apps.terminal import progress, say
from domain.registry import DOMAINS

WARMUP_DAYS = 30  # of history before the live payments, so that the features' longest window is full
_LINE_EVERY = 5.0  # seconds, headless
_SETTLE = 60.0  # seconds that the scorer may take to finish after the last payment
_UI_WITHIN = 30.0
_WITHOUT_KAFKA = 3.0  # seconds that a process gets to end where there is nothing left to finish
_INTERRUPTED = 130  # exit status, as shells know it


@dataclass(frozen=True)
class Options:
    """What `polyscore demo` was told."""

    duration_s: float | None
    headless: bool
    rate: float
    format: str
    guarantee: Guarantee
    port: int
    domain: str = "fraud"


def run(settings: Settings, options: Options, console: Console) -> int:
    """Run until Ctrl-C, the end of the time, or the death of a process. Returns the exit status: 0 if all was well.

    A timed run ends with a check on the topics: every payment must have its decision.
    """
    with process.stoppable() as stop, ExitStack() as stack:
        refusal = f"a demo runs in {settings.home} already; stop it first, or set POLYSCORE_HOME to another folder"
        stack.enter_context(process.only(settings.home / "demo.lock", refusal))
        try:
            with stop.at_once():
                kafka = _kafka(settings, console, stack)
                bundle = train.ensure(settings, options.domain, console=console)
                demo = Demo(settings, options, console, stop, kafka)
            stack.callback(demo.stop_all)
            demo.start(bundle.name, str(bundle))
            demo.watch()
            return demo.finish()
        except KeyboardInterrupt:
            say(console, "stopping before the demo was done")
            return _INTERRUPTED


def _kafka(settings: Settings, console: Console, stack: ExitStack) -> Address:
    if not broker.status(settings).running:
        stack.callback(broker.stop, settings, say=lambda text: say(console, text))
    say(console, "starting Kafka")
    with progress(console) as told:
        found = broker.start(settings, say=lambda text: say(console, text), progress=told, tied=True)
    topics.create_topics(settings)
    return found


class Demo:
    """The running processes, and what is shown of them."""

    def __init__(self, settings: Settings, options: Options, console: Console, stop: Stop, kafka: Address) -> None:
        self._settings, self._options, self._console, self._stop, self._kafka = settings, options, console, stop, kafka
        self._domain = DOMAINS[options.domain]
        self._children: list[Child] = []
        self._start = audit.ends(settings, self._domain)
        self._died: Child | None = None
        self._kafka_ended = False

    def start(self, version: str, bundle: str) -> None:
        """Start every process; the payments come last."""
        o, settings = self._options, self._settings
        port = broker.free_port(o.port)
        if port != o.port:
            self._say(f"port {o.port} is taken; the dashboard uses {port}")
        self._address = f"http://127.0.0.1:{port}"
        scorer = ["stream", o.domain, "--model", bundle, "--format", o.format, "--guarantee", o.guarantee, "--instance", "demo"]
        payments = ["simulate", o.domain, "--rate", str(o.rate), "--warmup-days", str(WARMUP_DAYS)]
        commands = {"scorer": scorer, "sink": ["sink"], "monitor": ["monitor"], "payments": payments}
        arguments = {name: ["-m", "apps.cli", *words] for name, words in commands.items()}
        arguments["dashboard"] = dashboard.command(port=port, host="127.0.0.1")[1:]
        for name, words in arguments.items():
            self._children.append(Child.start(name, words, settings.logs, {"KAFKA_BOOTSTRAP_SERVERS": self._kafka.bootstrap}))
        self._summary = Summary(settings, self._domain, {
            "dashboard": self._address,
            "scoring": f"model {version} as {o.format}, {o.guarantee}, {o.rate:g} {self._domain.events_name} a second",
            "kafka": self._kafka.bootstrap,
            "logs": str(settings.logs),
        })  # fmt: skip
        self._wait_for_dashboard()
        self._say(f"the dashboard is at {self._address}", "bold")
        self._say("history goes through the scorer first; live payments follow")

    def _say(self, text: str, style: str = "") -> None:
        say(self._console, text, style)

    def _wait_for_dashboard(self) -> None:
        give_up = time.monotonic() + _UI_WITHIN
        while time.monotonic() < give_up and not self._stop.is_set() and self._all_running():
            try:
                with urlopen(f"{self._address}/_stcore/health", timeout=1):  # noqa: S310  # our own address
                    return
            except OSError:
                self._stop.wait(0.2)

    def _all_running(self) -> bool:
        """Kafka first, if it is ours: where it has ended, the others soon end too, and are not to blame."""
        self._kafka_ended = self._kafka_ended or (self._kafka.pid > 0 and address.running(self._settings) != self._kafka)
        self._died = self._died or next((child for child in self._children if not child.running), None)
        return not self._kafka_ended and self._died is None

    def watch(self) -> None:
        """Show what happens until it is time to stop."""
        end = time.monotonic() + self._options.duration_s if self._options.duration_s else None
        with self._screen() as show:
            while not self._stop.is_set() and self._all_running() and (end is None or time.monotonic() < end):
                self._summary.update()
                show()
                self._stop.wait(0.2)

    @contextmanager
    def _screen(self) -> Iterator[Callable[[], None]]:
        """A function that shows the summary: a live screen, or a line now and then."""
        if not self._options.headless and self._console.is_terminal:
            with Live(self._summary.screen(), console=self._console, refresh_per_second=4) as live:
                yield lambda: live.update(self._summary.screen())
            return
        told = time.monotonic()

        def line() -> None:
            nonlocal told
            if time.monotonic() - told >= _LINE_EVERY:
                told = time.monotonic()
                self._say(self._summary.line())

        yield line

    def finish(self) -> int:
        """Stop the payments, let the scorer finish and check; returns the exit status. Raises ``KeyboardInterrupt``."""
        if self._kafka_ended:
            log = broker.log_file(self._settings)
            return self._failed(f"Kafka ended; its log {log} ends with:", last_words(log))
        if self._died is not None:
            died = self._died
            return self._failed(f"{died.name} ended with status {died.popen.returncode}; {died.log} ends with:", died.last_words())
        if self._stop.is_set() or self._options.duration_s is None:
            self._say("stopping")
            return 0
        with self._stop.at_once():
            return self._check()

    def _failed(self, what: str, last_words: str) -> int:
        self._say(what, "bold red")
        self._say(last_words)
        return 1

    def _check(self) -> int:
        self._say("time is up: stopping the payments and checking that each has its decision")
        next(child for child in self._children if child.name == "payments").stop()
        audit.wait_until_scored(self._settings, self._domain, _SETTLE)
        for _ in range(3):  # the monitor's last windows
            self._stop.wait(1.0)
            self._summary.update()
        found = audit.audit(self._settings, self._domain, self._start)
        self._say(self._summary.line())
        self._say(
            f"{found.events:,} {self._domain.events_name}, {found.decided:,} decided, {found.malformed:,} malformed "
            f"with {found.dead_letters:,} dead letters, {found.missing:,} without an answer"
        )
        return 0 if found.passed else 1

    def stop_all(self) -> None:
        """Stop every process, those that feed others first."""
        order = ("payments", "scorer", "monitor", "sink", "dashboard")
        for child in sorted(self._children, key=lambda c: order.index(c.name)):
            child.stop(_WITHOUT_KAFKA if self._kafka_ended else STOP_WITHIN)
        if hasattr(self, "_summary"):
            self._summary.close()
