"""The list of engines that are not ours, and of which format each is the judge. Adding one is a file and a line here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from domain.schema import FeatureSchema
from exports import onnx, pmml4s_engine, titus_engine

Matrix = NDArray[np.float64]


@dataclass(frozen=True)
class Judge:
    """An independent engine: ``load`` makes, of an artifact, what scores rows (n, features) into values (n, outputs)."""

    name: str
    format: str
    load: Callable[[Path, FeatureSchema], Callable[[Matrix], Matrix]]


def _titus(path: Path, schema: FeatureSchema) -> Callable[[Matrix], Matrix]:
    """Titus, in a process of its own; the schema is the document's."""
    return titus_engine.load(path).score_batch


def _whole_graph(path: Path, schema: FeatureSchema) -> Callable[[Matrix], Matrix]:
    """What the graph itself answers, link included, as any other user of the file gets it; our scorer takes its raw score only."""
    scorer = onnx.load(path)
    return lambda rows: scorer.graph_batch(rows).values


JUDGES: dict[str, Judge] = {
    judge.name: judge
    for judge in (
        Judge("PMML4S", "pmml", pmml4s_engine.load),  # through pypmml
        Judge("Titus", "pfa", _titus),
        Judge("ONNX Runtime", "onnx", _whole_graph),
    )
}
