"""Forms of the console that may be used once: a second click, or a page that is reloaded, finds its form used."""

from django.http import HttpRequest

from core.ids import random_text

# The session remembers this many open forms; older ones have to be opened again.
MAX_OPEN_FORMS = 20
SESSION_FORMS = "console.open_forms"


def open_form(request: HttpRequest) -> str:
    """A number for a form that may be used once, remembered in the session."""
    nonce = random_text(16)
    known = request.session.get(SESSION_FORMS, [])
    request.session[SESSION_FORMS] = [*known, nonce][-MAX_OPEN_FORMS:]
    return nonce


def first_time(request: HttpRequest) -> bool:
    """Whether this form was not used before. Saved at once, so that a second click finds it used."""
    known = request.session.get(SESSION_FORMS, [])
    nonce = request.POST.get("nonce", "")
    if nonce not in known:
        return False
    request.session[SESSION_FORMS] = [other for other in known if other != nonce]
    request.session.save()
    return True
