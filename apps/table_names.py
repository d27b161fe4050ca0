"""Which column of a table is which feature of a model: by its name, or by what LightGBM made of it, a blank written as an underscore."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from apps.errors import InputError


def placed(source: str, columns: Sequence[str], wanted: Sequence[str], other: Collection[str]) -> list[str]:
    """The columns' names, those that LightGBM changed as the model has them. ``other`` columns stand for none of the ``wanted``.

    Raises ``InputError`` for a name that stands twice, is lacking, or could be either of two columns.
    """
    if twice := sorted({c for c in columns if columns.count(c) > 1}):
        raise InputError(f"{source}: the column {_listed(twice)} stands twice")
    free = [c for c in columns if c not in wanted and c not in other]
    alike = {name: [c for c in free if c.replace(" ", "_") == name] for name in wanted if name not in columns}
    for name, found in alike.items():
        if len(found) > 1:
            fix = f"call the one that is meant {name!r}"
            raise InputError(f"{source}: the model's column {name!r} could be either of {_listed(found, ' and ')}: {fix}")
    if lacking := [name for name, found in alike.items() if not found]:
        there = f"; of the table's columns it does not know {_listed(free)}" if free else ""
        raise InputError(f"{source}: lacks the column {_listed(lacking)}; the model asks for {', '.join(wanted)}{there}")
    named = {found[0]: name for name, found in alike.items()}
    return [named.get(c, c) for c in columns]


def _listed(names: Sequence[str], between: str = ", ") -> str:
    return between.join(map(repr, names))
