"""Payment fraud: approve, review or block a card payment before it completes."""

from datetime import timedelta

from domain.contract import Closing, Domain
from domain.fraud.events import FRAUD as CONFIRMED
from domain.fraud.events import GOOD, parse_label, parse_payment, targets, verdict_label, verdicts
from domain.fraud.features import SCHEMA, FraudFeatures, phrase
from domain.fraud.ledger import FraudLedger
from domain.fraud.policy import TERMS, Costs, FraudPolicy
from domain.fraud.simulator import simulate
from domain.learning import Learning


def _learning() -> Learning:
    from domain.fraud.learning import LEARNING  # scikit-learn takes a second: a scorer does without

    return LEARNING


FRAUD = Domain(
    name="fraud",
    title="Payment fraud",
    events_name="payments",
    schema=SCHEMA,
    objective="binary",
    deadline_ms=100.0,
    on_time=0.999,  # a payment that gets no answer in time goes through unjudged: one in a thousand may
    parse_event=parse_payment,
    parse_label=parse_label,
    features=FraudFeatures,
    policy=FraudPolicy(),
    phrase=phrase,
    simulate=simulate,
    sizes={"customers": 2000, "terminals": 4000},
    demo_sizes={"customers": 1000, "terminals": 2000},
    targets=targets,
    learning=_learning,
    ledger=FraudLedger,
    worth=("stopped amount", "missed amount", "good held up payments"),
    key_name="customer",
    actions={"approve": "calm", "review": "watch", "block": "act"},
    shown=("amount", "terminal_id"),
    label_wait=timedelta(days=14),  # a chargeback takes a week, the latest ones some days more
    settling=timedelta(days=38),  # thirty days of what became known a week late
    verdicts=verdicts,
    terms=TERMS,
    policy_by=lambda terms: FraudPolicy(Costs(**terms)),
    tells_of=lambda label: label.payment_time if label.late else None,
    closings=(
        Closing("the cardholder did not pay this", CONFIRMED),
        Closing("a known pattern of fraud", CONFIRMED),
        Closing("the cardholder confirms it", GOOD),
        Closing("usual for this customer", GOOD),
        Closing("nobody can tell"),
    ),
    verdict_label=verdict_label,
)
