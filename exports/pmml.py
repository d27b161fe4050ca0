"""The ``pmml`` format: a PMML 4.4 document that any PMML engine scores from raw features; here it is scored by the kernel.

An engine is given the features by name (labels as text; absent, null or NaN is missing) and answers ``predicted_target``, the
class or the quantity, and ``probability_0`` ... or, of several quantities, ``value_0`` ...; a name that a feature has already
gets an underscore. Trees deeper than 89 need ``-Djdk.xml.maxElementDepth=0`` on Java 24 and later. Tree ensembles that others
wrote are read too (``exports.pmml_any``), or refused by name.
"""

from __future__ import annotations

from pathlib import Path

from domain.schema import FeatureSchema
from exports import files, pmml_any, pmml_reader, pmml_writer
from exports.compiled import KernelScorer
from exports.fit import check_kinds, fitting
from exports.lightgbm_text import ModelSource
from exports.lightgbm_text import read as read_model


def export(model: ModelSource, schema: FeatureSchema | None, path: Path) -> Path:
    """Write the model as PMML. Raises ``UnsupportedModel`` for what PMML cannot carry, or ``SchemaMismatch``."""
    read = read_model(model)
    lines = pmml_writer.document(read.ensemble, fitting(read, schema))
    return files.write(path, "\n".join([*lines, ""]).encode())


def load(path: Path) -> KernelScorer:
    """Read a PMML file, polyscore's own or another's. Raises ``CorruptArtifact``, ``UnsupportedConstruct`` or ``SchemaMismatch``.

    Its own is read as strictly as it was written. Scores of another's may be NaN: the document then gives no prediction.
    """
    data = files.read(path)
    if (namespace := pmml_any.written_by_others(data)) is not None:
        return pmml_any.read(data, path.name, namespace)
    ensemble, schema = pmml_reader.read(data, path.name)
    check_kinds(ensemble, schema)
    return KernelScorer(ensemble, schema)
