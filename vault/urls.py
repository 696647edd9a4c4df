"""Every address of the vault."""

from django.urls import path

from vault.views import fields, internal, public

urlpatterns = [
    path("health", public.health),
    path("v1/tokens", public.tokens),
    path("v1/payment_methods", public.payment_methods),
    path("js/<str:name>", fields.script),
    path("fields/card", fields.card),
    path("fields/<str:digest>/<str:name>", fields.part),
    path("internal/tokens/<str:public_id>", internal.token),
    path("internal/forward", internal.forward),
    path("internal/publishable_keys", internal.publishable_keys),
]

handler400 = "vault.views.errors.bad_request"
handler404 = "vault.views.errors.not_found"
handler500 = "vault.views.errors.server_error"
