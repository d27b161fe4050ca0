"""`polyscore demo`: starts every process, shows what they do, and stops them all, however it ends."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import groupby
from urllib.request import urlopen

from rich.console import Console
from rich.live import Live

from apps import address, announce, audit, broker, dashboard, process, topics
from apps.address import Address
from apps.children import STOP_WITHIN, Child, last_words
from apps.errors import InputError
from apps.process import Stop
from apps.settings import Guarantee, Settings
from apps.summary import Summary
from apps.terminal import progress, say
from apps.trainings import Trainings
from domain.contract import Domain
from domain.registry import DOMAINS
from models import manifest

_LINE_EVERY = 5.0  # seconds, headless
_SETTLE = 60.0  # seconds that the scorer may take to finish after the last payment
_UI_WITHIN = 30.0
_WITHOUT_KAFKA = 3.0  # seconds that a process gets to end where there is nothing left to finish
_SOURCE = "source"  # the end of the names of what sends events
_STAGES = ((_SOURCE,), ("scorer", "loop", "shadow"), ("outcomes", "quality", "monitor"), ("sink", "dashboard"))  # of the end
_INTERRUPTED = 130  # exit status, as shells know it


@dataclass(frozen=True)
class Options:
    """What `polyscore demo` was told."""

    duration_s: float | None
    headless: bool
    rate: float | None  # events a second of each domain; None: the domain's own
    format: str
    guarantee: Guarantee
    port: int
    domains: tuple[str, ...] = DOMAINS.built_in


def run(settings: Settings, options: Options, console: Console) -> int:
    """Run until Ctrl-C, the end of the time, or the death of a process. Returns the exit status: 0 if all was well.

    Models that are not there are trained beside what starts; a domain joins when its model is there. The time of a timed run
    begins when all have joined; it ends with a check on the topics: every event that asks for a decision must have one.
    """
    _refuse_tables(options.domains)
    with process.stoppable() as stop, ExitStack() as stack:
        refusal = f"a demo runs in {settings.home} already; stop it first, or set POLYSCORE_HOME to another folder"
        stack.enter_context(process.only(settings.home / "demo.lock", refusal))
        try:
            with stop.at_once():
                trainings = Trainings(settings, _teller(options, console))
                stack.callback(trainings.stop)
                for name in options.domains:
                    if not manifest.bundles(settings.bundles / name):
                        say(console, f"training {DOMAINS[name].title.lower()}")
                        trainings.want(name)
                kafka = _kafka(settings, console, stack)
                demo = Demo(settings, options, console, stop, kafka, trainings)
            stack.callback(demo.stop_all)
            demo.start()
            with stop.at_once():
                demo.join_those_known()
            demo.watch()
            return demo.finish()
        except KeyboardInterrupt:
            say(console, "stopping before the demo was done")
            return _INTERRUPTED


def _refuse_tables(names: Sequence[str]) -> None:
    """Raises ``InputError``: nothing simulates a table."""
    for name in names:
        if name in DOMAINS.own:
            by_hand = f"`polyscore stream {name}`, `polyscore sink` and `polyscore replay {name} --data FILE`"
            raise InputError(f"{name} is a table of your own, which nothing simulates, so it has no demo; run {by_hand} beside each other")


def _teller(options: Options, console: Console) -> Callable[[str], None]:
    """What hears how trainings come along, line by line: a log; the live screen shows it by itself."""
    return (lambda text: say(console, text)) if options.headless or not console.is_terminal else lambda text: None


def _kafka(settings: Settings, console: Console, stack: ExitStack) -> Address:
    if settings.kafka_bootstrap_servers:
        broker.status(settings)  # one that does not answer is told at once
    before = address.running(settings)
    say(console, "starting Kafka")
    with progress(console) as told:
        found = broker.start(settings, say=lambda text: say(console, text), progress=told, tied=True)
    if found.pid and found != before:
        stack.callback(broker.stop, settings, say=lambda text: say(console, text))
    topics.create_topics(settings)
    return found


class Demo:
    """The running processes, and what is shown of them."""

    def __init__(  # one of each
        self, settings: Settings, options: Options, console: Console, stop: Stop, kafka: Address, trainings: Trainings
    ) -> None:
        self._settings, self._options, self._console, self._stop, self._kafka = settings, options, console, stop, kafka
        self._trainings = trainings
        self._domains = [DOMAINS[name] for name in options.domains]
        self._children: list[Child] = []
        self._began = {domain.name: audit.ends(settings, domain) for domain in self._domains}
        self._died: Child | None = None
        self._kafka_ended = False

    def start(self) -> None:
        """Start what all domains share."""
        o, settings = self._options, self._settings
        for name in ("sink", "monitor", "outcomes", "quality", "shadow", "loop"):
            self._child(name, ["-m", "apps.cli", name])
        with dashboard.choosing_a_port():
            port = broker.free_port(o.port)
            if port != o.port:
                self._say(f"port {o.port} is taken; the dashboard uses {port}")
            self._address = f"http://127.0.0.1:{port}"
            self._child("dashboard", dashboard.command(port=port, host="127.0.0.1")[1:])
            self._summary = Summary(settings, self._domains, {
                "dashboard": self._address,
                "scoring": f"{o.format}, {o.guarantee}",
                "kafka": self._kafka.bootstrap,
                "logs": str(settings.logs),
            }, self._trainings.now)  # fmt: skip
            self._wait_for_dashboard()
        self._say(f"the dashboard is at {self._address}", "bold")

    def join_those_known(self) -> None:
        """The domains whose models were trained before. A model that is of no use is trained anew."""
        for name in self._options.domains:
            if name in self._trainings.now:
                continue
            if announce.known(self._settings, name, console=self._console):
                self._join(name)
            else:
                self._trainings.want(name)

    def _join(self, domain_name: str) -> None:
        """Start a domain's scorer, which takes the announced model, and its source, whose history goes through the scorer first."""
        o, domain = self._options, DOMAINS[domain_name]
        scorer = ["stream", domain_name, "--format", o.format, "--guarantee", o.guarantee, "--instance", "demo"]
        rate = o.rate or domain.demo_rate
        sizes = [word for name, number in domain.demo_sizes.items() for word in ("--size", f"{name}={number}")]
        source = ["simulate", domain_name, "--rate", str(rate), "--warmup-days", str(domain.demo_history_days), *sizes]
        for name, words in ((f"{domain_name}-scorer", scorer), (f"{domain_name}-{_SOURCE}", source)):
            self._child(name, ["-m", "apps.cli", *words])
        self._say(f"{domain.title.lower()}: {rate:g} {domain.events_name} a second, after {domain.demo_history_days} days of history")

    def _child(self, name: str, words: Sequence[str]) -> None:
        self._children.append(Child.start(name, words, self._settings.logs, {"KAFKA_BOOTSTRAP_SERVERS": self._kafka.bootstrap}))

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
        self._died = self._died or self._trainings.failed or next((child for child in self._children if not child.running), None)
        return not self._kafka_ended and self._died is None

    def watch(self) -> None:
        """Show what happens until it is time to stop."""
        end: float | None = None
        with self._screen() as show:
            while not self._stop.is_set() and self._all_running() and (end is None or time.monotonic() < end):
                for name in self._trainings.done():
                    announce.known(self._settings, name, console=self._console)  # it may have been ready before Kafka was
                    self._join(name)
                if end is None and self._options.duration_s and not self._trainings.now:
                    end = time.monotonic() + self._options.duration_s
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
                for text in self._summary.lines():
                    self._say(text)

        yield line

    def finish(self) -> int:
        """Stop the sources, let the scorers finish and check; returns the exit status. Raises ``KeyboardInterrupt``."""
        if self._kafka_ended:
            log = broker.log_file(self._settings)
            return self._failed(f"Kafka ended; its log {log} ends with:", last_words(log))
        if self._died is not None:
            died = self._died
            return self._failed(f"{died.name} ended with status {died.popen.returncode}; {died.log} ends with:", died.last_words())
        if self._trainings.now:
            raise KeyboardInterrupt
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
        self._say("time is up: stopping the sources and checking that each event has its decision")
        for child in self._children:
            if child.name.endswith(_SOURCE):
                child.stop()
        for domain in self._domains:
            audit.wait_until_scored(self._settings, domain, _SETTLE)
        for _ in range(3):  # the monitor's last windows
            self._stop.wait(1.0)
            self._summary.update()
        for line in self._summary.lines():
            self._say(line)
        answered = [self._answered(domain) for domain in self._domains]  # each says what it found
        return 0 if all(answered) else 1

    def _answered(self, domain: Domain) -> bool:
        found = audit.audit(self._settings, domain, self._began[domain.name])
        self._say(
            f"{domain.name}: {found.events:,} {domain.events_name}, {found.decided:,} decided, {found.malformed:,} malformed "
            f"with {found.dead_letters:,} dead letters, {found.missing:,} without an answer"
        )
        return found.passed

    def stop_all(self) -> None:
        """Stop every process, those that feed others first; those of one stage together."""
        self._trainings.stop()

        def stage(child: Child) -> int:
            name = child.name.rpartition("-")[2]
            return next((i for i, names in enumerate(_STAGES) if name in names), len(_STAGES))

        for _, found in groupby(sorted(self._children, key=stage), key=stage):
            together = list(found)
            for child in together:
                child.ask()
            for child in together:
                child.stop(_WITHOUT_KAFKA if self._kafka_ended else STOP_WITHIN)
        if hasattr(self, "_summary"):
            self._summary.close()
