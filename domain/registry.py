"""The list of domains. Adding one is a folder beside ``fraud`` and a line here; tables of one's own are adopted at the start."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from importlib import import_module

from domain.contract import Domain


class Domains(Mapping[str, Domain]):
    """Domains by name: those that are built in, and tables of one's own that were adopted.

    One is imported when it is first asked for: its kernels take a second, its name takes nothing.
    """

    def __init__(self, places: Mapping[str, str]) -> None:
        self._places, self._found = places, dict[str, Domain]()
        self._own: dict[str, Callable[[], Domain]] = {}

    @property
    def built_in(self) -> tuple[str, ...]:
        return tuple(self._places)

    @property
    def own(self) -> tuple[str, ...]:
        return tuple(self._own)

    def adopt(self, own: Mapping[str, Callable[[], Domain]]) -> None:
        """From now on these are the tables of one's own, each made when it is first asked for."""
        for name in self._own:
            self._found.pop(name, None)
        self._own = {name: make for name, make in own.items() if name not in self._places}

    def __getitem__(self, name: str) -> Domain:
        if name not in self._found:
            self._found[name] = self._made(name)
        return self._found[name]

    def _made(self, name: str) -> Domain:
        if name in self._own:
            return self._own[name]()
        module, _, value = self._places[name].partition(":")
        found: Domain = getattr(import_module(module), value)
        return found

    def __iter__(self) -> Iterator[str]:
        return iter((*self._places, *self._own))

    def __len__(self) -> int:
        return len(self._places) + len(self._own)


DOMAINS = Domains({
    "fraud": "domain.fraud:FRAUD",
    "cross_sell": "domain.cross_sell:CROSS_SELL",
    "maintenance": "domain.maintenance:MAINTENANCE",
})  # fmt: skip
