"""The chart of accounts: every address that we book on, and what stands there. Pure."""


def merchant_unconfirmed(merchant: str) -> str:
    """What customers may have paid this merchant: sales whose outcome we don't know yet."""
    return f"merchant:{merchant}:unconfirmed"


def merchant_pending(merchant: str) -> str:
    """What we owe the merchant and will pay out once it becomes available."""
    return f"merchant:{merchant}:pending"


def merchant_available(merchant: str) -> str:
    """What we owe the merchant and pay out when they ask, or on their schedule."""
    return f"merchant:{merchant}:available"


def merchant_reserved(merchant: str) -> str:
    """What we owe the merchant and hold back for some time, against refunds and disputes to come."""
    return f"merchant:{merchant}:reserved"


def processor_unconfirmed(processor: str) -> str:
    """What the processor may owe us: sales, captures among them, whose outcome we don't know yet."""
    return f"processor:{processor}:unconfirmed"


def processor_refunds_unconfirmed(processor: str) -> str:
    """What the processor may have paid back to customers already."""
    return f"processor:{processor}:refunds_unconfirmed"


def processor_clearing(processor: str) -> str:
    """What the processor owes us."""
    return f"processor:{processor}:clearing"


def processor_in_transit(processor: str) -> str:
    """What the processor says that it has sent to our bank, and the bank has not."""
    return f"processor:{processor}:in_transit"


def suspense(source: str) -> str:
    """What a processor or the bank reports and nobody can explain yet."""
    return f"suspense:{source}"


PAYOUTS_IN_TRANSIT = "payouts:in_transit"
PAYOUTS_SENT = "payouts:sent"
BANK_MAIN = "bank:main"
FEES_EARNED = "fees:earned"
FEES_DISPUTES = "fees:disputes"
FEES_PROCESSOR = "fees:processor"
EXCHANGE_POSITION = "exchange:position"
EXCHANGE_ROUNDING = "exchange:rounding"
RECONCILIATION_ADJUSTMENTS = "adjustments:reconciliation"

# Of the accounts that are there once.
MEANINGS = {
    PAYOUTS_IN_TRANSIT: "What has left merchants' balances and has not arrived at their banks, as far as we know.",
    PAYOUTS_SENT: "What has arrived at merchants' banks, as we are told, and is not on the statement of our own "
    "account yet.",
    BANK_MAIN: "Our bank account, as its statements say.",
    FEES_EARNED: "Our fees on captured charges.",
    FEES_DISPUTES: "What merchants pay for disputes, won ones too.",
    FEES_PROCESSOR: "What processors keep for their work.",
    EXCHANGE_POSITION: "What exchanges have taken in and given out, in each currency: what we have bought or sold "
    "short.",
    EXCHANGE_ROUNDING: "What rounding has left to us when currencies were exchanged.",
    RECONCILIATION_ADJUSTMENTS: "What was written off, for or against us.",
}
