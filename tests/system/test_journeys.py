"""Ways through the dashboard on a real Kafka, in a real Chromium: formats compared, a scenario judged, a dead letter sent again."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import orjson
import pytest
from confluent_kafka import Producer
from playwright.sync_api import Browser, expect

from apps import scenario_result
from apps.kafka import producer_config
from apps.resend import REPLAY_OF
from apps.settings import Settings
from domain.registry import DOMAINS
from exports.formats import FORMATS, LOCAL
from tests.bench.made_up import ONE, compared
from tests.system.browsing import PATIENCE_MS, address, answers, press, says, table
from tests.system.conftest import Broker, make_anew
from tests.system.incarnations import stored
from tests.system.processes import Process, read_topic, start, until
from ui.picture import chromium, open_page

pytestmark = [pytest.mark.system, pytest.mark.timeout(600)]
FRAUD = DOMAINS["fraud"]
GOOD = b'{"transaction_id":"whole","event_time":"2026-01-07T00:00:00Z","customer_id":"c9","terminal_id":"x","amount":1.5}'
WIDE = {"width": 2600, "height": 1800}  # a table has in its words what is in sight
STORY = "poison-message"
BAD = GOOD.replace(b"whole", b"mended").replace(b"1.5", b'"1.5"')


@pytest.fixture(scope="module")
def settings(shared_broker: Broker, tmp_path_factory: pytest.TempPathFactory, bundle: Path) -> Settings:
    """A home with a model, and what `make bench` would have left there."""
    make_anew(shared_broker.settings)
    home = tmp_path_factory.mktemp("home")
    shutil.copytree(bundle, home / "bundles" / "fraud" / bundle.name)
    (home / "comparison.json").write_text(json.dumps(compared()))
    return shared_broker.settings.model_copy(update={"home": home, "database_url": f"sqlite:///{home / 'p.db'}"})


@pytest.fixture(scope="module")
def processes(settings: Settings, bundle: Path) -> Iterator[dict[str, Process]]:
    commands = {"stream": ("fraud", "--model", str(bundle), "--format", "pmml"), "sink": (), "ui": ("--port", "0")}
    comparison = str(settings.home / "comparison.json")
    found = {name: start(name, *words, settings=settings, POLYSCORE_COMPARISON=comparison) for name, words in commands.items()}
    until(lambda: answers(found["ui"]), found["ui"], running=True)
    yield found
    for process in found.values():
        assert process.stop() == 0


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as found:
        yield found


def pay(settings: Settings, body: bytes) -> None:
    producer = Producer(producer_config(settings))
    producer.produce(FRAUD.events_topic, body, key="c9")
    assert producer.flush(30) == 0


def test_the_comparison_of_formats_is_read_and_a_live_payment_is_scored_alike_by_each_to_the_last_bit(
    settings: Settings, processes: dict[str, Process], browser: Browser
) -> None:
    pay(settings, GOOD)
    until(lambda: read_topic(settings, FRAUD.decisions_topic), processes["stream"], running=True)
    decision = orjson.loads(read_topic(settings, FRAUD.decisions_topic)[0].value())
    until(lambda: stored(settings)[0] == 1, processes["sink"], running=True)
    page = open_page(browser, f"{address(processes['ui'])}/formats")
    page.set_viewport_size(WIDE)  # type: ignore[arg-type]  # a TypedDict

    measured = {row["subject"]: row for row in table(page, "one_ratio")}
    assert {name: (row["outcome"], float(row["one_ratio"])) for name, row in measured.items() if name in FORMATS} == {
        name: ("passed", ONE.get(name, 2.0)) for name in FORMATS
    }
    drawn = page.get_by_test_id("stVegaLiteChart").first
    expect(drawn.locator("canvas, svg").first).to_be_visible(timeout=PATIENCE_MS)

    press(page, "Next event")
    says(page, f"All {len(LOCAL)} formats that answered give one raw score, to the last bit", within=180)  # C is compiled first
    says(page, f"whole of customer c9: {decision['action']}, decided by model .* as pmml")
    scored = {row["format"]: (row["as hex"], row["from LightGBM"]) for row in table(page, "as hex")}
    assert scored == {name: (decision["raw"][0].hex(), "0 ulp") for name in LOCAL} | {"remote": ("", "says nothing")}
    page.close()


def test_a_dead_letter_is_opened_corrected_and_sent_again_and_its_payment_is_decided(
    settings: Settings, processes: dict[str, Process], browser: Browser
) -> None:
    pay(settings, BAD)
    until(lambda: read_topic(settings, FRAUD.dead_letters_topic), processes["stream"], running=True)
    (letter,) = read_topic(settings, FRAUD.dead_letters_topic)
    before = len(read_topic(settings, FRAUD.events_topic))
    at = f"{letter.topic()}/{letter.partition()}/{letter.offset()}"
    page = open_page(browser, f"{address(processes['ui'])}/dead_letters")

    says(page, "the newest 1, newest first")
    page.get_by_test_id("stDataFrame").first.locator("canvas").first.wait_for(timeout=PATIENCE_MS)
    page.get_by_test_id("stDataFrame").first.click(position={"x": 20, "y": 52})  # the first row's box, below a line of names
    expect(page).to_have_url(re.compile(f"[?&]letter={re.escape(quote(at, safe=''))}(&|$)"), timeout=PATIENCE_MS)
    says(page, "wrong-type: .*amount")
    message = page.get_by_label("The message, to be corrected")
    expect(message).to_have_value(re.compile('"1.5"'), timeout=PATIENCE_MS)  # it is drawn empty, and filled a moment later
    message.fill(message.input_value().replace('"1.5"', "1.5"))
    page.get_by_label("Your name").fill("Ada")
    press(page, "Send the corrected message")
    says(page, f"Sent to {FRAUD.events_topic}, partition")
    says(page, "sent again, corrected, by Ada at .* was decided of mended")

    (sent,) = read_topic(settings, FRAUD.events_topic)[before:]
    assert orjson.loads(sent.value()) == orjson.loads(GOOD) | {"transaction_id": "mended"}
    assert dict(sent.headers())[REPLAY_OF].decode() == at
    decided = [orjson.loads(message.value())["decision_id"] for message in read_topic(settings, FRAUD.decisions_topic)]
    assert decided.count("mended") == 1
    page.close()


def test_a_scenario_is_started_watched_and_judged_and_its_result_is_there_for_the_next_visitor(
    settings: Settings, processes: dict[str, Process], browser: Browser
) -> None:
    url = f"{address(processes['ui'])}/scenarios?scenario={STORY}"
    page = open_page(browser, url)
    says(page, f"The story {STORY} has not been run here")
    press(page, "Run")
    says(page, f"{STORY} is running")
    expect(page.get_by_role("button", name="Run", exact=True)).to_be_disabled(timeout=PATIENCE_MS)
    says(page, "✓ PASS: all 4 claims hold", within=300)
    page.close()

    other = open_page(browser, url)
    says(other, "✓ PASS: all 4 claims hold")
    claims = {row["claim"]: row["found"] for row in table(other, "claim")}
    found = scenario_result.newest(settings.home, STORY)
    assert found is not None
    assert claims == {step.text: step.shown for step in found[1].steps if step.kind == "then"}
    assert found[1].numbers["decided"] == found[1].numbers["events sent"] > 20
    assert (found[1].verdict, found[1].numbers["undecided"], found[1].numbers["dead letters"]) == ("PASS", 0.0, 5.0)
    assert len(found[1].samples) >= 2
    assert "<svg" in (found[0] / scenario_result.HTML).read_text()
    other.close()
