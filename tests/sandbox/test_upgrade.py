"""A file that an older bank wrote: this one goes on with it, and no answer that was final changes."""

import json
import sqlite3
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sandbox import schema
from tests.sandbox.bank_process import ROOT, SandboxBank, new_reference, wait_for

OLD_BOOKS = Path(__file__).with_name("books_of_version_1.sql")


def write_old_books(file: Path) -> dict[str, dict[str, Any]]:
    """The answers in them, by reference."""
    db = sqlite3.connect(file)
    db.executescript(OLD_BOOKS.read_text())
    answers = {
        reference: json.loads(text)
        for reference, text in db.execute("SELECT reference, answer FROM operations")
    }
    db.close()
    return answers


@pytest.fixture
def old_bank(tmp_path: Path) -> Iterator[tuple[SandboxBank, dict[str, dict[str, Any]]]]:
    """A bank of today on books of version 1, and the answers that those hold."""
    bank = SandboxBank(tmp_path)
    answers = write_old_books(bank.data)
    bank.start()
    try:
        yield bank, answers
    finally:
        bank.stop()


Old = tuple[SandboxBank, dict[str, dict[str, Any]]]


def test_final_answers_stay_and_repeats_of_old_orders_get_them(old_bank: Old) -> None:
    bank, answers = old_bank
    for reference, answer in answers.items():
        if answer["status"] != "action_required":
            assert bank.look_up(reference).body == answer
    assert bank.authorize("op_sale", 10000, capture=True).body == answers["op_sale"]
    assert bank.refund(answers["op_sale"]["id"], 4000, "op_refund").body == answers["op_refund"]
    assert bank.authorize("op_sale", 10001, capture=True).status == 409
    assert bank.authorize("op_buried").body["decline_code"] == "tombstoned"
    counts = bank.counts()
    assert (counts["authorize"], counts["refund"], counts["void"], counts["tombstone"]) == (7, 1, 1, 2)


def test_bounds_go_on_where_they_were(old_bank: Old) -> None:
    bank, answers = old_bank
    assert bank.refund(answers["op_sale"]["id"], 6001).body["status"] == "declined"
    assert bank.refund(answers["op_sale"]["id"], 6000).body["status"] == "approved"
    assert bank.capture(answers["op_held"]["id"], 2500).body["status"] == "approved"


def test_authentications_that_had_no_page_have_failed(old_bank: Old) -> None:
    bank, answers = old_bank
    failed = {"status": "declined", "decline_code": "authentication_failed", "redirect_url": None}
    assert bank.look_up("op_open").body == answers["op_open"] | failed
    assert bank.look_up("op_open_voided").body == answers["op_open_voided"] | failed | {
        "decline_code": "voided"
    }
    assert bank.page(f"{bank.url}/challenge/{answers['op_open']['id']}").status == 404
    assert bank.complete(answers["op_open"]["id"]).body["status"] == "declined"
    assert bank.capture(answers["op_open"]["id"], 1).body["status"] == "declined"


def test_old_books_take_all_that_is_new(old_bank: Old) -> None:
    bank, answers = old_bank
    bank.refunds_fail_after(0)
    refund = bank.refund(answers["op_returning"]["id"], 100).body["reference"]
    wait_for(lambda: bank.look_up(refund).body["status"] == "failed")
    waiting = bank.challenge(capture=True)
    bank.answer(waiting["redirect_url"], "succeed")
    bank.stop()
    bank.start()
    assert bank.look_up(waiting["reference"]).body["captured"] == 10000


def test_upgraded_file_has_the_layout_of_a_new_one(tmp_path: Path) -> None:
    def layout(db: sqlite3.Connection) -> list[Any]:
        return db.execute("SELECT name, sql FROM sqlite_master ORDER BY name").fetchall()

    new, old = sqlite3.connect(":memory:"), sqlite3.connect(":memory:")
    old.executescript(OLD_BOOKS.read_text())
    for db in (new, old):
        schema.prepare(db)
    assert layout(old) == layout(new)
    for db in (new, old):
        assert db.execute("PRAGMA user_version").fetchone() == (len(schema.STEPS),)
        db.close()


def test_upgrade_is_whole_or_not_at_all(tmp_path: Path) -> None:
    bank = SandboxBank(tmp_path)
    write_old_books(bank.data)
    db = sqlite3.connect(bank.data)
    db.execute("UPDATE operations SET answer = 'torn' WHERE reference = 'op_open'")
    db.commit()
    before = list(db.iterdump())
    db.close()
    ended = subprocess.run(bank.command(), cwd=ROOT, capture_output=True, text=True, timeout=30)
    assert ended.returncode == 1
    db = sqlite3.connect(bank.data)
    assert list(db.iterdump()) == before
    assert db.execute("PRAGMA user_version").fetchone() == (1,)
    db.close()


def test_file_of_a_newer_bank_is_refused_in_one_clear_line(tmp_path: Path) -> None:
    bank = SandboxBank(tmp_path)
    write_old_books(bank.data)
    db = sqlite3.connect(bank.data)
    db.execute(f"PRAGMA user_version = {len(schema.STEPS) + 1}")
    db.close()
    ended = subprocess.run(bank.command(), cwd=ROOT, capture_output=True, text=True, timeout=30)
    assert ended.returncode == 1
    (line,) = ended.stderr.splitlines()
    assert f"its layout is version {len(schema.STEPS) + 1}" in line


def test_used_bank_opens_its_own_file_again(own_bank: SandboxBank) -> None:
    reference = new_reference()
    answer = own_bank.authorize(reference)
    own_bank.stop()
    own_bank.start()
    assert own_bank.look_up(reference) == answer
