"""PFA scored by an engine that is not ours: Titus, in a process and an environment of its own.

``python -m exports.titus_engine --set-up`` makes that environment; ``load`` gives a ``Scorer`` over it, at milliseconds a row.
"""

from __future__ import annotations

import argparse
import json
import math
import queue
import subprocess
import sys
import threading
import weakref
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, Any, Final

import numpy as np
from numpy.typing import NDArray

from domain.schema import Feature, FeatureSchema
from exports import pfa_reader, titus_environment
from exports.compiled import matrix, numbers
from exports.errors import CorruptArtifact, EngineMissing, RowError
from exports.pfa_names import identifiers
from exports.scorer import Scores

_WORKER: Final = Path(__file__).with_name("titus_worker.py")
_CHUNK: Final = 50  # rows a question, so that a time limit means something
Datum = dict[str, float | str | None]


def load(path: Path, limit: float = 120.0) -> TitusScorer:
    """A PFA file of ours in Titus. ``limit`` is in seconds, for each answer.

    Raises ``EngineMissing`` where Titus was not set up, ``CorruptArtifact`` where it refuses the document, and what our reader raises.
    """
    _, schema = pfa_reader.read(path)
    return TitusScorer(path, schema, limit)


class TitusScorer:
    """Scores rows in Titus; ``seconds`` is what it took there, without the way to it. A process each: ``close`` ends it."""

    def __init__(self, path: Path, schema: FeatureSchema, limit: float) -> None:
        self.schema = schema
        self.seconds = 0.0
        self._names = identifiers(schema.names)
        self._limit = limit
        self._process = subprocess.Popen(
            [titus_environment.python(), "-I", "-W", "ignore", _WORKER],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, encoding="utf-8",
        )  # fmt: skip
        self._end = weakref.finalize(self, _end, self._process)
        self._answers: queue.SimpleQueue[str] = queue.SimpleQueue()
        threading.Thread(target=_listen, args=(self._process.stdout, self._answers), daemon=True).start()
        answer = self._ask({"load": str(path.resolve())})
        if "error" in answer:
            self.close()
            raise CorruptArtifact(path.name, f"Titus refuses it: {answer['error']}")

    def score(self, row: Sequence[float | None]) -> Scores:
        """Raw and linked scores of one row. Raises ``RowError``, also where Titus raises on it."""
        return self.score_data([self.datum(row)])[0]

    def score_batch(self, rows: NDArray[np.float64]) -> NDArray[np.float64]:
        """(n, features) float64 -> (n, outputs) float64, after the link."""
        return np.array([scores.values for scores in self._scores(rows)])

    def raw_batch(self, rows: NDArray[np.float64]) -> NDArray[np.float64]:
        """(n, features) float64 -> (n, outputs) float64, before the link."""
        return np.array([scores.raw for scores in self._scores(rows)])

    def score_data(self, data: Sequence[Datum]) -> list[Scores]:
        """Rows as events give them, by PFA's names; NaN stays a number. Raises ``RowError`` where Titus raises on one."""
        answer = self._ask({"score": data})
        if "error" in answer:
            raise RowError(f"Titus refuses one of {len(data)} rows: {answer['error']}")
        self.seconds += answer["seconds"]
        return [Scores(tuple(s["raw"]), tuple(s["values"])) for s in answer["scores"]]

    def close(self) -> None:
        """End the process."""
        self._end()

    def _scores(self, rows: NDArray[np.float64]) -> Iterator[Scores]:
        table = matrix(rows, self.schema).tolist()
        for start in range(0, len(table), _CHUNK):
            yield from self.score_data([self.datum(row) for row in table[start : start + _CHUNK]])

    def datum(self, row: Sequence[float | None]) -> Datum:
        """The row as an event gives it: by name, codes as the labels they stand for, null where missing."""
        features = zip(self._names, self.schema.features, numbers(row, self.schema), strict=True)
        return {name: _value(feature, number) for name, feature, number in features}

    def _ask(self, question: dict[str, Any]) -> dict[str, Any]:
        """The answer to a question. Raises ``EngineMissing`` where there is none in time, and ends the process."""
        try:
            print(json.dumps(question), file=self._process.stdin, flush=True)
            answer = self._answers.get(timeout=self._limit)
        except (OSError, ValueError, queue.Empty):
            answer = ""
        if not answer:
            self.close()
            raise EngineMissing(f"Titus gave no answer within {self._limit} s, or ended")
        found: dict[str, Any] = json.loads(answer)
        return found


def _value(feature: Feature, number: float) -> float | str | None:
    if math.isnan(number):
        return None
    if not feature.categories:
        return number
    code = math.trunc(number) if math.isfinite(number) else -1
    return feature.categories[code] if 0 <= code < len(feature.categories) else _unseen(feature)


def _unseen(feature: Feature) -> str:
    """A label that the feature does not list."""
    return "".join(feature.categories) + "?"


def _listen(answers: IO[str] | None, to: queue.SimpleQueue[str]) -> None:
    for answer in answers or ():
        to.put(answer)
    to.put("")


def _end(process: subprocess.Popen[str]) -> None:
    process.kill()
    process.wait()
    if process.stdin:
        with suppress(OSError):  # what was not sent is not missed
            process.stdin.close()


def main(arguments: Iterable[str]) -> int:
    """``--set-up`` makes Titus's environment; without it, say where it is."""
    parser = argparse.ArgumentParser(prog="python -m exports.titus_engine", description="The environment of Titus, which scores PFA.")
    parser.add_argument("--set-up", action="store_true", help="make it (once, with a network)")
    chosen = parser.parse_args(list(arguments))
    try:
        print(titus_environment.set_up() if chosen.set_up else titus_environment.python())
    except EngineMissing as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
