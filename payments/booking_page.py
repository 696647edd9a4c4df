"""The chart of accounts, and every booking as T-accounts, for docs/money.md: made from `chart.py` and `bookings.py`
themselves, so that the page can't drift."""

import dataclasses
import inspect
import itertools
from collections.abc import Callable, Iterator
from typing import Any, get_type_hints

from core.money import display
from ledger.lines import Line
from payments import bookings, chart

BEGIN, END = "<!-- made by manage.py draw_money -->", "<!-- end of what draw_money makes -->"
CHART_BEGIN, CHART_END = "<!-- the chart, made by manage.py draw_money -->", "<!-- end of the chart -->"
# A sale of 100.00 with a fee of 3.20.
AMOUNTS = {"fee_minor": 320, "net_minor": 9_680, "suspense_minor": 700, "rounding_minor": 1}
USUAL_MINOR = 10_000
WORDS = {"currency": "usd", "merchant": "acct_1", "processor": "sandbox", "source": "sandbox"}


def filled(page: str) -> str:
    """The page with the chart and the bookings as they are now, each between its two marks."""
    with_chart = _between(page, CHART_BEGIN, CHART_END, _chart())
    return _between(with_chart, BEGIN, END, "".join(_stories()))


def accounts() -> dict[str, str]:
    """The addresses of `chart.py`, with what stands there."""
    found = {
        function(f"<{next(iter(inspect.signature(function).parameters))}>"): inspect.getdoc(function) or ""
        for _, function in inspect.getmembers(chart, inspect.isfunction)
    }
    return {address: " ".join(said.split()) for address, said in (found | chart.MEANINGS).items()}


def events() -> list[Callable[..., list[Line]]]:
    """The public functions of `bookings.py`, in the order of the file."""
    found = [
        function
        for name, function in vars(bookings).items()
        if inspect.isfunction(function)
        and function.__module__ == bookings.__name__
        and not name.startswith("_")
    ]
    return sorted(found, key=lambda function: function.__code__.co_firstlineno)


def _between(page: str, begin: str, end: str, text: str) -> str:
    before, mark, rest = page.partition(begin)
    _, _, after = rest.partition(end)
    return f"{before}{begin}\n\n{text}{end}{after}" if mark else page


def _chart() -> str:
    rows = [f"| `{address}` | {said} |" for address, said in sorted(accounts().items())]
    return "\n".join(["| address | what stands there |", "|---|---|", *rows, "", ""])


def _stories() -> Iterator[str]:
    for function in events():
        title = function.__name__.replace("_", " ").capitalize()
        yield f"### {title}\n\n{' '.join((inspect.getdoc(function) or '').split())}\n\n"
        for said, given in _samples(function):
            if said:
                yield f"With {said}:\n\n"
            yield _table(function(**given))


def _samples(function: Callable[..., Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """What to call it with: once, or for each answer to its yes-or-no questions."""
    hints = get_type_hints(function)
    names = list(inspect.signature(function).parameters)
    flags = [name for name in names if hints[name] is bool]
    rest = {name: _sample(name, hints[name]) for name in names if name not in flags}
    for answers in itertools.product([False, True], repeat=len(flags)):
        chosen = dict(zip(flags, answers, strict=True))
        yield ", ".join(f"`{name}={answer}`" for name, answer in chosen.items()), rest | chosen


def _sample(name: str, kind: Any) -> Any:
    if dataclasses.is_dataclass(kind) and isinstance(kind, type):
        hints = get_type_hints(kind)
        return kind(**{each.name: _sample(each.name, hints[each.name]) for each in dataclasses.fields(kind)})
    if kind is int:
        return AMOUNTS.get(name, USUAL_MINOR)
    if kind is str:
        return WORDS.get(name, name)
    if kind is bool:
        return False
    raise ValueError(f"say in booking_page.py what to show for {name}: {kind}")


def _table(lines: list[Line]) -> str:
    rows = [
        f"| {line.address} | {_amount(line, 1)} | {_amount(line, -1)} |".replace("  ", " ") for line in lines
    ]
    return "\n".join(["| account | debit | credit |", "|---|---:|---:|", *rows, "", ""])


def _amount(line: Line, side: int) -> str:
    amount = line.amount_minor * side
    return display(amount, line.currency).removesuffix(f" {line.currency.upper()}") if amount > 0 else ""
