"""The states of payments and of what belongs to them, as coloured words; and cards."""

from django import template

from payments.showing import card_text, state_badge

register = template.Library()
register.filter("state", state_badge)
register.filter("card", card_text)
