"""Proves limits: whoever took an account toward its limit has left what they saw (`LedgerLimitProof`), so each can be
measured again, as of the moment at which they asked."""

from collections.abc import Iterator

from ledger.checks import Finding, rows, transaction_name
from ledger.clusters import moves
from ledger.lines import amount_text

# An account's entries and the moments at which somebody asked, in one order: what had ended before the oldest
# transaction that still ran then (xmin) is a running sum. Few are between that and the moment itself, and are looked
# at one by one. `cluster` counts the moves to another one that lie behind: what it brought along had ended.
WRONG = """
    SELECT * FROM (
    WITH proof AS MATERIALIZED (
        SELECT p.*, t.reference, t.kind, t.xid, width_bucket(t.id - 1, %(moves)s::bigint[]) AS cluster,
            pg_snapshot_xmin(p.seen) AS ended_below
        FROM ledger_limit_proof p JOIN ledger_transaction t ON t.id = p.transaction_id
    ), event AS (
        SELECT e.account_id, width_bucket(t.id - 1, %(moves)s::bigint[]) AS cluster, t.xid, 1 AS turn,
            e.amount_minor, NULL::bigint AS proof_id
        FROM ledger_entry e JOIN ledger_transaction t ON t.id = e.transaction_id
        WHERE e.account_id IN (SELECT account_id FROM proof)
        UNION ALL SELECT account_id, cluster, ended_below, 0, 0, id FROM proof
    ), ended AS (
        SELECT proof_id, sum(amount_minor) OVER (PARTITION BY account_id ORDER BY cluster, xid, turn) AS amount
        FROM event
    ), measured AS (
        SELECT proof.*, ended.amount + (
            SELECT coalesce(sum(e.amount_minor), 0)
            FROM ledger_transaction t JOIN ledger_entry e ON e.transaction_id = t.id
            WHERE e.account_id = proof.account_id
                AND t.xid >= proof.ended_below AND t.xid <= greatest(pg_snapshot_xmax(proof.seen), proof.xid)
                AND width_bucket(t.id - 1, %(moves)s::bigint[]) = proof.cluster
                AND CASE WHEN t.xid = proof.xid THEN e.id <= proof.last_entry_id
                    ELSE pg_visible_in_snapshot(t.xid, proof.seen) END
        ) AS balance
        FROM ended JOIN proof ON proof.id = ended.proof_id
    )
    SELECT m.transaction_id, m.reference, m.limit_id, a.address, a.currency, m.balance::bigint,
        l.max_balance_minor, l.id IS NOT NULL AND l.max_balance_minor IS NOT NULL AND NOT EXISTS (
            SELECT FROM ledger_limit other WHERE other.account_id = m.account_id AND other.kind IN ('', m.kind)
                AND (other.kind, other.id) > (l.kind, l.id) AND other.xid <> m.xid AND (
                    width_bucket(other.id - 1, %(limit_moves)s::bigint[]) < m.cluster
                    OR width_bucket(other.id - 1, %(limit_moves)s::bigint[]) = m.cluster
                        AND pg_visible_in_snapshot(other.xid, m.seen))
        ) AS held
    FROM measured m JOIN ledger_account a ON a.id = m.account_id
    LEFT JOIN ledger_limit l ON l.id = m.limit_id AND l.account_id = m.account_id AND l.kind IN ('', m.kind)
    ) every WHERE NOT held OR balance > max_balance_minor
"""
# No database transaction that sets a limit takes so long: what was begun before was in force.
UNASKED = """
    SELECT t.id, t.reference, a.address, a.currency, up.amount::bigint, l.id
    FROM (
        SELECT e.transaction_id, e.account_id, sum(e.amount_minor) AS amount FROM ledger_entry e
        WHERE e.account_id IN (SELECT account_id FROM ledger_limit)
        GROUP BY e.transaction_id, e.account_id HAVING sum(e.amount_minor) > 0
    ) up
    JOIN ledger_transaction t ON t.id = up.transaction_id
    JOIN ledger_account a ON a.id = up.account_id
    CROSS JOIN LATERAL (
        SELECT l.id, l.max_balance_minor FROM ledger_limit l
        WHERE l.account_id = up.account_id AND l.kind IN ('', t.kind)
            AND l.created_at < t.booked_at - interval '1 hour'
            AND (l.xid < t.xid OR width_bucket(l.id - 1, %(limit_moves)s::bigint[])
                < width_bucket(t.id - 1, %(moves)s::bigint[]))
        ORDER BY l.kind DESC, l.id DESC LIMIT 1
    ) l
    WHERE l.max_balance_minor IS NOT NULL
        AND NOT EXISTS (SELECT FROM ledger_limit_proof p WHERE p.transaction_id = t.id AND p.account_id = a.id)
        AND NOT EXISTS (
            SELECT FROM ledger_limit lifted
            WHERE lifted.account_id = up.account_id AND lifted.kind IN ('', t.kind)
                AND lifted.max_balance_minor IS NULL
                AND lifted.created_at BETWEEN t.booked_at - interval '1 hour' AND t.booked_at + interval '1 hour')
"""


def limited_postings_were_within_their_limits() -> Iterator[Finding]:
    for pk, reference, limit_id, address, currency, balance, most, held in rows(WRONG, _moves()):
        if held:
            said = f"took {address} to {amount_text(balance, currency)}, its limit was {amount_text(most, currency)}"
        else:
            said = f"was measured on {address} by limit {limit_id}, which did not hold for it"
        yield Finding(transaction_name(pk, reference), said)


def limited_postings_have_asked() -> Iterator[Finding]:
    for pk, reference, address, currency, amount, limit_id in rows(UNASKED, _moves()):
        yield Finding(
            transaction_name(pk, reference),
            f"took {amount_text(amount, currency)} from {address} and left no proof that limit {limit_id} allowed it",
        )


def _moves() -> dict[str, list[int]]:
    moved = moves()
    return {
        "moves": [move.base_id for move in moved],
        "limit_moves": [move.limit_base_id for move in moved],
    }
