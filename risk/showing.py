"""How the console words risk: verdicts, states of rules, scores, and what changed between two texts."""

import difflib
import re
from typing import Any

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from core.money import CURRENCIES
from core.showing import badge, money
from risk.facts import UNKNOWN, Field, Kind
from risk.models import Decision, Review, RuleVersion, Verdict

State = RuleVersion.State
VERDICTS = {
    Verdict.ALLOW: ("Allow", "good"),
    Verdict.CHALLENGE: ("3-D Secure", "info"),
    Verdict.REVIEW: ("Review", "open"),
    Verdict.BLOCK: ("Block", "bad"),
}
STATES = {
    State.DRAFT: ("Draft", "quiet"),
    State.SHADOW: ("Shadow: only watched", "info"),
    State.LIVE: ("Live: decides", "good"),
    State.RETIRED: ("Retired", "quiet"),
}
REVIEWS = {
    Review.State.OPEN: ("To decide", "open"),
    Review.State.APPROVED: ("Approved", "good"),
    Review.State.REJECTED: ("Rejected", "bad"),
    Review.State.EXPIRED: ("Nobody decided", "quiet"),
    Review.State.CLOSED: ("Given up", "quiet"),
}
LEVELS = {"normal": "good", "elevated": "open", "highest": "bad", "not_assessed": "quiet"}
KINDS: dict[Kind, str] = {"int": "number", "string": "text", "bool": "yes or no"}
# Amounts among the facts, and where their currency stands.
MONEY = {"payment.amount"}


def verdict(action: str) -> SafeString:
    return badge(*VERDICTS[Verdict(action)])


def rule_state(state: str) -> SafeString:
    return badge(*STATES[State(state)])


def review_state(review: Review) -> SafeString:
    return badge(*REVIEWS[Review.State(review.state)])


def level(decision: Decision) -> SafeString:
    words = decision.level.replace("_", " ").capitalize()
    return badge(f"{words} {decision.score}" if decision.score >= 0 else words, LEVELS[decision.level])


def amount(decision: Decision) -> str:
    payment = decision.facts.get("payment", {})
    return money(payment.get("amount"), payment.get("currency", ""))


def fact(one: Field, value: Any, facts: Any) -> str:
    """A fact as people read it."""
    if one.type == "bool":
        return "yes" if value else "no"
    if value in (UNKNOWN, ""):
        return "not known"
    currency = facts.get("payment", {}).get("currency", "")
    if one.path in MONEY and currency in CURRENCIES:
        return f"{value} ({money(value, currency)})"
    return str(value)


def marked(expression: str, at: int, length: int) -> SafeString:
    """The expression with the place of a mistake marked."""
    return format_html(
        "{}<mark>{}</mark>{}", expression[:at], expression[at : at + length] or " ", expression[at + length :]
    )


def difference(before: str, after: str) -> SafeString:
    """What was taken away and what was added, word by word."""
    old, new = (re.findall(r"\s+|[\w.]+|[^\w\s]", text) for text in (before, after))
    pieces: list[tuple[str, str, str]] = []
    for what, a, b, c, d in difflib.SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if what == "equal":
            pieces.append(("span", "".join(old[a:b]), "span"))
            continue
        pieces += [
            (tag, text, tag) for tag, text in (("del", "".join(old[a:b])), ("ins", "".join(new[c:d]))) if text
        ]
    return format_html_join("", "<{}>{}</{}>", pieces)
