"""How a LightGBM model leaves Python: one file a format. Knows trees, not payments.

>>> import lightgbm, numpy
>>> from exports import export
>>> x = numpy.arange(100.0).reshape(-1, 1)
>>> booster = lightgbm.train({"verbose": -1}, lightgbm.Dataset(x, x[:, 0]), 2)
>>> import tempfile
>>> sorted(path.name for path in export(booster, ["pmml", "pfa"], tempfile.mkdtemp()).values())
['model.pfa', 'model.pmml']
"""

from __future__ import annotations

from collections.abc import Sequence
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from domain.schema import FeatureSchema
    from exports.lightgbm_text import ModelSource


def export(
    model: ModelSource, formats: str | Sequence[str], folder: str | PathLike[str], schema: FeatureSchema | None = None
) -> dict[str, Path]:
    """Write a model as one file a format below ``folder``; returns the files by format.

    ``model`` is a ``lightgbm.Booster``, one of scikit-learn's wrappers, or a model file: its path, or its text. ``formats`` are names,
    or one name. ``schema`` names features and category labels where the model itself does not. Raises ``exports.errors.ExportError``:
    what a format cannot carry, or a name that is no format. Formats that were written before one was refused stay.
    """
    from exports.errors import ExportError  # noqa: PLC0415  # whoever imports one module of this package does not wait for all
    from exports.formats import FORMATS  # noqa: PLC0415
    from exports.lightgbm_text import read  # noqa: PLC0415

    formats = [formats] if isinstance(formats, str) else formats
    unknown = [name for name in formats if name not in FORMATS]
    if unknown:
        raise ExportError(f"{', '.join(unknown)}: not a format; there are {', '.join(FORMATS)}")
    place = Path(folder)
    place.mkdir(parents=True, exist_ok=True)
    text = read(model)
    return {name: FORMATS[name].export(text, schema, place / FORMATS[name].file_name) for name in formats}
