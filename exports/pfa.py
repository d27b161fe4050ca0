"""The ``pfa`` format: a PFA 0.8 document (JSON) that any PFA engine scores from raw features; here it is scored by the kernel."""

from __future__ import annotations

from pathlib import Path

from domain.schema import FeatureSchema
from exports import files, pfa_reader, pfa_writer
from exports.compiled import KernelScorer
from exports.fit import check_kinds, fitting
from exports.lightgbm_text import ModelSource
from exports.lightgbm_text import read as read_model


def export(model: ModelSource, schema: FeatureSchema | None, path: Path) -> Path:
    """Write the model as PFA. Raises ``UnsupportedModel`` for what PFA cannot carry, or ``SchemaMismatch``."""
    read = read_model(model)
    pieces = pfa_writer.document(read.ensemble, fitting(read, schema))
    return files.write(path, "".join(pieces).encode())


def load(path: Path) -> KernelScorer:
    """Read a PFA file. Raises ``CorruptArtifact``, ``UnsupportedConstruct`` or ``SchemaMismatch``."""
    ensemble, schema = pfa_reader.read(path)
    check_kinds(ensemble, schema)
    return KernelScorer(ensemble, schema)
