"""docs/money.md shows the bookings as they are in the code; each balances."""

from django.conf import settings

from payments import bookings
from payments.booking_page import BEGIN, END, events, filled


def test_the_page_is_what_the_code_says() -> None:
    page = (settings.BASE_DIR / "docs" / "money.md").read_text()
    assert page.count(BEGIN) == page.count(END) == 1
    assert page == filled(page), "run: manage.py draw_money"


def test_every_booking_is_on_the_page() -> None:
    page = filled(f"{BEGIN}{END}")
    assert bookings.payout_returned in events()
    for event in events():
        assert f"### {event.__name__.replace('_', ' ').capitalize()}\n" in page


def test_what_stands_around_the_marks_stays() -> None:
    assert filled(f"before\n{BEGIN} old {END}\nafter").startswith("before\n")
    assert filled(f"before\n{BEGIN} old {END}\nafter").endswith("\nafter")
