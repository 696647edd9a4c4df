"""Pictures of the running console, for docs/: makes a day's business through the API and looks at it."""

import io
import sys
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from django.contrib.auth import get_user_model
from PIL import Image
from playwright.sync_api import Page

from controls.approvals import Wish, ask_for_approval
from controls.models import Threshold
from core.money import display
from gateway.addresses import free_port
from merchants.services import NewMerchant, create_merchant
from payments.attempts import Actor
from payments.models import Charge
from payments.services.bank_accounts import name_bank_account
from payments.services.disputes import learn_disputes
from reconciliation.services.importing import import_report
from risk.models import Review, Rule, RuleVersion
from risk.services.rules import move_version, write_rule, write_version
from tests.console.browser import chromium, log_in, open_page
from tests.console.world import World, start_world
from tests.reconciliation.desk import Desk as Bookkeeper
from tests.reconciliation.desk import processor_at
from tests.support.bank import Bank
from tests.support.client import Client
from tests.support.servers import ROOT, start_servers
from tests.webhooks.receiver import Receiver
from webhooks.services.deliver import deliver_due
from webhooks.services.endpoints import create_endpoint
from webhooks.services.relay import relay

DOCS = ROOT / "docs" / "console"
# The bank opens its disputes a second after the sale.
BANK_DISPUTES_AFTER_SECONDS = 2
COLOURS = 256
PASSWORD = "only-for-these-pictures"
CARDS = ["tok_visa", "tok_mastercard", "tok_amex", "tok_visa", "tok_visa_debit", "tok_discover"]
SALES = [
    *[(12_900, "usd", "Order 1041, running shoes"), (4_950, "eur", "Order 1042, two tickets")],
    *[(230_000, "usd", "Order 1043, espresso machine"), (1_980, "jpy", "Order 1044, notebook")],
    *[(7_425, "eur", "Order 1045, headphones"), (3_300, "usd", "Order 1046, annual plan")],
    *[(15_800, "usd", "Order 1047, backpack"), (89_900, "eur", "Order 1048, bicycle")],
    *[(2_500, "usd", "Order 1049, gift card"), (6_310, "usd", "Order 1050, desk lamp")],
]


def main() -> None:
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else DOCS)
    program = chromium()
    if program is None:
        sys.exit("A Chromium is needed to take pictures.")
    with ExitStack() as stack:
        world = start_world(stack, start_servers(stack))
        stack.enter_context(world.looked_at())
        stack.enter_context(processor_at(world.bank_url))
        ids = a_days_business(world, stack.enter_context(Receiver()))
        get_user_model().objects.create_superuser("maria", password=PASSWORD, first_name="Maria")
        folder.mkdir(exist_ok=True)
        with open_page(program, height=900) as page:
            log_in(page, world.url, user="maria", password=PASSWORD)
            take_all(page, world.url, folder, ids)
            if folder != DOCS:
                page.emulate_media(color_scheme="dark")
                take_all(page, world.url, folder, ids, "-dark")
                page.emulate_media(color_scheme="light")
                page.set_viewport_size({"width": 820, "height": 1180})
                take_all(page, world.url, folder, ids, "-tablet")


def a_days_business(world: World, receiver: Receiver) -> dict[str, str]:
    """Sales, declines, refunds, an answer that never came, an endpoint that is down; what its pages are found by."""
    shops = [create_merchant("Northwind Outdoor"), create_merchant("Café Lumière")]
    bank = Bank(world.bank_url)
    for shop in shops:
        listen(shop, receiver.url)
    listen(shops[1], f"http://127.0.0.1:{free_port()}/hooks")
    made = []
    for number, (amount, currency, description) in enumerate(SALES * 2):
        client = Client(world.url, shops[number % 3 == 0].keys["sk_test"])
        card = CARDS[number % len(CARDS)]
        reply = client.charge(amount=amount, currency=currency, description=description, source=card).json()
        made.append((client, reply["id"]))
    for source in ("tok_chargeDeclined", "tok_chargeDeclinedInsufficientFunds"):
        made[0][0].charge(source=source, description="Order 1051, tent")
    client, full = made[4]
    client.post("/v1/refunds", {"charge": full, "reason": "duplicate"})
    client, part = made[-2]
    client.post("/v1/refunds", {"charge": part, "amount": 900, "reason": "requested_by_customer"})
    bank.fault("no_answer", times=1)
    made[1][0].charge(amount=18_000, description="Order 1052, rain jacket")
    what_needs_people(world, shops)
    what_is_risky(Client(world.url, shops[0].keys["sk_test"]))
    while relay():
        pass
    deliver_due()
    return {
        "charge": str(part),
        "rule": Rule.objects.latest("pk").public_id,
        "review": Review.objects.latest("pk").public_id,
    }


def listen(shop: NewMerchant, url: str) -> None:
    create_endpoint(
        merchant_id=shop.merchant.pk,
        livemode=False,
        url=url,
        enabled_events=["*"],
        api_version=None,
        description=None,
        metadata=None,
    )


def what_needs_people(world: World, shops: list[NewMerchant]) -> None:
    """Disputes, a payout, a report of which two lines differ, and refunds that wait for a second person."""
    client = Client(world.url, shops[0].keys["sk_test"])
    sales = [
        client.charge(amount=amount, description=said, source=source).json()["id"]
        for amount, said, source in (
            (34_900, "Order 1053, drill", "tok_createDispute"),
            (12_050, "Order 1054, kettle", "tok_createDisputeProductNotReceived"),
            (96_000, "Order 1055, sofa", "tok_bypassPending"),
            (41_500, "Order 1056, desk", "tok_bypassPending"),
        )
    ]
    desk = Bookkeeper(world)
    time.sleep(BANK_DISPUTES_AFTER_SECONDS)
    for charge in Charge.objects.filter(public_id__in=sales[:2]):
        learn_disputes(charge, Actor("notification"))
    desk.err(sales[2], "other_amount")
    desk.err(sales[3], "other_fee")
    import_report(
        io.BytesIO(desk.close(desk.today)), terms=desk.terms, name=f"sandbox-{desk.today}.csv", actor="otto"
    )
    bank = {"country": "US", "routing_number": "110000000", "account_number": "000123456789"}
    name_bank_account(shops[0].merchant, livemode=False, currency="usd", holder="Northwind Outdoor", **bank)
    client.post("/v1/payouts", {"amount": 45_000, "currency": "usd"})
    otto = get_user_model().objects.create_user("otto", is_staff=True)
    Threshold.objects.create(action="refund", currency="usd", amount_minor=20_000)
    for charge_id, amount in ((sales[2], 96_000), (sales[3], 41_500)):
        wish = Wish(
            action="refund",
            subject=charge_id,
            summary=f"Refund {display(amount, 'usd')} of {charge_id}.",
            livemode=False,
            merchant_id=shops[0].merchant.pk,
            currency="usd",
            amount_minor=amount,
        )
        ask_for_approval(wish, key=charge_id, maker=otto, reason="The customer sent it back.")


def what_is_risky(client: Client) -> None:
    """A rule with two versions, of which one decides; and a payment that is held for review."""
    client.charge(amount=84_000, description="Order 1057, camera", source="tok_riskLevelElevated")
    said: Any = {"actor": "maria", "reason": "Large first payments came back as disputes."}
    first = write_rule(
        name="Large first payment",
        livemode=False,
        merchant=None,
        expression="payment.amount_base >= 80000 && history.email_payments == 0",
        action="review",
        **said,
    )
    move_version(first.pk, RuleVersion.State.LIVE, **said)
    after = write_version(
        first.rule_id,
        expression="payment.amount_base >= 80000 && history.email_payments == 0 && card.funding == 'prepaid'",
        action="review",
        actor="otto",
        reason="Most of them are prepaid.",
    )
    move_version(after.pk, RuleVersion.State.SHADOW, actor="otto", reason="For a week.")


# What people look at all day; in this order docs/console.md shows them.
PAGES = {
    "home": "",
    "charges": "payments/charge/",
    "charge": "payments/charge/?q={charge}",
    "disputes": "payments/dispute/",
    "workbench": "reconciliation/break/",
    "payouts": "payments/payout/",
    "approvals": "controls/approval/",
    "trial-balance": "ledger/ledgeraccount/trial-balance/",
    "risk-rule": "risk/rule/?q={rule}",
    "review": "risk/review/?q={review}",
}


def take_all(page: Page, url: str, folder: Path, ids: dict[str, str], suffix: str = "") -> None:
    for name, path in PAGES.items():
        page.goto(f"{url}/admin/{path.format(**ids)}")
        if name in ("charge", "review"):
            page.click(f"text={ids[name]}")
        take(page, folder / f"{name}{suffix}.png")


def take(page: Page, file: Path, **options: Any) -> None:
    page.wait_for_load_state("networkidle")
    page.screenshot(path=file, **options)
    # So many colours are enough for a page, in half the bytes.
    with Image.open(file) as picture:
        picture.convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE).save(file, optimize=True)
