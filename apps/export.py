"""`polyscore export`: a bundle's model, or any LightGBM model file, as artifacts that stand alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from apps.errors import InputError
from apps.settings import Settings
from domain.registry import DOMAINS
from domain.schema import FeatureSchema
from exports import files, lightgbm_text
from exports.formats import FORMATS
from exports.lightgbm_text import ModelSource
from models import bundle as bundles

Say = Callable[[str], None]


def command(settings: Settings, model: Path | None, formats: Sequence[str], out: Path, *, say: Say) -> list[Path]:
    """Write ``model`` in each format below ``out``.

    ``model`` is a bundle's folder, the name of a domain or a table (its newest bundle), or a LightGBM text file; None: the newest bundle.
    Raises ``InputError`` for an unknown format or a folder that cannot be written, ``ExportError`` for what a format cannot carry.
    """
    wanted = [name.strip() for name in formats if name.strip()]
    unknown = [name for name in wanted if name not in FORMATS]
    if unknown or not wanted:
        raise InputError(f"--to {', '.join(unknown) or '(nothing)'}: not a format; there are {', '.join(FORMATS)}")
    text, schema, source = _source(settings, model)
    try:
        out.mkdir(parents=True, exist_ok=True)
        written = [FORMATS[name].export(text, schema, out / FORMATS[name].file_name) for name in wanted]
    except OSError as error:
        raise InputError(f"{out}: {error.strerror}; name another folder with --out") from None
    for path in written:
        say(f"{path} ({path.stat().st_size / 1000:,.0f} kB) from {source}")
    return written


def _source(settings: Settings, model: Path | None) -> tuple[ModelSource, FeatureSchema | None, str]:
    """The model's text, its schema if a bundle states one, and what to call it."""
    if model is not None and not model.exists() and (named := settings.bundles / model.name).is_dir() and model.name == str(model):
        model = bundles.latest(named)
    if model is not None and not model.is_dir():
        return lightgbm_text.parse(files.text(model), model.name), None, str(model)
    found = bundles.load_bundle(model or bundles.latest(settings.bundles / next(iter(DOMAINS))))
    return files.text(found.folder / FORMATS["native"].file_name), found.schema, f"bundle {found.version}"
