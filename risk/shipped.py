"""The lists and rules that every gateway begins with, in both modes, for all merchants. Installed once, by a
migration; from then on they are staff's, to change and retire like their own.

Each limit is about what honest people do, not about an attack that somebody has seen: a family has two or three
cards, whoever mistypes does it twice, a shared address has many customers but few declines.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ShippedList:
    key: str
    name: str
    item_type: str
    filled_by: str = ""


@dataclass(frozen=True, slots=True)
class ShippedRule:
    name: str
    action: str
    expression: str
    reason: str


LISTS = (
    ShippedList("blocked_cards", "Blocked cards", "card_fingerprint"),
    ShippedList("blocked_bins", "Blocked BINs", "card_bin"),
    ShippedList("blocked_emails", "Blocked emails", "email"),
    ShippedList("blocked_domains", "Blocked email domains", "email_domain"),
    ShippedList("blocked_ips", "Blocked IP addresses", "ip_address"),
    ShippedList("blocked_countries", "Blocked countries of cards", "country"),
    ShippedList("allowed_cards", "Allowed cards", "card_fingerprint"),
    ShippedList("allowed_emails", "Allowed emails", "email"),
    ShippedList("allowed_ips", "Allowed IP addresses", "ip_address"),
    ShippedList("disputed_cards", "Cards disputed as fraud", "card_fingerprint", "fraud_disputes"),
    ShippedList("disputed_emails", "Emails of payments disputed as fraud", "email", "fraud_disputes"),
)

RULES = (
    ShippedRule(
        "On an allow list",
        "allow",
        "lists.allowed_cards || lists.allowed_emails || lists.allowed_ips",
        "Who is known and trusted is not stopped by any other rule.",
    ),
    ShippedRule(
        "On a block list",
        "block",
        "lists.blocked_cards || lists.blocked_bins || lists.blocked_emails || lists.blocked_domains || "
        "lists.blocked_ips || lists.blocked_countries",
        "Somebody has decided that these may not pay.",
    ),
    ShippedRule(
        "Card disputed as fraud",
        "block",
        "lists.disputed_cards",
        "A card whose owner has called a payment fraud is in wrong hands.",
    ),
    ShippedRule(
        "Email of a payment disputed as fraud",
        "review",
        "lists.disputed_emails",
        "The email may be the victim's own: a person looks.",
    ),
    ShippedRule(
        "Card testing: many cards from one address",
        "block",
        "velocity.ip_cards_1h >= 5 && velocity.ip_declines_1h >= 3",
        "Many customers may share an address, but then most of their cards work.",
    ),
    ShippedRule(
        "Card testing: many cards of one device",
        "block",
        "velocity.device_cards_1d >= 5",
        "A browser belongs to one household; few of those have five cards.",
    ),
    ShippedRule(
        "Card testing: one card again and again",
        "block",
        "velocity.card_declines_1h >= 5",
        "The bank has said no five times within an hour; networks fine those who go on asking.",
    ),
    ShippedRule(
        "Card testing: many declines of one BIN",
        "challenge",
        "velocity.bin_declines_10m >= 10 && velocity.card_declines_1h == 0",
        "Cards of one issuer that fail one after the other are guessed numbers; owners can prove that it is them.",
    ),
    ShippedRule(
        "Many cards of one email",
        "challenge",
        "velocity.email_cards_1d >= 4",
        "An account with a fourth card in a day may have been taken over; its owner can prove that it is them.",
    ),
    ShippedRule(
        "One card, many payments, much money",
        "review",
        "velocity.card_attempts_10m >= 4 && velocity.card_amount_base_1d >= 50000",
        "Four payments within ten minutes that grow to hundreds are what somebody does whose time is short.",
    ),
)
