"""What `manage.py check` says of the console: that the fields which leave with a list are there."""

from typing import Any

from django.contrib import admin
from django.core.checks import CheckMessage, Error
from django.core.exceptions import FieldError
from django.http import HttpRequest

from core.exporting import Exportable


def lists_have_their_fields(app_configs: Any = None, **_: Any) -> list[CheckMessage]:
    """One error for each field of an `export_fields` that the list's rows do not have."""
    return [
        Error(
            f"export_fields names '{field}', which the list of {model._meta.label} has not.", obj=type(page)
        )
        for model, page in _pages()
        if isinstance(page, Exportable)
        for field in page.export_fields
        if not _has(page, field)
    ]


def _pages() -> list[tuple[Any, Any]]:
    return list(admin.site._registry.items())


def _has(page: Any, field: str) -> bool:
    try:
        # Nobody runs it: Django finds what it names as it is built.
        page.get_queryset(HttpRequest()).values(field)
    except FieldError:
        return False
    return True
