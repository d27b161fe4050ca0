"""The list of domains. Adding one is a folder beside ``fraud`` and a line here."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib import import_module

from domain.contract import Domain


class _Domains(Mapping[str, Domain]):
    """Domains by name. One is imported when it is first asked for: its kernels take a second, its name takes nothing."""

    def __init__(self, places: Mapping[str, str]) -> None:
        self._places, self._found = places, dict[str, Domain]()

    def __getitem__(self, name: str) -> Domain:
        if name not in self._found:
            module, _, value = self._places[name].partition(":")
            self._found[name] = getattr(import_module(module), value)
        return self._found[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._places)


DOMAINS: Mapping[str, Domain] = _Domains({
    "fraud": "domain.fraud:FRAUD",
    "cross_sell": "domain.cross_sell:CROSS_SELL",
    "maintenance": "domain.maintenance:MAINTENANCE",
})  # fmt: skip
