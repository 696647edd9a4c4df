"""How the console's templates show money, moments, modes and long names."""

from django import template

from core import showing

register = template.Library()
register.filter("money", showing.money)
register.filter("moment", showing.moment)
register.filter("age", showing.age)
register.filter("mode", showing.mode)
register.filter("words", showing.words)
register.filter("page_url", showing.page_url)
register.filter("badge", showing.badge)
