"""What a restricted key may be allowed: to read, or to read and write, objects of one kind each. Pure."""

from collections.abc import Collection, Iterable

from core.errors import InvalidRequest

# In the words of the API's addresses. What stands in brackets is what who ticks the box should know.
RESOURCES = {
    "balance": "Balance and its transactions",
    "charges": "Charges",
    "checkout_sessions": "Checkout sessions",
    "disputes": "Disputes",
    "events": "Events (they show objects of every kind)",
    "payment_intents": "Payment intents",
    "payment_methods": "Payment methods",
    "payouts": "Payouts and their bank accounts",
    "refunds": "Refunds",
    "reviews": "Reviews (who may write approves payments that are held)",
    "tokens": "Tokens",
    "value_lists": "Lists for risk rules, and who is on them",
    "webhook_endpoints": "Webhook endpoints (they are sent events of every kind)",
}
READ, WRITE = "read", "write"
SCOPES = tuple(f"{resource}:{level}" for resource in RESOURCES for level in (READ, WRITE))
READING = frozenset({"GET", "HEAD", "OPTIONS"})


def level_of(method: str | None) -> str:
    return READ if method in READING else WRITE


def allows(scopes: Collection[str], resource: str, level: str) -> bool:
    """Whoever may write may read. What has no name is allowed to nobody."""
    return f"{resource}:{WRITE}" in scopes or (level == READ and f"{resource}:{READ}" in scopes)


def read_scopes(asked: Iterable[str]) -> list[str]:
    """The scopes in their order, each once. InvalidRequest for one that there is not, and for none at all."""
    wanted = {scope.strip() for scope in asked}
    if unknown := sorted(wanted - set(SCOPES)):
        raise InvalidRequest(
            f"There is no permission '{unknown[0][:60]}': it is one of {', '.join(RESOURCES)}, "
            f"then :{READ} or :{WRITE}.",
            param="scopes",
        )
    if not wanted:
        raise InvalidRequest(
            "A restricted key needs a permission at least: it could do nothing.", param="scopes"
        )
    return [scope for scope in SCOPES if scope in wanted]
