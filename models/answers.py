"""A model's answers from the raw scores that decisions carry: every output after its link, those of the models beside it too."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from domain.contract import Domain
from exports.ensemble import LINKS
from exports.kernel import link_rows
from exports.objectives import link_of

Matrix = NDArray[np.float64]


def answers(domain: Domain, raw: Matrix) -> Matrix:
    """(n, outputs) as ``Learning.judge`` takes them, from ``raw`` (n, outputs): to the bit what the scorer answered.

    The links are those of the domain's recipes; a decision does not say by which recipe its model was made. Raises ``ValueError``
    for another number of outputs than theirs.
    """
    learning = domain.learning()
    found, at = [], 0
    for recipe in (learning.recipe, *learning.beside.values()):
        outputs = int(recipe.params.get("num_class", 1))
        link = link_of(str(recipe.params["objective"]), outputs, 0, domain.name, 0)
        part = np.ascontiguousarray(raw[:, at : at + outputs])
        found.append(link_rows(LINKS.index(link.kind), link.sigmoid, link.average_over, part.copy()))
        at += outputs
    if raw.shape[1] != at:
        raise ValueError(f"{domain.name}: raw scores of {raw.shape[1]} outputs where the domain's models have {at}")
    return np.hstack(found)


def outputs(domain: Domain) -> int:
    """How many outputs the domain's model and those beside it have."""
    learning = domain.learning()
    return sum(int(recipe.params.get("num_class", 1)) for recipe in (learning.recipe, *learning.beside.values()))
