"""How templates show risk."""

from django import template

from risk import showing

register = template.Library()
register.filter("verdict", showing.verdict)
register.filter("rule_state", showing.rule_state)
register.simple_tag(showing.fact, name="fact")
