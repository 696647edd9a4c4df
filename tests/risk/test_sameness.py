"""What is the same person, domain or household, however it is spelled."""

import pytest

from risk.sameness import same_domain, same_email, same_place


@pytest.mark.parametrize(
    ("spelled", "same"),
    [
        ("Jenny@Example.com", "jenny@example.com"),
        (" jenny+shop@example.com ", "jenny@example.com"),
        ("j.e.n.n.y+1@gmail.com", "jenny@gmail.com"),
        ("jenny@GoogleMail.com", "jenny@gmail.com"),
        ("j.doe@example.com", "j.doe@example.com"),
        ("jenny@bücher.example", "jenny@xn--bcher-kva.example"),
        ("jenny@xn--bcher-kva.example.", "jenny@xn--bcher-kva.example"),
        ("+@gmail.com", "+@gmail.com"),
        ("...@gmail.com", "...@gmail.com"),
        ("no address", "no address"),
        ("", ""),
    ],
)
def test_an_email_is_the_same_in_every_spelling_its_owner_can_choose(spelled: str, same: str) -> None:
    assert same_email(spelled) == same


def test_a_domain_is_what_dns_calls_it_and_what_is_none_stays() -> None:
    assert same_domain("BÜCHER.example.") == same_domain("xn--bcher-kva.example")
    assert same_domain("a..b") == "a..b"


@pytest.mark.parametrize(
    ("spelled", "same"),
    [
        ("203.0.113.7", "203.0.113.7"),
        ("::ffff:203.0.113.7", "203.0.113.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:DB8:1:2:ffff::1", "2001:db8:1:2::/64"),
        ("2001:db8:1:3::1", "2001:db8:1:3::/64"),
        ("unknown", ""),
    ],
)
def test_an_address_is_the_network_that_its_customer_moves_in(spelled: str, same: str) -> None:
    assert same_place(spelled) == same
