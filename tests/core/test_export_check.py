"""A field that a list would give away and that is gone is found by `manage.py check`, not by whoever exports."""

import pytest
from django.contrib import admin

from controls.models import AuditEntry
from core.checks import lists_have_their_fields


def test_all_lists_name_fields_that_are_there() -> None:
    assert lists_have_their_fields() == []


def test_a_field_that_is_gone_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    page = admin.site._registry[AuditEntry]
    monkeypatch.setattr(
        page, "export_fields", ["summary", "gone", "user__username", "user__gone", "summary__x"]
    )
    said = [error.msg for error in lists_have_their_fields()]
    assert [message.split("'")[1] for message in said] == ["gone", "user__gone", "summary__x"]
