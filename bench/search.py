"""How long the console's one box takes to find a payment among a million, by each thing that a person may know of it,
next to books of a tenth of the size."""

import json

import psycopg

from bench.report import Stages
from bench.room import Room

MOST_CHARGES = 1_000_000
GROWTH = 10
# What a year of shopping leaves, past the guards: how charges are made is measured elsewhere. A card in a hundred has
# the last digits 0000, as some test cards do, and is the hardest thing to look for.
FILL = """
    WITH numbered AS (
        SELECT n, 100 + mod(n * 7919, 90000) AS amount, lpad(n::text, 9, '0') AS name, m.id AS merchant,
            now() - interval '1 year' + n * interval '1 year' / %(most)s AS moment
        FROM merchants_merchant m, generate_series(%(first)s::bigint, %(last)s::bigint) n
        WHERE m.public_id = %(merchant)s
    ), intent AS (
        INSERT INTO payments_paymentintent (public_id, merchant_id, livemode, state, amount_minor, currency,
            capture_method, source, payment_method, order_reference, order_held, implicit, created_at)
        SELECT 'pi_' || name, merchant, false, 'succeeded', amount, 'usd', 'automatic', 'tok_visa', 'pm_bench',
            'order-' || n, 'order-' || n, true, moment
        FROM numbered
    ), refund AS (
        INSERT INTO payments_refund (public_id, merchant_id, livemode, state, charge_id, payment_intent_id,
            amount_minor, currency, created_at)
        SELECT 're_' || name, merchant, false, 'succeeded', n, n, amount, 'usd', moment
        FROM numbered WHERE mod(n, 20) = 0
    )
    INSERT INTO payments_charge (id, public_id, merchant_id, livemode, payment_intent_id, state, amount_minor,
        currency, captured_minor, processor, source, payment_method, card_last4, card_fingerprint, receipt_email,
        billing_details, created_at)
    SELECT n, 'ch_' || name, merchant, false, n, 'captured', amount, 'usd', amount, 'bench', 'tok_visa', 'pm_bench',
        CASE WHEN mod(n, 100) = 0 THEN '0000' ELSE lpad(mod(n, 9999)::text, 4, '0') END, 'card' || mod(n, 300000),
        'shopper' || mod(n, 200000) || '@example.com', '{}', moment
    FROM numbered
"""
TABLES = "payments_charge, payments_paymentintent, payments_refund"

Figures = dict[str, float]


def grown(room: Room, stages: Stages, *, charges: int = MOST_CHARGES) -> dict[str, Figures]:
    """Milliseconds of each search in small books, in books ten times as large, and what the growth did to each."""
    large = room.with_books("search")
    merchant, _ = large.new_merchant("Searched")
    sizes = (charges // GROWTH, charges)
    found: list[Figures] = []
    with psycopg.connect(room.postgres.superuser_url("search"), autocommit=True) as owner:
        owner.execute("SET session_replication_role = replica")
        for first, last in zip((0, *sizes), sizes, strict=False):
            stages.stage(f"{last:,} charges", 0)
            owner.execute(FILL, {"first": first + 1, "last": last, "most": charges, "merchant": merchant})
            owner.execute(f"VACUUM ANALYZE {TABLES}")
            stages.stage(f"searching {last:,} charges", 0)
            found.append(json.loads(large.command("search_console", str(last))))
    small, most = found
    growth = {name: most[name] / small[name] for name in most}
    return {f"search_{sizes[0]}": small, f"search_{sizes[1]}": most, "search_growth": growth}
