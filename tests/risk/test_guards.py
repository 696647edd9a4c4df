"""What PostgreSQL refuses of decisions and reviews, whoever asks."""

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from django.utils import timezone
from psycopg import sql
from psycopg.errors import CheckViolation, RestrictViolation

from core.ids import new_id
from merchants.models import Merchant
from merchants.services import create_merchant
from risk.facts import neutral
from risk.models import Decision, Review, RiskSettings, Verdict
from tests.conftest import Books


@pytest.fixture
def raw(books: Books) -> Iterator[psycopg.Connection]:
    with books.superuser() as connection:
        yield connection


@pytest.fixture
def merchant(books: Books) -> Merchant:
    return create_merchant("A shop").merchant


def decided(merchant: Merchant, **changes: Any) -> Decision:
    given: dict[str, Any] = {
        "merchant": merchant,
        "livemode": False,
        "charge": new_id("ch"),
        "payment_intent": new_id("pi"),
        "facts": neutral(),
        "verdict": Verdict.REVIEW,
        "effective": Verdict.REVIEW,
        "enforced": True,
        "took_microseconds": 100,
    }
    return Decision.objects.create(**given | changes)


def opened(decision: Decision, **changes: Any) -> Review:
    now = timezone.now()
    given: dict[str, Any] = {
        "merchant": decision.merchant,
        "livemode": decision.livemode,
        "decision": decision,
        "charge": decision.charge,
        "payment_intent": decision.payment_intent,
        "captures": True,
        "due_at": now,
        "next_look_at": now,
        "at_deadline": RiskSettings.End.REJECT,
    }
    return Review.objects.create(**given | changes)


@pytest.mark.parametrize(
    "attack",
    ["UPDATE {} SET verdict = 'allow'", "DELETE FROM {}", "TRUNCATE {} CASCADE"],
    ids=lambda text: text[:6],
)
def test_decisions_are_append_only(raw: psycopg.Connection, merchant: Merchant, attack: str) -> None:
    decided(merchant)
    with pytest.raises(RestrictViolation):
        raw.execute(sql.SQL(attack).format(sql.Identifier("risk_decision")))


def test_a_decision_says_what_was_done(merchant: Merchant) -> None:
    decided(merchant, enforced=False, effective=Verdict.ALLOW)
    refused: list[dict[str, Any]] = [
        {"verdict": Verdict.BLOCK, "effective": Verdict.ALLOW},
        {"verdict": Verdict.BLOCK, "effective": Verdict.BLOCK, "enforced": False},
        {"fault": "Redis is away"},
        {"on_fault": "open"},
        {"score": 100},
    ]
    for change in refused:
        with pytest.raises(Exception, match="violates check constraint"):
            decided(merchant, **change)


def test_a_review_moves_forward_once_and_stays(raw: psycopg.Connection, merchant: Merchant) -> None:
    review = opened(decided(merchant))
    end = """UPDATE risk_review SET state = %s, next_look_at = NULL, closed_at = now(), closed_reason = 'approved'
             WHERE id = %s"""
    with pytest.raises(CheckViolation):
        raw.execute("UPDATE risk_review SET state = 'approved' WHERE id = %s", [review.pk])
    raw.execute(end, ["approved", review.pk])
    for state in ("rejected", "expired", "closed"):
        with pytest.raises(CheckViolation, match="can not move"):
            raw.execute(end, [state, review.pk])
    for attack in (
        "DELETE FROM risk_review",
        "TRUNCATE risk_review",
        "UPDATE risk_review SET captures = false",
    ):
        with pytest.raises(RestrictViolation):
            raw.execute(attack)


def test_a_review_is_of_a_decision_about_its_payment(merchant: Merchant) -> None:
    decision = decided(merchant)
    for change in (
        {"payment_intent": new_id("pi")},
        {"livemode": True},
        {"merchant": create_merchant("B").merchant},
    ):
        with pytest.raises(Exception, match="is of no decision"):
            opened(decision, **change)
    opened(decision)
    with pytest.raises(Exception, match="one_review_per_charge"):
        opened(decision)
