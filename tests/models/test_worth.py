"""What decisions were worth, of however many lives."""

from __future__ import annotations

from domain.maintenance.ledger import LIVES
from domain.registry import DOMAINS
from models.worth import added
from tests.domain.machines import decision, ending


def test_orders_of_more_lives_than_a_ledger_remembers_are_all_joined_with_their_ends() -> None:
    starts = [100 * life for life in range(3 * LIVES)]
    orders = [decision(start + 50, "order") for start in starts]
    ends = [ending(start + 90, installed=start) for start in starts]
    found = added(DOMAINS["maintenance"], orders, ends)
    assert (found["orders"], found["failures foreseen"]) == (3 * LIVES, 3 * LIVES)
