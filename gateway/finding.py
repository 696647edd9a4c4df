"""The console's one box: whatever a person knows of a payment, on one page, in a handful of indexed queries."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse

from core.finding import LONGEST, MOST, Term, finders


def find(request: Any) -> HttpResponse:
    """Straight to what an id names, else everything that fits, grouped by what it is."""
    term = Term(request.GET.get("q", "").replace("\x00", "").strip()[:LONGEST])
    groups = _groups(request, term) if term.text else []
    found = [one for _title, rows in groups for one in rows]
    if len(found) == 1 and found[0].by == "id":
        return redirect(found[0].url)
    return TemplateResponse(
        request,
        "console/find.html",
        {
            **admin.site.each_context(request),
            "title": "Search",
            "term": term.text,
            "groups": groups,
            "most": MOST,
        },
    )


def _groups(request: HttpRequest, term: Term) -> list[tuple[str, list[Any]]]:
    allowed = [one for one in finders() if request.user.has_perm(one.permission)]
    results = [(one.title, one.find(term)) for one in allowed]
    return [(title, rows) for title, rows in results if rows]
