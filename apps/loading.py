"""From a bundle's folder to a model that is ready for its first event; what must not decide is refused, with the reason."""

from __future__ import annotations

from pathlib import Path

from apps.errors import InputError
from apps.settings import Settings
from domain.contract import Domain
from models import bundle as bundles
from models.bundle import Bundle
from models.decide import Model, explain
from models.errors import BundleError
from models.registry import Registry

# What an announcement and a bundle's manifest must both say: a bundle whose hashes were changed with its files is another one.
_ANNOUNCED = ("domain", "schema", "average", "beside", "files")


def load(settings: Settings, domain: Domain, folder: Path | None, model_format: str) -> Model:
    """The model of a bundle (default: the domain's newest) in one format, compiled and ready for its first event.

    Raises ``InputError`` where the bundle was trained on other features than this code computes, ``BundleError`` where it is not
    whole, or has no passing parity report for the format.
    """
    return ready(domain, fitting(domain, folder or bundles.latest(settings.bundles / domain.name)), model_format)


def announced(settings: Settings, domain: Domain, known: Registry, name: str, model_format: str) -> Model:
    """The model of an announced version. Raises as ``load``, and ``BundleError`` where the bundle is not the announced one."""
    return ready(domain, as_announced(settings, domain, known, name), model_format)


def as_announced(settings: Settings, domain: Domain, known: Registry, name: str) -> Bundle:
    """The whole bundle of an announced version. Raises as ``announced``."""
    if Path(name).name != name:
        raise BundleError(f"{name!r} is no version of {domain.name}: it does not name a folder beside the others")
    found = fitting(domain, settings.bundles / domain.name / name)
    version = known.versions.get(name)
    if found.version != name:
        raise BundleError(f"{found.folder} holds {found.version}, not {name}; copy the right folder there")
    if version and any(found.manifest[field] != version.manifest.get(field) for field in _ANNOUNCED):
        raise BundleError(f"{found.folder} is not the bundle that was announced: its manifest says something else; copy the right one")
    return found


def fitting(domain: Domain, folder: Path) -> Bundle:
    """The whole bundle in a folder. Raises ``InputError`` where it is not of this domain, or of other features than it computes."""
    found = bundles.load_bundle(folder)
    if found.manifest["domain"] != domain.name:
        owner = found.manifest["domain"]
        raise InputError(
            f"bundle {found.version} is a model of {owner!r}, not of the domain {domain.name}: `polyscore stream {owner}` has it"
        )
    if found.schema.digest != domain.schema.digest:
        fix = f"train it again: `polyscore train {domain.name}`"
        raise InputError(f"bundle {found.version} has other features than the domain {domain.name} computes; {fix}")
    return found


def ready(domain: Domain, found: Bundle, model_format: str) -> Model:
    """Loaded and warm: one row was scored and explained, so that the first event waits for nothing."""
    model = Model(found.version, model_format, found.scorer(model_format), found.contributions, found.average)
    row = [float("nan")] * len(domain.schema)
    model.scorer.score(row)
    explain(domain, model, row)
    return model
