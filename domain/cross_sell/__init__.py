"""Cross-sell: one offer to a shopper, of what they are likely to buy next, before they leave the store."""

from datetime import timedelta

from domain.contract import Closing, Domain, Promise
from domain.cross_sell.events import parse_event, parse_label, parse_profile, targets
from domain.cross_sell.features import SCHEMA, CrossSellFeatures, phrase
from domain.cross_sell.ledger import CrossSellLedger
from domain.cross_sell.policy import TERMS, CrossSellPolicy, Economics
from domain.cross_sell.simulator import simulate
from domain.learning import Learning


def _learning() -> Learning:
    from domain.cross_sell.learning import LEARNING  # only who trains needs it

    return LEARNING


CROSS_SELL = Domain(
    name="cross_sell",
    title="Cross-sell",
    events_name="visits",
    schema=SCHEMA,
    objective="multiclass",
    deadline_ms=1000.0,
    on_time=0.99,  # a shopper sends a ping every some seconds: what one answer misses the next can offer
    parse_event=parse_event,
    parse_label=parse_label,
    features=CrossSellFeatures,
    policy=CrossSellPolicy(),
    phrase=phrase,
    simulate=simulate,
    sizes={"shoppers": 400, "stores": 6},
    targets=targets,
    learning=_learning,
    ledger=CrossSellLedger,
    worth=("offers", "offers before exit", "offers taken", "margin of offers taken"),
    key_name="shopper",
    actions={"none": "calm", "offer": "act"},
    shown=("offer", "expected_margin", "zone"),
    demo_rate=50.0,
    demo_history_days=35,
    demo_sizes={"shoppers": 200, "stores": 3},
    changelogs={"profiles": parse_profile},
    label_wait=timedelta(days=14),  # a label tells of the week after the visit; the latest come some days later
    settling=timedelta(weeks=12),
    terms=TERMS,
    policy_by=lambda terms: CrossSellPolicy(Economics(offer=terms.get("offer", Economics.offer))),
    tells_of=lambda label: label.ping_time,
    closings=(Closing("the offer fits"), Closing("the offer does not fit"), Closing("the shopper has left"), Closing("nobody can tell")),
    promises=(Promise("Offers before the shopper left", "offers before exit", "offers with an outcome", 0.95),),
)
