"""Staff in the console: Django's own users and groups, in the console's clothes."""

from typing import Any

from django.contrib import admin, messages
from django.contrib.auth.admin import GroupAdmin, UserAdmin
from django.contrib.auth.models import Group, User
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.safestring import SafeString
from django_otp import user_has_device
from django_otp.plugins.otp_static.models import StaticDevice
from django_otp.plugins.otp_totp.models import TOTPDevice
from unfold.admin import ModelAdmin
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm

from core.console import Audited
from core.exporting import Exportable
from core.showing import link, page_url
from gateway.second_factor import forget

# Their secrets are nobody's to see; whoever has lost theirs is given a new one from the person's page.
admin.site.unregister(TOTPDevice)
admin.site.unregister(StaticDevice)
admin.site.unregister(User)
admin.site.unregister(Group)


@admin.register(User)
class PersonAdmin(Exportable, Audited, UserAdmin[User], ModelAdmin):  # type: ignore[misc]  # unfold has no types
    """People who leave are made inactive, not deleted: what they did must keep its name. Who may make people gives
    roles to others, never to themselves, and no rights that are in no role."""

    export_fields = [
        "username",
        "email",
        "is_active",
        "is_staff",
        "is_superuser",
        "date_joined",
        "last_login",
    ]
    form = UserChangeForm
    add_form = UserCreationForm
    change_password_form = AdminPasswordChangeForm
    fieldsets = [*(UserAdmin.fieldsets or []), ("Second factor", {"fields": ["second_factor"]})]
    readonly_fields = ["second_factor"]

    @admin.display(description="second factor")
    def second_factor(self, person: User) -> SafeString | str:
        if not user_has_device(person):
            return "None yet"
        return link(reverse("admin:auth_user_second_factor", args=[person.pk]), "Take it away")

    def audit_words(self, row: User) -> str:
        roles = ", ".join(row.groups.order_by("name").values_list("name", flat=True)) or "no role"
        standing = "superuser" if row.is_superuser else "staff" if row.is_staff else "no staff"
        return f"Now {standing}, {'active' if row.is_active else 'inactive'}, with {roles}."

    def has_delete_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        return False

    def has_change_permission(self, request: Any, obj: User | None = None) -> bool:
        if obj is not None and obj.is_superuser and not request.user.is_superuser:
            return False
        return bool(super().has_change_permission(request, obj))

    def get_urls(self) -> list[URLPattern]:
        view: Any = self.admin_site.admin_view(self.forget_second_factor)
        return [path("<int:pk>/second-factor/", view, name="auth_user_second_factor"), *super().get_urls()]

    def forget_second_factor(self, request: Any, pk: int) -> HttpResponse:
        """Asks first. Nobody does it for themselves: a screen that was left open would be enough."""
        person = get_object_or_404(User, pk=pk)
        if person == request.user or not self.has_change_permission(request, person):
            raise PermissionDenied
        if request.method == "POST":
            with transaction.atomic():
                forget(person)
                self.log_change(request, person, "The second factor was taken away.")
            messages.success(request, f"{person} sets up a new second factor when they next sign in.")
            return redirect(page_url(person))
        context = {
            **self.admin_site.each_context(request),
            "title": f"Second factor of {person}",
            "note": "Make sure that it is really they who ask. The old app and codes stop working at once.",
            "button": "Take it away",
            "back": page_url(person),
            "danger": True,
        }
        return TemplateResponse(request, "console/form.html", context)

    def get_readonly_fields(self, request: Any, obj: User | None = None) -> list[str]:
        fields = list(super().get_readonly_fields(request, obj))
        if not request.user.is_superuser:
            fields += ["is_superuser", "user_permissions"]
            fields += ["groups"] if obj == request.user else []
        return fields


@admin.register(Group)
class PeopleAdmin(Audited, GroupAdmin, ModelAdmin):  # type: ignore[misc]
    def audit_words(self, row: Group) -> str:
        rights = ", ".join(row.permissions.order_by("codename").values_list("codename", flat=True))
        return f"Now with {rights or 'no rights'}."
