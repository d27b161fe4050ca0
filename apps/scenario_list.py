"""Which scenarios there are: the files of `apps/scenarios`, one a story, or a file of your own."""

from __future__ import annotations

import importlib
import importlib.util
from pathlib import Path
from pkgutil import iter_modules

from apps.errors import InputError
from apps.scenario import Story

FOLDER = Path(__file__).parent / "scenarios"


def names() -> list[str]:
    """The known stories' names, without reading them: a story is called as its file is, with dashes."""
    return sorted(module.name.replace("_", "-") for module in iter_modules([str(FOLDER)]) if not module.name.startswith("_"))


def stories() -> list[Story]:
    """All known stories, by domain and name."""
    return sorted((find(name) for name in names()), key=lambda story: (story.domain, story.name))


def find(name: str) -> Story:
    """A known story by its name, or one in a Python file. Raises ``InputError`` naming those there are."""
    if name in names():
        return _told_in(importlib.import_module(f"apps.scenarios.{name.replace('-', '_')}"), name)
    file = Path(name)
    if file.suffix == ".py" and file.is_file():
        return read(file)
    raise InputError(f"there is no scenario {name!r}; there are {', '.join(names())}, or name a Python file with a story of your own")


def read(file: Path) -> Story:
    """The story in a file of your own. Raises ``InputError`` where the file holds none."""
    spec = importlib.util.spec_from_file_location(file.stem, file)
    if spec is None or spec.loader is None:
        raise InputError(f"{file} cannot be read as Python")
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except (ImportError, SyntaxError, NameError, TypeError) as error:
        raise InputError(f"{file}: {error}") from error
    return _told_in(module, str(file))


def _told_in(module: object, name: str) -> Story:
    found = [value for value in vars(module).values() if isinstance(value, Story)]
    if len(found) != 1:
        raise InputError(f"{name}: {len(found)} stories are told there; one is, by a function under `@story(...)`")
    return found[0]
