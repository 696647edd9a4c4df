"""The sandbox bank's settlement file: amounts in minor units, a trailer with counts and sums. Pure."""

from collections import defaultdict
from collections.abc import Iterator
from datetime import date
from typing import IO

from reconciliation.formats.lines import (
    FileRefused,
    Line,
    read_currency,
    read_integer,
    read_moment,
    read_text,
    rows,
)

COLUMNS = "number type reference id authorization currency gross fee net status created".split()
TYPES = frozenset("charge refund refund_failure dispute dispute_reversal fee payout".split())


class SandboxReport:
    """See `lines.Report`. The day is in the first row."""

    def __init__(self, content: IO[bytes]) -> None:
        self.day: date | None = None
        self._rows = rows(content)
        self._sums: dict[str, list[int]] = defaultdict(lambda: [0, 0, 0, 0])
        self._read = 0

    def lines(self) -> Iterator[Line]:
        self._read_head()
        for at, row in self._rows:
            match row:
                case ["total", *total]:
                    self._check_total(total, at)
                case ["end", count]:
                    self._check_end(count, at)
                    return
                case _:
                    yield self._line(row, at)
        raise FileRefused(
            "the file ends without its last row, 'end': a part of it is missing.", self._read + 3
        )

    def _read_head(self) -> None:
        at, head = next(self._rows, (1, []))
        if len(head) != 3 or head[:2] != ["settlement", "1"]:
            raise FileRefused("the first row must be 'settlement,1,' and the day.", at)
        try:
            self.day = date.fromisoformat(head[2])
        except ValueError as error:
            raise FileRefused(f"'{head[2][:40]}' is not a day.", at) from error
        at, names = next(self._rows, (2, []))
        if names != COLUMNS:
            raise FileRefused(f"the columns must be {', '.join(COLUMNS)}.", at)

    def _line(self, row: list[str], at: int) -> Line:
        if len(row) != len(COLUMNS):
            raise FileRefused(f"{len(row)} columns instead of {len(COLUMNS)}.", at)
        number, kind, reference, identity, related, currency, gross, fee, net, status, created = row
        self._read += 1
        if number != str(self._read):
            raise FileRefused(f"number '{number[:40]}' where {self._read} should come.", at)
        if kind not in TYPES:
            raise FileRefused(f"type '{kind[:40]}' is not one that we know.", at)
        line = Line(
            number=self._read,
            kind=kind,
            reference=read_text(reference, "reference", at),
            processor_id=read_text(identity, "id", at),
            related_id=read_text(related, "authorization", at),
            currency=read_currency(currency, at),
            gross_minor=read_integer(gross, "gross", at),
            fee_minor=read_integer(fee, "fee", at),
            status=read_text(status, "status", at)[:20],
            occurred_at=read_moment(created, "created", at),
        )
        if line.net_minor != read_integer(net, "net", at):
            raise FileRefused(f"net {net} is not gross {gross} minus fee {fee}.", at)
        sums = self._sums[line.currency]
        for place, amount in enumerate((1, line.gross_minor, line.fee_minor, line.net_minor)):
            sums[place] += amount
        return line

    def _check_total(self, total: list[str], at: int) -> None:
        if len(total) != 5:
            raise FileRefused("a total has a currency, a count, gross, fee and net.", at)
        currency = read_currency(total[0], at)
        said = [read_integer(text, "total", at) for text in total[1:]]
        if said != (found := self._sums.pop(currency, [0, 0, 0, 0])):
            raise FileRefused(f"the total of {currency.upper()} says {said}, its lines make {found}.", at)

    def _check_end(self, count: str, at: int) -> None:
        if count != str(self._read):
            raise FileRefused(f"the file says that it has {count[:40]} lines, and has {self._read}.", at)
        if self._sums:
            raise FileRefused(f"the total of {', '.join(sorted(self._sums)).upper()} is missing.", at)
        if rest := next(self._rows, None):
            raise FileRefused("something comes after the end.", rest[0])
