"""Accounts, transactions and entries: written once, through `services.post` and `services.reverse`, and kept
for ever. A balance is a sum of entries, never a column. What PostgreSQL refuses is in migration 0002."""

from django.contrib.postgres.functions import TransactionNow
from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import F, Func, Q
from django.db.models.functions import Greatest

from core.xid import TransactionIdField as TransactionIdField
from ledger.lines import amount_text


class SnapshotField(models.TextField):  # type: ignore[type-arg]  # no subscript at run time
    """PostgreSQL's pg_snapshot: which database transactions had ended at a moment."""

    def db_type(self, connection: BaseDatabaseWrapper) -> str:
        return "pg_snapshot"


class LedgerAccount(models.Model):
    """A place where money of one currency and one mode is counted; `merchant:…` belongs to its merchant."""

    address = models.TextField()
    currency = models.CharField(max_length=3)
    livemode = models.BooleanField()
    merchant = models.ForeignKey(
        "merchants.Merchant", on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    created_at = models.DateTimeField(db_default=TransactionNow(), editable=False)

    class Meta:
        db_table = "ledger_account"
        constraints = [
            models.UniqueConstraint(fields=["address", "currency", "livemode"], name="ledger_account_once"),
            models.CheckConstraint(
                condition=Q(address__regex=r"^[a-z][a-z0-9_]*(:[A-Za-z0-9_-]+)*$"),
                name="ledger_account_address_reads_as_a_path",
            ),
            models.CheckConstraint(
                condition=Q(currency__regex=r"^[a-z]{3}$"), name="ledger_account_currency_is_iso_4217"
            ),
            models.CheckConstraint(
                condition=Q(address__startswith="merchant:", merchant__isnull=False)
                | (~Q(address__startswith="merchant:") & Q(merchant__isnull=True)),
                name="ledger_account_of_a_merchant_has_one",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.address} {self.currency.upper()} {'live' if self.livemode else 'test'}"


class LedgerLimit(models.Model):
    """How far postings of a kind, or of every kind that is not named, may take an account's balance up. The latest
    row counts; null is no limit. Earlier ones stay, to tell what held when."""

    account = models.ForeignKey(
        LedgerAccount, on_delete=models.PROTECT, related_name="limits", db_index=False
    )
    kind = models.TextField(default="", db_default="", blank=True)
    max_balance_minor = models.BigIntegerField(null=True)
    created_at = models.DateTimeField(db_default=TransactionNow(), editable=False)
    # The database transaction that set it.
    xid = TransactionIdField(db_default=Func(function="pg_current_xact_id"), editable=False)

    class Meta:
        db_table = "ledger_limit"
        indexes = [
            models.Index(fields=["account", "kind", "id"], name="ledger_limit_latest"),
            # What became visible after a seal, whatever its id.
            models.Index(fields=["xid"], name="ledger_limit_xid"),
        ]

    def __str__(self) -> str:
        return f"{self.kind or 'every kind'}: {self.max_balance_minor}"


class LedgerTransaction(models.Model):
    """One booking, known by its reference for ever. Two clocks: when it happened and when we booked it."""

    reference = models.TextField()
    kind = models.TextField()
    livemode = models.BooleanField()
    merchant = models.ForeignKey(
        "merchants.Merchant",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        db_index=False,
        db_constraint=False,
    )
    occurred_at = models.DateTimeField(db_default=TransactionNow())
    booked_at = models.DateTimeField(db_default=TransactionNow(), editable=False)
    reverses = models.ForeignKey(
        "self", on_delete=models.PROTECT, null=True, blank=True, related_name="reversals", db_index=False
    )
    # The database transaction that wrote the header: the only one from which entries are accepted.
    xid = TransactionIdField(db_default=Func(function="pg_current_xact_id"), editable=False)

    class Meta:
        db_table = "ledger_transaction"
        indexes = [
            # What became visible after a seal, whatever its id.
            models.Index(fields=["xid"], name="ledger_transaction_xid"),
            # What happened at another time than it was booked, which is little.
            models.Index(
                Greatest("occurred_at", "booked_at"),
                condition=~Q(occurred_at=F("booked_at")),
                name="ledger_transaction_two_clocks",
            ),
        ]
        constraints = [
            models.UniqueConstraint(fields=["reference"], name="ledger_transaction_reference_once"),
            # Partial: most transactions reverse nothing and need no place in this index.
            models.UniqueConstraint(
                fields=["reverses"],
                condition=Q(reverses__isnull=False),
                name="ledger_transaction_reversed_once",
            ),
            models.CheckConstraint(
                condition=~Q(reference="") & ~Q(kind=""), name="ledger_transaction_has_reference_and_kind"
            ),
            models.CheckConstraint(
                condition=Q(reverses__isnull=True) | ~Q(reverses=F("id")),
                name="ledger_transaction_does_not_reverse_itself",
            ),
        ]

    def __str__(self) -> str:
        return self.reference


class LedgerEntry(models.Model):
    """One line of a transaction: a positive amount is a debit, a negative one a credit."""

    transaction = models.ForeignKey(
        LedgerTransaction, on_delete=models.PROTECT, related_name="entries", db_constraint=False
    )
    account = models.ForeignKey(
        LedgerAccount, on_delete=models.PROTECT, related_name="entries", db_index=False, db_constraint=False
    )
    currency = models.CharField(max_length=3)
    amount_minor = models.BigIntegerField()

    class Meta:
        db_table = "ledger_entry"
        verbose_name_plural = "ledger entries"
        indexes = [models.Index(fields=["account", "id"], name="ledger_entry_account_id")]
        constraints = [
            models.CheckConstraint(condition=~Q(amount_minor=0), name="ledger_entry_amount_is_not_zero")
        ]

    def __str__(self) -> str:
        side = "debit" if self.amount_minor > 0 else "credit"
        return f"{side} {amount_text(abs(self.amount_minor), self.currency)}"


class LedgerLimitProof(models.Model):
    """What a posting saw that took an account toward its limit: the account's entries in the database transactions
    that had ended by then, and its own up to `last_entry_id`. So it can be told for ever whether it was within the
    limit. PostgreSQL writes it, in the trigger that asks."""

    transaction = models.ForeignKey(
        LedgerTransaction, on_delete=models.PROTECT, related_name="+", db_constraint=False, db_index=False
    )
    account = models.ForeignKey(
        LedgerAccount, on_delete=models.PROTECT, related_name="+", db_constraint=False, db_index=False
    )
    limit = models.ForeignKey(
        LedgerLimit, on_delete=models.PROTECT, related_name="+", db_constraint=False, db_index=False
    )
    seen = SnapshotField()
    last_entry_id = models.BigIntegerField()

    class Meta:
        db_table = "ledger_limit_proof"
        constraints = [
            models.UniqueConstraint(fields=["transaction", "account"], name="ledger_limit_proof_once")
        ]

    def __str__(self) -> str:
        return f"proof {self.pk}"


class LedgerSeal(models.Model):
    """One batch of transactions that had become visible, hashed, and linked to the one before. It covers what has
    an id above `base_id` and an xid from the last seal's watermark up to its own. A restored database counts
    transaction ids anew: its first seal takes all that came along and was not sealed, up to `base_id`."""

    number = models.BigIntegerField(primary_key=True)
    previous = models.BinaryField()
    root = models.BinaryField()
    hash = models.BinaryField()
    transactions = models.BigIntegerField()
    entries = models.BigIntegerField()
    # Of each entry its id and the first half of its hash, to say which one is wrong where the root differs.
    leaves = models.BinaryField()
    watermark = TransactionIdField()
    base_id = models.BigIntegerField()
    # The same of limits.
    limit_base_id = models.BigIntegerField(default=0, db_default=0)
    audit_base_id = models.BigIntegerField(default=0, db_default=0)
    system_identifier = models.BigIntegerField()
    sealed_at = models.DateTimeField()

    class Meta:
        db_table = "ledger_seal"

    def __str__(self) -> str:
        return f"seal {self.number}"


class LedgerHour(models.Model):
    """What one account took in and gave out in the transactions of one hour that are sealed, by the clock of
    booking. Made from entries and to be made again; a balance is the sum of these and of what is not sealed yet."""

    account = models.ForeignKey(
        LedgerAccount, on_delete=models.PROTECT, related_name="+", db_index=False, db_constraint=False
    )
    hour = models.DateTimeField()
    debit_minor = models.DecimalField(max_digits=60, decimal_places=0)
    credit_minor = models.DecimalField(max_digits=60, decimal_places=0)
    entries = models.BigIntegerField()
    first_entry_id = models.BigIntegerField()
    last_entry_id = models.BigIntegerField()

    class Meta:
        db_table = "ledger_hour"
        constraints = [models.UniqueConstraint(fields=["account", "hour"], name="ledger_hour_once")]

    def __str__(self) -> str:
        return f"{self.account_id} {self.hour}"


class LedgerOpenItem(models.Model):
    """What is left on an account of doubt under one reference (`op_…` of `op_…:start`), as of the last seal. Made
    from entries and to be made again."""

    account = models.ForeignKey(
        LedgerAccount, on_delete=models.PROTECT, related_name="+", db_index=False, db_constraint=False
    )
    item = models.TextField()
    amount_minor = models.DecimalField(max_digits=60, decimal_places=0)
    since = models.DateTimeField()

    class Meta:
        db_table = "ledger_open_item"
        constraints = [models.UniqueConstraint(fields=["account", "item"], name="ledger_open_item_once")]

    def __str__(self) -> str:
        return self.item
