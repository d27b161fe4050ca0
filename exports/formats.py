"""The list of formats. Adding one is a file beside ``native`` and a line here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from domain.schema import FeatureSchema
from exports import native, onnx, pfa, pmml
from exports.lightgbm_text import ModelSource
from exports.scorer import Scorer


@dataclass(frozen=True)
class Format:
    """How a model is written in a format, and what comes of reading it back."""

    name: str
    file_name: str
    description: str
    export: Callable[[ModelSource, FeatureSchema | None, Path], Path]
    load: Callable[[Path], Scorer]


FORMATS: dict[str, Format] = {
    f.name: f
    for f in (
        Format("native", "model.txt", "LightGBM's text, scored by its own C API", native.export, native.load),
        Format("pmml", "model.pmml", "PMML 4.4, scored by the compiled kernel", pmml.export, pmml.load),
        Format("pfa", "model.pfa", "PFA 0.8, scored by the compiled kernel", pfa.export, pfa.load),
        Format("onnx", "model.onnx", "ONNX (ai.onnx.ml 5) in double precision, scored by ONNX Runtime", onnx.export, onnx.load),
    )
}
