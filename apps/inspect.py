"""`polyscore inspect`: what an artifact of any format holds, read from the file alone."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from apps.origin import origin
from exports import recognise, remote
from exports.ensemble import Ensemble
from exports.pmml_rows import PreparedScorer

_MOST_LABELS = 6


def command(artifact: Path, console: Console) -> None:
    """Show format, hash, size, link, trees, and every feature with how the trees use it; a server is not asked. Raises ``ExportError``."""
    chosen = recognise.recognise(artifact)
    found = chosen.read(artifact)
    data = artifact.read_bytes()
    console.print(f"{artifact}: {chosen.name}, {chosen.description}", markup=False, soft_wrap=True)
    sha256 = hashlib.sha256(data).hexdigest()
    facts = {"size": f"{len(data):,} bytes", "SHA-256": sha256, "schema": found.schema.digest}
    ensemble: Ensemble | None = getattr(found, "ensemble", None)
    if ensemble is not None:
        facts |= {**_trees(ensemble, getattr(found, "labels", ())), **origin(artifact, sha256, chosen.name, ensemble)}
    if isinstance(found, PreparedScorer):
        facts["model"] = f"{found.digest} (its trees, and the document's own rules for missing and invalid values)"
    if isinstance(found, remote.Place):
        facts |= {"server": f"{found.server}, as {found.name}; not asked", "outputs": f"{found.outputs}", "model": _same(found.digest)}
    for name, value in facts.items():
        console.print(f"  {name}: {value}", markup=False, soft_wrap=True)
    console.print(_features(found.schema.to_json(), ensemble))


def _trees(ensemble: Ensemble, labels: Sequence[str]) -> dict[str, str]:
    depths, leaves = ensemble.depths(), int((ensemble.feature < 0).sum())
    link = ensemble.link
    shown = f"{link.kind}" + (f", sigmoid {link.sigmoid:g}" if link.kind == "logistic" else "")
    shown += f", averaged over {link.average_over}" if link.average_over > 1 else ""
    return {
        "outputs": f"{ensemble.n_outputs}, {'classes' if link.classes else 'quantities'}{_named(labels)}; link {shown}",
        "trees": f"{ensemble.n_trees:,} with {leaves:,} leaves; depth {depths.max(initial=0)} at most, {depths.mean():.1f} on average",
        "model": _same(ensemble.digest),
    }


def _named(labels: Sequence[str]) -> str:
    return f" ({', '.join(f'{k}: {label}' for k, label in enumerate(labels))})" if labels else ""


def _same(digest: str) -> str:
    return f"{digest} (the same for every format of one model)"


def _features(schema: list[dict[str, object]], ensemble: Ensemble | None) -> Table:
    table = Table("feature", "kind", "splits", "thresholds or labels", box=None, pad_edge=False)
    for i, feature in enumerate(schema):
        used = "" if ensemble is None else f"{int((ensemble.feature == i).sum()):,}"
        labels = feature["categories"]
        shown = _labels(list(labels)) if isinstance(labels, list | tuple) and labels else _range(ensemble, i)
        table.add_row(str(feature["name"]), str(feature["kind"]), used, shown)
    return table


def _labels(labels: list[str]) -> str:
    more = len(labels) - _MOST_LABELS
    return ", ".join(labels[:_MOST_LABELS]) + (f" and {more} more" if more > 0 else "")


def _range(ensemble: Ensemble | None, feature: int) -> str:
    if ensemble is None or not (here := (ensemble.feature == feature) & (ensemble.category_set < 0)).any():
        return ""
    thresholds = ensemble.threshold[here]
    return f"{np.min(thresholds):g} to {np.max(thresholds):g}"
