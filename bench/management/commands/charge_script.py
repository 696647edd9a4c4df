"""`charge_script`: a pgbench script of the two statements that the gateway runs for a charge, for a merchant of
its own: the same SQL, with the values that the gateway would send. Needs the vault, as the gateway does."""

import json
import re
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from core.ids import new_id
from idempotency.keys import Key
from merchants.auth import caller_of
from merchants.services import create_merchant
from payments import routing
from payments.attempts import Actor
from payments.conclusions import conclude
from payments.services.charge import NewCharge, new_attempt, new_intent
from payments.services.finish import CHARGE_FINISH, finish_columns
from payments.services.judge import Origin, judge
from payments.services.start import CHARGE_START, start_columns
from processors.protocol import Approved

# What is new with each charge. `:id` has 19 digits and grows, as public ids do; keys are random, as SDKs make them.
FRESH = {
    "key": "'0000-0000-0000-00' || :random",
    "intent": "'pi_00000' || :id",
    "charge": "'ch_00000' || :id",
    "operation": "'op_00000' || :id",
    "balance_transaction": "'txn_0000' || :id",
    "event": "'evt_0000' || :id",
    # pgbench would take `:start` for a variable, also inside a text.
    "start_reference": "'op_00000' || :id || ':' || 'start'",
    "finish_reference": "'op_00000' || :id || ':' || 'finish'",
    "intent_id": ":intent_id::bigint",
    "charge_id": ":charge_id::bigint",
    "operation_id": ":operation_id::bigint",
    "claim_id": ":claim_id::bigint",
}
START = r"""\set step :step + 1
\set id :step * 1000 + :client_id
\set random random(1000000000000000000, 9000000000000000000)
"""


class Command(BaseCommand):
    help = "Prints the script, its variables and its merchant as JSON."

    def handle(self, *args: Any, **options: Any) -> None:
        made = create_merchant("The reference")
        start, finish = _columns(made.keys["sk_test"])
        variables: dict[str, str] = {}
        phases = (
            _translated("start", CHARGE_START, start, variables),
            _translated("finish", CHARGE_FINISH, finish, variables),
        )
        script = START + "\n\\gset\n".join(phases) + ";\n"
        self.stdout.write(
            json.dumps({"merchant": made.merchant.public_id, "script": script, "variables": variables})
        )


def _columns(secret_key: str) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """What both statements get for one charge, without writing it."""
    caller = caller_of(f"Bearer {secret_key}")
    asked = NewCharge(
        amount_minor=10_000,
        currency="usd",
        source="tok_visa",
        description="Order 12345",
        metadata={"order": "12345"},
    )
    card = routing.vault().token(asked.source, caller.merchant_public_id, caller.livemode)
    assert card is not None
    intent = new_intent(caller, asked, card)
    decision = judge(intent, card, caller.merchant_public_id, Origin(once="bench"), charge=new_id("ch"))
    attempt = new_attempt(caller, intent, card, decision)
    operation = attempt.operation
    key = Key(caller.merchant_id, caller.livemode, str(uuid.uuid4()), "f" * 64, new_id("req"))
    operation.idempotency_key, operation.request_id = key.text, key.request_id
    start = start_columns(attempt, key, timeout_seconds=settings.PROCESSOR_TIMEOUT_SECONDS)
    now = datetime.now(UTC)
    decision.pk = 1
    attempt.intent.created_at = attempt.charge.created_at = operation.created_at = now
    outcome = Approved(f"auth_{operation.public_id}", asked.amount_minor, authorization_code="123456")
    conclusion = conclude(attempt, outcome, now=now)
    return start, finish_columns(attempt, conclusion, Actor(caller.key_name, key.request_id))


def _translated(phase: str, statement: str, columns: Mapping[str, Any], variables: dict[str, str]) -> str:
    """The statement with pgbench's variables in place of psycopg's; their values go to `variables`."""

    def variable(found: re.Match[str]) -> str:
        name, cast = found["name"], found["cast"] or ""
        value = columns[name]
        if name in FRESH:
            return f"({FRESH[name]}){cast}"
        if value is None:
            return f"NULL{cast}"
        if value == "":
            # pgbench knows no empty variables.
            return f"''{cast}"
        variables[f"{phase}_{name}"] = _text(value)
        return f":{phase}_{name}{cast or _cast(value)}"

    # pgbench would take a colon in a comment for a variable.
    without_comments = re.sub(r"^--.*\n", "", statement, flags=re.MULTILINE)
    return re.sub(r"%\((?P<name>\w+)\)s(?P<cast>::[\w\[\]]+)?", variable, without_comments).strip()


def _text(value: Any) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case list() | tuple():
            return "{" + ",".join(map(_text, value)) + "}"
        case _:
            return str(value)


def _cast(value: Any) -> str:
    """Each of pgbench's variables is a parameter of its own, whose type not every place in a statement tells."""
    match value:
        case bool():
            return "::boolean"
        case int():
            return "::bigint"
        case float():
            return "::float8"
        case datetime():
            return "::timestamptz"
        case _:
            return "::text"
