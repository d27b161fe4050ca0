"""Predictive maintenance: a work order for a machine's part before it fails."""

from datetime import timedelta

from domain.contract import Closing, Domain, Promise
from domain.learning import Learning
from domain.maintenance.events import parse_event, parse_label
from domain.maintenance.features import SCHEMA, MaintenanceFeatures, phrase
from domain.maintenance.ledger import MaintenanceLedger
from domain.maintenance.lives import targets
from domain.maintenance.policy import TERMS, Costs, MaintenancePolicy
from domain.maintenance.simulator import simulate


def _learning() -> Learning:
    from domain.maintenance.learning import LEARNING  # what only training needs is imported when it is called

    return LEARNING


MAINTENANCE = Domain(
    name="maintenance",
    title="Predictive maintenance",
    events_name="telemetry",
    schema=SCHEMA,
    objective="regression",
    deadline_ms=1_000.0,  # an order has days; but a fleet that reports every second must be judged before it reports again
    on_time=0.99,  # the next cycle's report is judged as well as this one
    parse_event=parse_event,
    parse_label=parse_label,
    features=MaintenanceFeatures,
    policy=MaintenancePolicy(),
    phrase=phrase,
    simulate=simulate,
    sizes={"machines": 60},
    targets=targets,
    learning=_learning,
    ledger=MaintenanceLedger,
    worth=("failures", "failures foreseen", "orders", "false orders"),
    key_name="machine",
    actions={"wait": "calm", "ordered": "watch", "order": "act"},
    shown=("rul", "early", "cycle"),
    demo_rate=50.0,
    alerts_when_low=True,
    demo_history_days=12,  # a life and a half
    label_wait=timedelta(days=21),  # a cycle's label comes when its part's life ends: of 495 simulated lives the longest took 14 days
    closings=(
        Closing("the work is planned"),
        Closing("the part was looked at and is worn"),
        Closing("the part was looked at and is sound"),
        Closing("nobody can tell"),
    ),
    settling=timedelta(days=14),  # the part that a machine came with may have run before it was heard of
    terms=TERMS,
    policy_by=lambda terms: MaintenancePolicy(Costs(**terms)),
    promises=(Promise("Failures with an order in time", "failures foreseen", "failures", 0.9),),
)
