"""A dispute in a real browser at the running gateway: from the bank's notification to evidence to lost."""

import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import urllib3
from django.conf import settings
from django.contrib.auth.models import Group
from django.test import Client as Browser

from core.db import release_connection
from core.ids import random_text
from ledger.queries import trial_balance
from merchants.services import NewMerchant
from payments import routing
from payments.models import Dispute, TimelineEntry
from payments.services.notifications import apply_notifications
from processors.sandbox import SandboxProcessor
from processors.vault import VaultClient
from sandbox.notifications import signature
from tests.console.browser import log_in, needed_chromium, open_page
from tests.console.conftest import person
from tests.console.desk import Desk
from tests.console.test_pages import queries
from tests.console.world import World
from tests.support.client import Client
from tests.support.eventually import eventually

PASSWORD = "a-password-for-one-test"
http = urllib3.PoolManager(timeout=10)


@pytest.fixture
def bank(looking: World, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """This process does the worker's part, at the same bank."""
    nowhere = VaultClient("http://127.0.0.1:1", "unused")
    adapter: Any = SandboxProcessor(name="sandbox", vault=nowhere, url=looking.bank_url)
    monkeypatch.setattr(routing, "processor", {"sandbox": adapter}.__getitem__)
    yield looking.bank_url


def newest(bank: str, reference: str) -> dict[str, Any] | None:
    listed = http.request("GET", f"{bank}/control/disputes").json()["disputes"]
    found: list[dict[str, Any]] = [one for one in listed if one["reference"] == reference]
    return found[0] if found else None


def notify(world: World, kind: str, reference: str) -> None:
    """As the bank does; and what beat does a second later."""
    body = json.dumps({"id": f"ntf_{random_text(12)}", "type": kind, "reference": reference}).encode()
    secret = settings.SANDBOX_NOTIFY_SECRET
    headers = {"Sandbox-Signature": signature(secret, body, int(time.time()))}
    reply = http.request("POST", f"{world.url}/notifications/sandbox", body=body, headers=headers)
    assert reply.status == 200, reply.data
    apply_notifications()
    release_connection()


def disputed(world: World, api: Client, bank: str) -> Dispute:
    charge = api.charge(
        amount=12_900, source="tok_createDispute", description="Order 1041, running shoes"
    ).json()
    own = Dispute.objects.filter(charge__public_id=charge["id"])
    reference = next(
        one["reference"] for one in http.request("GET", f"{bank}/control/operations").json()["operations"]
    )
    eventually(lambda: newest(bank, reference))
    notify(world, "dispute.opened", reference)
    return own.get()


@pytest.mark.browser
def test_a_dispute_from_notification_to_evidence_to_lost(
    looking: World, api: Client, shop: NewMerchant, bank: str, tmp_path: Any
) -> None:
    program = needed_chromium()
    dispute = disputed(looking, api, bank)
    reference = dispute.charge.operations.get().public_id
    user = person(everything=True)
    user.set_password(PASSWORD)
    user.save()
    slip = tmp_path / "slip.pdf"
    slip.write_bytes(b"%PDF-1.4 signed for")
    with open_page(program) as page:
        log_in(page, looking.url, user=user.username, password=PASSWORD)
        page.click("nav >> text=Disputes")
        row = page.locator("#result_list tr", has_text=dispute.public_id)
        assert "6 days left" in row.inner_text()
        assert "129.00 USD" in row.inner_text()
        row.locator("a", has_text=dispute.public_id).click()
        shown = page.inner_text("#content-main")
        assert "has taken the money back" in shown
        assert "144.00 USD" in shown
        page.click("text=Write evidence")
        page.fill("textarea[name=uncategorized_text]", "losing_evidence")
        page.fill("input[name=customer_name]", "Ada Lovelace")
        page.set_input_files("input[name=file]", slip)
        page.select_option("select[name=shows]", "receipt")
        page.fill("input[name=why]", "She signed for it")
        page.click("form[data-once] button[type=submit]")
        page.wait_for_selector("text=The bank sees it once you submit it")
        assert "slip.pdf" in page.inner_text("#content-main")
        page.click("text=Submit the answer")
        page.fill("input[name=why]", "All is there")
        page.check("input[name=confirmed]")
        page.click("form[data-once] button[type=submit]")
        page.wait_for_selector("text=The answer is with the bank now")
        assert "Under review" in page.inner_text("#content-main")
        eventually(lambda: (newest(bank, reference) or {})["status"] == "lost")
        with ThreadPoolExecutor(1) as beside:
            # Playwright's own thread is none to speak to a database in.
            beside.submit(notify, looking, "dispute.closed", reference).result()
        page.reload()
        shown = page.inner_text("#content-main")
    assert "Lost" in shown
    assert f"{user.username} (staff)" in shown
    assert "She signed for it" in shown
    sent = newest(bank, reference)
    assert sent is not None
    assert sent["evidence"]["receipt"].startswith("file_")
    assert sum(one.debit - one.credit for one in trial_balance()) == 0


def test_who_may_write_evidence_may_not_accept_and_the_file_is_a_download(
    looking: World, api: Client, bank: str
) -> None:
    dispute = disputed(looking, api, bank)
    desks = {}
    for role in ("support", "finance"):
        user = person()
        user.groups.set([Group.objects.get(name=role)])
        desks[role] = Desk.of(looking.url, user)
    here = f"/admin/payments/dispute/{dispute.pk}"
    said = {"uncategorized_text": "It was sent.", "why": "We have the slip"}
    assert "Kept." in answered(desks["support"], f"{here}/evidence/", said)
    assert "It was sent." in desks["support"].get(f"{here}/change/")
    number = said | {"uncategorized_text": "4242424242424242"}
    assert "card number" in answered(desks["support"], f"{here}/evidence/", number)
    assert "Nothing was changed" in answered(desks["support"], f"{here}/evidence/", said)
    assert "This form is damaged" in desks["support"].post(f"{here}/evidence/", said)
    assert desks["support"].knock("POST", f"{here}/accept/")[0] == 403
    without = answered(desks["finance"], f"{here}/accept/", {"why": "Our mistake"})
    assert "This field is required" in without
    assert Dispute.objects.get(pk=dispute.pk).state == "needs_response"
    form = desks["finance"].form(f"{here}/accept/") | {"why": "Our mistake", "confirmed": "on"}
    for done in (desks["finance"].post(f"{here}/accept/", form) for _ in range(2)):
        assert "it is lost" in done
        assert "Our mistake" in done
    assert Dispute.objects.get(pk=dispute.pk).state == "lost"
    assert TimelineEntry.objects.filter(dispute=dispute, kind="dispute.accepting").count() == 1
    # Nothing more can be done about it.
    assert "be answered any more" in desks["finance"].post(f"{here}/evidence/", said)
    refused = api.post("/v1/refunds", {"charge": dispute.charge.public_id})
    assert refused.json()["error"]["code"] == "charge_disputed"


def test_an_answer_that_is_sent_again_is_given_once_and_shows_what_became_of_it(
    looking: World, api: Client, bank: str
) -> None:
    """A double click, and a reload after a time-out; of a form that was used before, whatever happened meanwhile."""
    dispute = disputed(looking, api, bank)
    reference = dispute.charge.operations.get().public_id
    desk = Desk.of(looking.url, person("view_dispute", "change_dispute"))
    here = f"/admin/payments/dispute/{dispute.pk}"
    text = {"uncategorized_text": "under_review_please", "why": "We have the slip"}
    evidence = desk.form(f"{here}/evidence/") | text
    submit = desk.form(f"{here}/submit/") | {"why": "All is there", "confirmed": "on"}
    for pages in (at_once(desk, f"{here}/evidence/", evidence), [desk.post(f"{here}/evidence/", evidence)]):
        assert all("Kept. The bank sees it once you submit it." in page for page in pages)
    other = evidence | {"uncategorized_text": "Something else"}
    assert "can only be used with the same parameters" in desk.post(f"{here}/evidence/", other)
    for page in at_once(desk, f"{here}/submit/", submit):
        assert "The answer is with the bank now" in page or "is being sent right now" in page
    assert "The answer is with the bank now" in desk.post(f"{here}/submit/", submit)
    assert "Kept." in desk.post(f"{here}/evidence/", evidence)
    assert (newest(bank, reference) or {})["submissions"] == 1
    kinds = [entry.kind for entry in TimelineEntry.objects.filter(dispute=dispute).order_by("pk")]
    assert [kinds.count(kind) for kind in ("dispute.evidence", "dispute.submitting")] == [1, 1]


def answered(desk: Desk, path: str, said: dict[str, str]) -> str:
    """What the person sees who opened the form and filled it in."""
    return desk.post(path, desk.form(path) | said)


def at_once(desk: Desk, path: str, form: dict[str, str]) -> list[str]:
    """What the two requests of a double click show."""
    windows = [Desk(desk.url, desk.username, dict(desk.cookies)) for _ in range(2)]
    with ThreadPoolExecutor(2) as pool:
        return list(pool.map(lambda window: window.post(path, form), windows))


def test_the_queue_takes_as_many_queries_for_many_disputes_as_for_few(
    admin: Browser, looking: World, api: Client, bank: str
) -> None:
    disputed(looking, api, bank)
    queries(admin, "/admin/payments/dispute/")
    few = queries(admin, "/admin/payments/dispute/")
    disputed(looking, api, bank)
    disputed(looking, api, bank)
    assert queries(admin, "/admin/payments/dispute/") == few
