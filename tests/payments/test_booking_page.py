"""docs/money.md shows the bookings as they are in the code; each balances."""

import re

from django.conf import settings

from payments import bookings, chart
from payments.booking_page import BEGIN, CHART_BEGIN, CHART_END, END, accounts, events, filled


def test_the_page_is_what_the_code_says() -> None:
    page = (settings.BASE_DIR / "docs" / "money.md").read_text()
    assert page.count(BEGIN) == page.count(END) == 1
    assert page == filled(page), "run: manage.py draw_money"


def test_every_booking_is_on_the_page() -> None:
    page = filled(f"{BEGIN}{END}")
    assert bookings.payout_returned in events()
    for event in events():
        assert f"### {event.__name__.replace('_', ' ').capitalize()}\n" in page


def test_every_account_that_a_booking_names_is_in_the_chart_and_on_the_page() -> None:
    """And every address that the chart has a name for says what stands there."""
    page = (settings.BASE_DIR / "docs" / "money.md").read_text()
    listed = page.partition(CHART_BEGIN)[2].partition(CHART_END)[0]
    chosen = {name.strip("`") for name in re.findall(r"^\| (`[a-z_:<>]+`) \|", listed, re.MULTILINE)}
    assert chosen == set(accounts())
    named = {value for name, value in vars(chart).items() if name.isupper() and isinstance(value, str)}
    assert named == set(chart.MEANINGS)
    booked = re.findall(r"^\| ([a-z_]+:[A-Za-z0-9_:]+) \|", page.partition(BEGIN)[2], re.MULTILINE)
    patterns = [re.compile(re.sub("<[a-z]+>", "[A-Za-z0-9_]+", address)) for address in accounts()]
    assert booked
    assert not [one for one in booked if not any(pattern.fullmatch(one) for pattern in patterns)]


def test_what_stands_around_the_marks_stays() -> None:
    assert filled(f"before\n{BEGIN} old {END}\nafter").startswith("before\n")
    assert filled(f"before\n{BEGIN} old {END}\nafter").endswith("\nafter")
