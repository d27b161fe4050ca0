"""The list of formats. Adding one is a file beside ``native``, called like the format, and a line here."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, cast

if TYPE_CHECKING:  # their modules take a second to import; the list itself takes nothing
    from domain.schema import FeatureSchema
    from exports.lightgbm_text import ModelSource
    from exports.scorer import Scorer


class _Module(Protocol):
    """What the file of a format holds; and ``read``, where an artifact can be looked into without what scores it."""

    def export(self, model: ModelSource, schema: FeatureSchema | None, path: Path) -> Path: ...
    def load(self, path: Path) -> Scorer: ...


@dataclass(frozen=True)
class Format:
    """How a model is written in a format, and what comes of reading it back. Its file is imported when first used.

    ``begins`` is what every artifact of the format, and of no other, starts with. ``served``: the artifact only says where the
    model is, and scores where a server has it.
    """

    name: str
    file_name: str
    begins: bytes
    description: str
    served: bool = False

    @property
    def _module(self) -> _Module:
        return cast("_Module", import_module(f"exports.{self.name}"))

    def export(self, model: ModelSource, schema: FeatureSchema | None, path: Path) -> Path:
        """Write the model. Raises ``ExportError`` for what the format cannot carry."""
        return self._module.export(model, schema, path)

    def read(self, path: Path) -> Any:
        """What an artifact says, without the engine that scores it where its file can do without. Raises as ``load``."""
        return getattr(self._module, "read", self._module.load)(path)

    def load(self, path: Path) -> Scorer:
        """Read an artifact. Raises ``ExportError`` for what is not one of this format."""
        return self._module.load(path)


FORMATS: dict[str, Format] = {
    f.name: f
    for f in (
        Format("native", "model.txt", b"tree\n", "LightGBM's text, scored by its own C API"),
        Format("pmml", "model.pmml", b"<", "PMML 4.4, scored by the compiled kernel"),
        Format("pfa", "model.pfa", b'{"metadata"', "PFA 0.8, scored by the compiled kernel"),
        Format("onnx", "model.onnx", b"\x08\x0a", "ONNX (ai.onnx.ml 5) in double precision, scored by ONNX Runtime"),
        Format("c", "model.c", b"/* polyscore", "C99, one file without dependencies, compiled by the system's C compiler"),
        Format("remote", "model.remote.json", b'{\n "kind": "polyscore', "A server, by the Open Inference Protocol v2", served=True),
    )
}
LOCAL: tuple[str, ...] = tuple(f.name for f in FORMATS.values() if not f.served)  # those that hold the model themselves
