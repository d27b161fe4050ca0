"""Runs in Titus's own interpreter, where there is no polyscore: loads a PFA document and scores rows, all in JSON lines.

``{"load": path}`` or ``{"score": rows}`` is answered by ``{"scores": [...], "seconds": ...}``; what fails, by ``{"error": ...}``.
"""

from __future__ import annotations

import inspect
import json
import sys
import threading
import time
from typing import Any, TextIO

inspect.getargspec = inspect.getfullargspec  # type: ignore[attr-defined]  # asked for by titus, gone since Python 3.11


def main() -> None:
    """Answer on what was standard output; whatever Titus prints goes elsewhere. Deep trees need a deep stack."""
    answers, sys.stdout = sys.stdout, sys.stderr
    sys.setrecursionlimit(1_000_000)
    threading.stack_size(1 << 29)
    thread = threading.Thread(target=serve, args=(sys.stdin, answers))
    thread.start()
    thread.join()


def serve(requests: TextIO, answers: TextIO) -> None:
    """A line for each line, until there are no more."""
    engine: Any = None
    for line in requests:
        try:
            request = json.loads(line)
            start = time.perf_counter()
            if "load" in request:
                engine = _load(request["load"])
            scores = [engine.action(row) for row in request.get("score", [])]
            answer: dict[str, Any] = {"scores": scores, "seconds": time.perf_counter() - start}
        except Exception as error:  # noqa: BLE001  # the edge of this process: whatever it is, the other side decides
            answer = {"error": f"{type(error).__name__}: {error}"}
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


def _load(path: str) -> Any:
    from titus.genpy import PFAEngine  # type: ignore[import-not-found]  # noqa: PLC0415  # its failure is an answer too

    with open(path, encoding="utf-8") as file:
        (engine,) = PFAEngine.fromJson(json.load(file))
    engine.begin()
    return engine


if __name__ == "__main__":
    main()
