"""The list of domains. Adding one is a folder beside ``fraud`` and a line here."""

from __future__ import annotations

from domain.contract import Domain
from domain.fraud import FRAUD

DOMAINS: dict[str, Domain] = {d.name: d for d in (FRAUD,)}
