"""ISO 20022 camt.053, the statement of a bank account. Document types and entities are refused:
nothing in a statement needs them, and bombs are made of them. Pure."""

from collections import defaultdict
from collections.abc import Iterator
from datetime import date
from typing import IO
from xml.etree.ElementTree import Element, ParseError

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import iterparse

from reconciliation.formats.lines import (
    FileRefused,
    Line,
    read_currency,
    read_decimal,
    read_moment,
    read_text,
)

NAMESPACE = "{urn:iso:std:iso:20022:tech:xsd:camt.053.001."
SIGNS = {"CRDT": 1, "DBIT": -1}
OPENING, CLOSING = ("OPBD", "PRCD"), ("CLBD",)


class BankStatement:
    """See `lines.Report`. The day is that of the closing balance; opening balance and entries must make it."""

    def __init__(self, content: IO[bytes]) -> None:
        self.day: date | None = None
        self._content = content
        self._number = 0
        self._moved: dict[str, int] = defaultdict(int)
        self._opening: dict[str, int] = {}
        self._closing: dict[str, int] = {}

    def lines(self) -> Iterator[Line]:
        try:
            for _, element in iterparse(self._content, events=("end",), forbid_dtd=True):
                name = _name(element)
                if name == "Bal":
                    self._read_balance(element)
                elif name == "Ntry":
                    yield from self._entry(element)
                if name in ("Bal", "Ntry"):
                    # What was read is let go: a year's statement is as small as a day's.
                    element.clear()
                elif name == "Document":
                    self._check_end(element)
        except ParseError as error:
            raise FileRefused(f"this is not whole XML: {error.msg}.", error.position[0]) from error
        except (DefusedXmlException, ValueError, LookupError) as error:
            raise FileRefused(f"this XML is refused: {error}") from error
        if not self._closing:
            raise FileRefused("there is no closing balance: this is no camt.053, or a part of it is missing.")

    def _entry(self, entry: Element) -> Iterator[Line]:
        """One line for each transaction of an entry, or for the entry where it has none of its own."""
        if (status := _text(entry, "Sts/Cd") or _text(entry, "Sts")) != "BOOK":
            raise FileRefused(f"entry {self._number + 1} is {status or 'without a status'}, not booked.")
        whole = self._amount(entry)
        details = [part for group in _all(entry, "NtryDtls") for part in _all(group, "TxDtls")]
        parts = [self._line(part, entry) for part in details] or [self._line(entry, entry)]
        if sum(part.gross_minor for part in parts) != whole[1]:
            raise FileRefused(f"entry with {len(parts)} transactions: they do not sum to its amount.")
        self._moved[whole[0]] += whole[1]
        yield from parts

    def _line(self, part: Element, entry: Element) -> Line:
        self._number += 1
        currency, amount_minor = self._amount(part, within=entry)
        said = _text(part, "RmtInf/Ustrd") or _text(part, "RmtInf/Strd/CdtrRefInf/Ref")
        own = _text(part, "Refs/EndToEndId")
        moment = read_moment(_date(entry, "BookgDt"), "BookgDt", self._number)
        return Line(
            number=self._number,
            kind="credit" if amount_minor >= 0 else "debit",
            reference=read_text((own if own != "NOTPROVIDED" else "") or said, "reference", self._number),
            processor_id=read_text(
                _text(part, "Refs/AcctSvcrRef") or _text(entry, "AcctSvcrRef"), "AcctSvcrRef", self._number
            ),
            related_id="",
            currency=currency,
            gross_minor=amount_minor,
            fee_minor=0,
            status="settled",
            occurred_at=moment,
        )

    def _amount(self, element: Element, within: Element | None = None) -> tuple[str, int]:
        """Currency and signed amount; what a transaction does not say itself is said by its entry."""
        around = element if within is None else within
        amount = _find(element, "Amt")
        if amount is None:
            amount = _find(element, "AmtDtls/TxAmt/Amt")
        if amount is None:
            amount = _find(around, "Amt")
        sign = _text(element, "CdtDbtInd") or _text(around, "CdtDbtInd")
        if amount is None or sign not in SIGNS:
            raise FileRefused(f"an amount or its direction is missing near entry {self._number + 1}.")
        currency = read_currency(amount.get("Ccy", ""), self._number + 1)
        return currency, SIGNS[sign] * read_decimal(amount.text or "", currency, "Amt", self._number + 1)

    def _read_balance(self, balance: Element) -> None:
        kind = _text(balance, "Tp/CdOrPrtry/Cd")
        currency, amount_minor = self._amount(balance)
        if kind in OPENING:
            self._opening[currency] = amount_minor
        elif kind in CLOSING:
            self._closing[currency] = amount_minor
            self.day = read_moment(_date(balance, "Dt"), "Dt", 1).date()

    def _check_end(self, document: Element) -> None:
        if not document.tag.startswith(NAMESPACE):
            raise FileRefused(f"'{document.tag[:80]}' is not the namespace of a camt.053.")
        for currency in self._opening.keys() | self._closing.keys() | self._moved.keys():
            opening, closing = self._opening.get(currency, 0), self._closing.get(currency, 0)
            if opening + self._moved[currency] != closing:
                raise FileRefused(
                    f"the balances of {currency.upper()} differ by {closing - opening}, "
                    f"its entries make {self._moved[currency]}."
                )


def _name(element: Element) -> str:
    return element.tag.rpartition("}")[2]


def _all(element: Element, name: str) -> list[Element]:
    return [child for child in element if _name(child) == name]


def _find(element: Element, path: str) -> Element | None:
    """By local names, since each version has a namespace of its own."""
    found: Element | None = element
    for name in path.split("/"):
        found = next(iter(_all(found, name)), None) if found is not None else None
    return found


def _text(element: Element, path: str) -> str:
    found = _find(element, path)
    return (found.text or "").strip() if found is not None else ""


def _date(element: Element, path: str) -> str:
    return _text(element, f"{path}/Dt") or _text(element, f"{path}/DtTm")
