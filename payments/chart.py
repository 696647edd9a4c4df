"""The chart of accounts: one function per account, giving its address. Pure."""


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
    """What the processor may owe us: sales whose outcome we don't know yet."""
    return f"processor:{processor}:unconfirmed"


def processor_refunds_unconfirmed(processor: str) -> str:
    """What the processor may have paid back to customers already."""
    return f"processor:{processor}:refunds_unconfirmed"


def processor_clearing(processor: str) -> str:
    """What the processor owes us."""
    return f"processor:{processor}:clearing"


FEES_EARNED = "fees:earned"
# What has left merchants' balances and has not arrived at their banks, as far as we know.
PAYOUTS_IN_TRANSIT = "payouts:in_transit"


# What reports settle.


def processor_in_transit(processor: str) -> str:
    """What the processor says that it has sent to our bank, and the bank has not."""
    return f"processor:{processor}:in_transit"


def suspense(source: str) -> str:
    """What a processor or the bank reports and nobody can explain yet."""
    return f"suspense:{source}"


FEES_PROCESSOR = "fees:processor"
BANK_MAIN = "bank:main"
# What has arrived at merchants' banks, as we are told, and is not on the statement of our own account yet.
PAYOUTS_SENT = "payouts:sent"
RECONCILIATION_ADJUSTMENTS = "adjustments:reconciliation"

# What merchants pay for disputes, won ones too.
FEES_DISPUTES = "fees:disputes"
