"""Amounts in templates: `{{ row.debit|amount:row.currency }}`."""

from django import template

from ledger.lines import amount_text

register = template.Library()


@register.filter
def amount(amount_minor: int, currency: str) -> str:
    return amount_text(amount_minor, currency)
