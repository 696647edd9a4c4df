"""Rules are checked before anybody saves them: names, types, and what would never match; a mistake has its place."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from risk.facts import FIELDS, neutral
from risk.language import Program, check, conditions
from risk.syntax import MAX_DEPTH, MAX_LENGTH, MAX_NODES, Misread

LISTS = frozenset({"stolen_cards"})
# What somebody may write, what they are told, and the words that it is about.
MISTAKES = [
    ("", "Say when the rule matches", ""),
    ("payment.amount", "A rule says yes or no; this is a number", "payment.amount"),
    ("card.county == 'DE'", "There is no fact 'card.county'. Did you mean card.country?", "card.county"),
    ("country == 'DE'", "Did you mean card.country?", "country"),
    ("lists.other", "There is no fact 'lists.other'", "lists.other"),
    ("payment.amount > '100'", "this is a text. Write it without quotation marks.", "'100'"),
    ("card.brand > 'a'", "'>' wants a number; this is a text", "card.brand"),
    ("payment.capture && score", "'&&' wants yes or no; this is a number", "score"),
    ("payment.amount > 1.5", "Only whole numbers", "1.5"),
    ("payment.amount > 9223372036854775808", "too large", "9223372036854775808"),
    ("payment.amount / 0 > 1", "Divide only by a number that you write down", "0"),
    ("payment.amount % score > 1", "Divide only by a number that you write down", "score"),
    ("payment.amount = 5", "Did you mean '=='?", "="),
    ("score > 5 and score < 9", "Did you mean '&&'?", "and"),
    ("score > 5 score < 9", "Is there a && or || missing before it?", "score"),
    ("score > 5 ? true : false", "not part of rules: say it with && and ||", "?"),
    ("(score > 5", "A ')' is missing.", ""),
    ("card.brand == 'visa", "the same quotation mark once more", "'"),
    (r"card.brand == 'a\d'", "means nothing in a text", r"\d"),
    ("payment.currency == 'EUR'", "always in small letters: write 'eur'", "'EUR'"),
    ("card.country in ['DE', 'at']", "always in capital letters: write 'AT'", "'at'"),
    ("customer.email.endsWith('@X.example')", "write '@x.example'", "'@X.example'"),
    ("card.country in []", "After 'in' stands a list", "[]"),
    ("card.country in card.brand", "After 'in' stands a list", "card.brand"),
    ("score in [score]", "A list holds numbers or texts that you write down", "score"),
    ("['a'] == ['a']", "A list can only stand behind 'in'", "['a']"),
    ("customer.email.matches('(a+)+')", "'matches' is not part of rules", "customer.email.matches('(a+)+')"),
    ("[1].exists(x, x > 1)", "'exists' is not part of rules", "[1].exists(x, x > 1)"),
    ("size(card.brand) > 1", "Write it behind the text", "size"),
    ("card.brand.contains()", "takes one text in brackets", "card.brand.contains()"),
    ("score.size() > 1", "'size' wants a text", "score"),
    ("1 == 1", "asks for at least one fact", "1 == 1"),
    ("payment..amount > 1", "a name is missing", "."),
    ("!" * (MAX_DEPTH + 2) + "payment.capture", "nested more than", "!"),
    (" || ".join(["score > 0"] * (MAX_NODES // 4 + 10)), "more than", ""),
    ("x" * (MAX_LENGTH + 1), "at most", ""),
]


@pytest.mark.parametrize(
    ("expression", "told", "about"), MISTAKES, ids=[told[:40] for _, told, _ in MISTAKES]
)
def test_a_mistake_is_named_with_its_place(expression: str, told: str, about: str) -> None:
    with pytest.raises(Misread) as caught:
        check(expression, lists=LISTS)
    misread = caught.value
    assert told in misread.message
    assert expression[misread.at : misread.at + misread.length].startswith(about)


def test_what_is_checked_is_what_cel_says() -> None:
    facts = neutral() | {"score": 80}
    facts["payment"].update(amount=12_000, currency="eur", capture=True)
    facts["card"].update(brand="visa", country="DE")
    facts["customer"].update(email="a@x.example")
    facts["lists"]["stolen_cards"] = True
    for expression, answer in {
        "payment.amount > 10000 && card.country != 'AT'": True,
        "payment.amount >= 12001 || score > 90": False,
        "!(payment.currency in ['usd', \"gbp\"])": True,
        "payment.amount % 100 == 0 && payment.amount / 1000 * 2 - 4 == 20": True,
        "-payment.amount < -11999 && score in [1, -2, 80]": True,
        "customer.email.endsWith('@x.example') && customer.email.size() == 11": True,
        r"card.brand == 'vi\'sa' || lists.stolen_cards == payment.capture": True,
        "true == payment.capture && card . brand.startsWith('v')": True,
        "score > 1 && score > 2 || score < 0 && payment.amount < 0": True,
    }.items():
        read = check(expression, lists=LISTS)
        assert read.expression == expression
        assert Program(expression).matches(facts) is answer, expression


def test_a_rule_knows_what_it_reads_and_which_conditions_must_all_hold() -> None:
    read = check("lists.stolen_cards && (score > 75 || card.country == 'DE') && score < 99", lists=LISTS)
    assert read.reads == ("lists.stolen_cards", "score", "card.country")
    assert read.parts == ("lists.stolen_cards", "(score > 75 || card.country == 'DE')", "score < 99")
    assert conditions("what an older version (might) have said") == (
        "what an older version (might) have said",
    )


def test_whoever_forgets_that_a_number_may_be_unknown_is_told() -> None:
    for expression, told in {
        "customer.age_days < 2": True,
        "2 > customer.age_days": True,
        "customer.age_days != 3": True,
        "customer.age_days < 2 && customer.age_days >= 0": False,
        "customer.age_days > 2": False,
        "payment.amount < 100": False,
    }.items():
        assert bool(check(expression, lists=()).notes) is told, expression


def test_every_fact_can_be_asked_for() -> None:
    questions = {"int": "{} > 0", "string": "{} != ''", "bool": "{}"}
    for one in FIELDS:
        expression = questions[one.type].format(one.path)
        check(expression, lists=())
        assert Program(expression).matches(neutral()) in (True, False)


def test_a_fact_that_is_not_there_and_a_number_that_grows_too_large_are_errors() -> None:
    with pytest.raises(LookupError):
        Program("lists.gone").matches(neutral())
    facts = neutral()
    facts["payment"]["amount"] = 2**62
    with pytest.raises(ArithmeticError):
        Program("payment.amount * 1000 > 1").matches(facts)


PIECES = st.sampled_from(
    "payment.amount card.country score lists.stolen_cards 'DE' 12 true && || == < in [ ] ( ) , ! - + / % . size "
    "endsWith ? ' \" \\ é \x00".split(" ")
)


@given(st.lists(PIECES, max_size=30).map(" ".join) | st.text(max_size=80))
@example("score > 1 &&" * 3 + "true")
def test_whatever_is_written_is_either_refused_or_evaluated(expression: str) -> None:
    """Never another error; and what we take, CEL takes: a rule that was saved can be asked."""
    try:
        read = check(expression, lists=LISTS)
    except Misread as misread:
        assert 0 <= misread.at <= len(expression)
        return
    facts = neutral()
    facts["lists"]["stolen_cards"] = False
    assert Program(read.expression).matches(facts) in (True, False)
