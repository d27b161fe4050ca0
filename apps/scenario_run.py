"""`polyscore scenario run`: one story on a system of its own, judged, its report written; whatever happens, nothing is left running."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
import traceback
from collections.abc import Collection
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from apps import process, scenario_report, scenario_result
from apps.errors import AppError, InputError
from apps.process import Stop
from apps.scenario import Story, System, World
from apps.scenario_deployment import trained
from apps.scenario_result import LOG, RUNNING, Result, Verdict, failed
from apps.scenario_system import Embedded, Pacing, Voice
from apps.scenario_telling import BrokenError, Telling
from apps.settings import Guarantee, Settings
from apps.terminal import Progress, progress, say
from domain.registry import DOMAINS
from exports.errors import ExportError
from models.errors import ModelError

_COLOURS: dict[Verdict, str] = {"PASS": "bold green", "FAIL": "bold red", "CANNOT RUN": "bold yellow", "STOPPED": "bold yellow"}


@dataclass(frozen=True)
class Options:
    """What `polyscore scenario run` was told."""

    seed: int
    speed: float | None  # simulated seconds a second; None: the story's own
    format: str
    out: Path | None  # where the result goes; None: a new folder in the user's home
    home: Path | None  # the system's own, kept afterwards; None: one that is gone afterwards


def command(settings: Settings, story: Story, options: Options, console: Console) -> Result:
    """Run a story and write what it came to. Raises ``InputError`` where its folders cannot be used, or another one runs."""
    refusal = f"a scenario runs in {settings.home} already; wait for it, or stop it"
    with process.stoppable() as stop, process.only(scenario_result.kept_in(settings.home) / "lock", refusal):
        if options.home is not None:
            _make_empty(options.home)
        folder = _folder(settings, story, options)
        scenario_result.mark_running(folder, story.name)
        try:
            result = Run(settings, story, options, console, stop, folder).result()
            scenario_result.write(folder, result)
            scenario_report.write(folder, result)
        finally:  # a page that sees it end looks for its result, and looks once
            (folder / RUNNING).unlink(missing_ok=True)
    say(console, f"{result.verdict}: {story.name}: {result.why}", _COLOURS[result.verdict])
    say(console, f"the report is {folder / scenario_result.HTML}")
    return result


def _folder(settings: Settings, story: Story, options: Options) -> Path:
    try:
        if options.out is None:
            return scenario_result.new_folder(settings.home, story.name, scenario_result.now())
        options.out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{options.out or settings.home}: {error.strerror}; reports are written there: name another with --out") from None
    return options.out


def _make_empty(home: Path) -> None:
    try:
        home.mkdir(parents=True, exist_ok=True)
        taken = any(home.iterdir())
    except OSError as error:
        raise InputError(f"{home}: {error.strerror}; the story's system is kept there: name another folder with --home") from None
    if taken:
        raise InputError(f"{home} is not empty; a story's system begins with nothing: empty that folder, or name another with --home")


class Run:
    """One run: its clock, its voice, and its system while there is one."""

    def __init__(self, settings: Settings, story: Story, options: Options, console: Console, stop: Stop, folder: Path) -> None:
        self._settings, self._story, self._options, self._console, self._stop = settings, story, options, console, stop
        self._folder, self._world = folder, World([], [])
        self._speed = options.speed or story.speed
        self._began, self._at = time.monotonic(), scenario_result.now()
        self._system: Embedded | None = None
        self._log = (folder / LOG).open("a", buffering=1)

    def result(self) -> Result:
        """Tell the story. Does not raise for anything that befalls it: that is the result."""
        with ExitStack() as stack, self._log:
            told = stack.enter_context(progress(self._console))
            telling: Telling | None = None
            try:
                with self._stop.at_once():
                    bundle = trained(self._settings, DOMAINS[self._story.domain], self._console)
                    self._world = self._story.world(self._options.seed)
                    telling = self._telling(bundle, stack, told)
                    self._story.tell(telling.given, telling.when, telling.then)
                    verdict, why = _judged(telling)
            except KeyboardInterrupt:
                verdict, why = "STOPPED", "stopped before its end"
            except BrokenError as error:
                verdict, why = "FAIL", str(error)
            except Exception as error:  # noqa: BLE001  # a story's own mistake, a full disk: that is a result too
                verdict, why = ("FAIL" if telling and telling.set else "CANNOT RUN"), self._in_words(error)
            found = self._result(verdict, why, telling)
            self._keep_logs(verdict)
        return found

    def _in_words(self, error: Exception) -> str:
        """Why it ended; where nobody foresaw it, the log says where it came from."""
        if isinstance(error, AppError | ModelError | ExportError):
            return str(error)
        with suppress(OSError):
            self._log.write("".join(traceback.format_exception(error)))
        return f"{type(error).__name__}: {error}"

    def _telling(self, bundle: Path, stack: ExitStack, told: Progress) -> Telling:
        def start(*, beside: Collection[str], guarantee: Guarantee, served: str) -> System:
            self._system = Embedded(self._own(stack), self._story, self._world, bundle, stack, Voice(self._say, told))
            pace = Pacing(self._speed, self._wait, self._began)
            self._system.open(pace, self._options.format, beside=beside, guarantee=guarantee, served=served)
            return self._system

        trouble = lambda: self._system.trouble() if self._system else ""  # noqa: E731  # of the system that there is by then
        return Telling(start, trouble, time.monotonic, self._wait, self._say, told)

    def _own(self, stack: ExitStack) -> Settings:
        """The settings of a system that shares nothing with the user's, whose Kafka may ask for a password."""
        for name in [name for name in os.environ if name.startswith("KAFKA_")]:
            del os.environ[name]
        if self._options.home is None:
            home = Path(tempfile.mkdtemp(prefix="polyscore-scenario-"))
            stack.callback(shutil.rmtree, home, ignore_errors=True)
        else:
            home = self._options.home.absolute()
        return self._settings.model_copy(
            update={"home": home, "database_url": f"sqlite:///{home / 'polyscore.db'}", "kafka_bootstrap_servers": ""}
        )

    def _wait(self, seconds: float) -> None:
        time.sleep(seconds)  # a signal ends it where it is: `at_once`

    def _say(self, text: str) -> None:
        say(self._console, text)
        self._log.write(f"{time.monotonic() - self._began:6.1f} s  {text}\n")

    def _result(self, verdict: Verdict, why: str, telling: Telling | None) -> Result:
        system = self._system
        numbers = system.numbers() if system else {}  # before the samples: it takes the last
        return Result(
            name=self._story.name,
            domain=self._story.domain,
            expects=self._story.expects,
            verdict=verdict,
            why=why,
            began=self._at,
            seconds=time.monotonic() - self._began,
            seed=self._options.seed,
            speed=self._speed,
            format=self._options.format,
            model=system.champion if system else "",
            planted=self._world.at,
            steps=tuple(telling.steps) if telling else (),
            samples=tuple(system.samples) if system else (),
            numbers=numbers,
        )

    def _keep_logs(self, verdict: Verdict) -> None:
        """What the processes said, where somebody will ask for it; the system's folder is gone soon."""
        if verdict in ("FAIL", "CANNOT RUN") and self._system is not None and self._system.logs.is_dir():
            shutil.copytree(self._system.logs, self._folder / "logs", dirs_exist_ok=True)


def _judged(telling: Telling) -> tuple[Verdict, str]:
    claims = [step for step in telling.steps if step.kind == "then"]
    if not claims:
        return "CANNOT RUN", "the story claims nothing"
    if not (wrong := failed(claims)):
        return "PASS", f"all {len(claims)} claims hold"
    return "FAIL", f"{len(wrong)} of {len(claims)} claims do not hold: " + "; ".join(
        f"{s.text}: {s.shown}, {s.wanted} wanted" for s in wrong
    )
