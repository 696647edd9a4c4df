"""The statement of the customer's account at this bank: ISO 20022 camt.053, of one day. Pure."""

from collections.abc import Mapping, Sequence
from datetime import date
from xml.sax.saxutils import escape

from sandbox.amounts import NO_DECIMALS, THREE_DECIMALS
from sandbox.movements import Movement

NAMESPACE = "urn:iso:std:iso:20022:tech:xsd:camt.053.001.08"


def statement(day: date, opening: Mapping[str, int], entries: Sequence[Movement]) -> str:
    """One <Stmt> for each currency that has a balance or an entry."""
    currencies = sorted({*opening, *(entry.currency for entry in entries)}) or ["usd"]
    parts = "".join(
        _of_currency(
            day,
            currency,
            opening.get(currency, 0),
            [entry for entry in entries if entry.currency == currency],
        )
        for currency in currencies
    )
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<Document xmlns="{NAMESPACE}"><BkToCstmrStmt>'
        f"<GrpHdr><MsgId>statement-{day}</MsgId><CreDtTm>{day}T23:59:59Z</CreDtTm></GrpHdr>"
        f"{parts}</BkToCstmrStmt></Document>\n"
    )


def _of_currency(day: date, currency: str, opening: int, entries: Sequence[Movement]) -> str:
    closing = opening + sum(entry.gross for entry in entries)
    return (
        f"<Stmt><Id>{day}-{currency}</Id><Acct><Id><Othr><Id>SANDBOX-1</Id></Othr></Id>"
        f"<Ccy>{currency.upper()}</Ccy></Acct>"
        f"{_balance('OPBD', opening, currency, day)}{_balance('CLBD', closing, currency, day)}"
        f"{''.join(_entry(entry, day) for entry in entries)}</Stmt>"
    )


def _balance(kind: str, amount: int, currency: str, day: date) -> str:
    return f"<Bal><Tp><CdOrPrtry><Cd>{kind}</Cd></CdOrPrtry></Tp>{_amount(amount, currency)}{_on('Dt', day)}</Bal>"


def _entry(entry: Movement, day: date) -> str:
    money = _amount(entry.gross, entry.currency)
    return (
        f"<Ntry>{money}<Sts><Cd>BOOK</Cd></Sts>{_on('BookgDt', day)}<AcctSvcrRef>{escape(entry.id)}</AcctSvcrRef>"
        f"<NtryDtls><TxDtls><Refs><AcctSvcrRef>{escape(entry.id)}</AcctSvcrRef>"
        f"<EndToEndId>{escape(entry.reference or entry.id)}</EndToEndId></Refs>{money}"
        f"<RmtInf><Ustrd>{escape(entry.type)}</Ustrd></RmtInf></TxDtls></NtryDtls></Ntry>"
    )


def _on(name: str, day: date) -> str:
    return f"<{name}><Dt>{day}</Dt></{name}>"


def _amount(amount: int, currency: str) -> str:
    decimals = 0 if currency in NO_DECIMALS else 3 if currency in THREE_DECIMALS else 2
    whole, part = divmod(abs(amount), 10**decimals)
    text = f"{whole}.{part:0{decimals}}" if decimals else str(whole)
    return (
        f'<Amt Ccy="{currency.upper()}">{text}</Amt>'
        f"<CdtDbtInd>{'CRDT' if amount >= 0 else 'DBIT'}</CdtDbtInd>"
    )
