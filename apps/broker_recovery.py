"""What a Kafka that was killed needs before it starts again, or it forgets how its last transactions ended.

A coordinator that loads its transactions while the partitions have no leader takes them for deleted, skips their markers and
calls the transaction complete (seen with Kafka 4.3.0): what was aborted becomes visible, offsets that were committed are lost. On a
single node that happens after every kill, when the new broker registers and the old one's session ends. So the old session is
ended first, by a controller without a broker: then no partition has a leader until all have.
"""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from apps.children import last_words
from apps.errors import BrokerError

_SESSION_MS: Final = 500
# An idle controller adds to its log twice a second, in the order in which things are due: once when it begins, once for a session
# that it ends, and by the fifth time a session that it found has ended.
_ADDITIONS: Final = 5
_WITHIN: Final = 60.0  # seconds

_PROPERTIES = """\
process.roles=controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller}
listeners=CONTROLLER://127.0.0.1:{controller}
controller.listener.names=CONTROLLER
listener.security.protocol.map=CONTROLLER:PLAINTEXT
log.dirs={data}
broker.session.timeout.ms={session}
"""


def was_killed(data: Path) -> bool:
    """Whether a broker has worked in this folder and did not stop in order."""
    return (data / "__cluster_metadata-0").is_dir() and not (data / ".kafka_cleanshutdown").exists()


def in_properties(path: Path) -> str:
    """A path as Java's properties hold it: in ASCII. Raises ``BrokerError`` for a comma, at which Kafka would part it."""
    if "," in str(path):
        raise BrokerError(f"{path}: Kafka takes no folder with a comma in its name; set POLYSCORE_HOME to another")
    units = memoryview(str(path).replace("\\", "\\\\").encode("utf-16-be")).cast("B")
    codes = [units[i] << 8 | units[i + 1] for i in range(0, len(units), 2)]
    return "".join(chr(code) if code < 0x7F else f"\\u{code:04x}" for code in codes)


def recover(folder: Path, controller: int, start: Callable[[Path, Path], subprocess.Popen[bytes]]) -> None:
    """End the killed broker's session; ``start`` runs Kafka with a configuration and a log file.

    Raises ``BrokerError`` where the controller does not come to it.
    """
    config, log = folder / "recovery.properties", folder / "recovery.log"
    config.write_text(_PROPERTIES.format(controller=controller, data=in_properties(folder / "data"), session=_SESSION_MS))
    try:
        java = start(config, log)
        try:
            _wait(java, log, folder / "data")
            java.terminate()
            java.wait(_WITHIN)
        finally:
            java.kill()
            java.wait()
    finally:
        config.unlink()
        log.unlink(missing_ok=True)


def _wait(java: subprocess.Popen[bytes], log: Path, data: Path) -> None:
    """Until the session's end is written."""
    give_up, size, additions = time.monotonic() + _WITHIN, _size(data), 0
    while additions < _ADDITIONS:
        if time.monotonic() > give_up or java.poll() is not None:
            said = f"Kafka was killed, and its transactions cannot be brought in order before it starts: {last_words(log)}"
            raise BrokerError(f"{said}; start it again")
        time.sleep(0.05)  # until the controller has got there
        before, size = size, _size(data)
        additions += size > before


def _size(data: Path) -> int:
    return sum(file.stat().st_size for file in (data / "__cluster_metadata-0").glob("*.log"))
