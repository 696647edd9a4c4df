"""Pictures of the running console, for the README: makes a day's business through the API and looks at it."""

import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from django.contrib.auth import get_user_model
from playwright.sync_api import Page

from gateway.addresses import free_port
from merchants.services import NewMerchant, create_merchant
from tests.console.browser import chromium, log_in, open_page
from tests.console.world import World, start_world
from tests.support.bank import Bank
from tests.support.client import Client
from tests.support.servers import ROOT, start_servers
from tests.webhooks.receiver import Receiver
from webhooks.services.deliver import deliver_due
from webhooks.services.endpoints import create_endpoint
from webhooks.services.relay import relay

DOCS = ROOT / "docs"
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
        charge = a_days_business(world, stack.enter_context(Receiver()))
        get_user_model().objects.create_superuser("maria", password=PASSWORD, first_name="Maria")
        with open_page(program, height=900) as page:
            log_in(page, world.url, user="maria", password=PASSWORD)
            folder.mkdir(exist_ok=True)
            take(page, folder / "console.png")
            if folder != DOCS:
                take_all(page, world.url, folder, charge)


def a_days_business(world: World, receiver: Receiver) -> str:
    """Sales, declines, refunds, an answer that never came, an endpoint that is down; one charge's id."""
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
    while relay():
        pass
    deliver_due()
    return str(part)


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


def take_all(page: Page, url: str, folder: Path, charge: str) -> None:
    page.goto(f"{url}/admin/payments/charge/")
    take(page, folder / "charges.png")
    page.click("text=Filters")
    take(page, folder / "filters.png")
    page.goto(f"{url}/admin/payments/charge/?q={charge}")
    page.click(f"text={charge}")
    take(page, folder / "charge.png", full_page=True)
    page.click(".tg-actions a")
    take(page, folder / "refund_form.png")
    for name, path in PAGES.items():
        page.goto(f"{url}/admin/{path}")
        take(page, folder / f"{name}.png")
    page.goto(f"{url}/admin/merchants/merchant/add/")
    page.fill("input[name=name]", "Harbour Books")
    page.click("form[data-once] button[type=submit]")
    take(page, folder / "keys.png")
    page.emulate_media(color_scheme="dark")
    page.goto(f"{url}/admin/")
    take(page, folder / "dark.png")


PAGES = {
    "merchants": "merchants/merchant/",
    "merchant": "merchants/merchant/1/change/",
    "roll": "merchants/merchant/1/keys/1/roll/",
    "refunds": "payments/refund/",
    "refund": "payments/refund/1/change/",
    "intents": "payments/paymentintent/",
    "intent": "payments/paymentintent/1/change/",
    "operations": "payments/operation/?outcome=open",
    "operation": "payments/operation/1/change/",
    "balances": "payments/balancetransaction/",
    "balance": "payments/balancetransaction/1/change/",
    "trial_balance": "ledger/ledgeraccount/trial-balance/",
    "ledger_transactions": "ledger/ledgertransaction/",
    "deliveries": "webhooks/delivery/",
    "events": "webhooks/event/",
    "people": "auth/user/",
}


def take(page: Page, file: Path, **options: Any) -> None:
    page.wait_for_load_state("networkidle")
    page.screenshot(path=file, **options)
