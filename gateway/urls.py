"""Every address of the gateway: the API under /v1, the console under /admin, what processors and cardholders
call, and health."""

from django.contrib import admin
from django.urls import include, path
from django.views.generic import RedirectView

from gateway import finding, second_factor, views
from gateway.metrics import metrics
from payments.views import checkout_page, notifications, pages

urlpatterns = [
    path("", RedirectView.as_view(url="/admin/", permanent=False)),
    path("health", views.health),
    path("metrics", metrics),
    path("admin/second-factor/", second_factor.verify, name="second_factor"),
    path("admin/second-factor/enrol/", second_factor.enrol, name="second_factor_enrol"),
    path("admin/second-factor/codes/", second_factor.recovery_codes, name="recovery_codes"),
    path("admin/confirm/", second_factor.confirm, name="confirm_identity"),
    path("admin/find/", admin.site.admin_view(finding.find), name="find"),
    path("admin/", admin.site.urls),
    path("v1/", include("payments.urls")),
    path("notifications/<str:processor>", notifications.receive),
    path("pay/return/<str:signed>", pages.came_back),
    path("checkout/<str:public_id>", checkout_page.show),
    path("checkout/<str:public_id>/pay", checkout_page.pay, name="checkout_pay"),
    path("v1/", include("webhooks.urls")),
    path("v1/", include("risk.urls")),
]

handler400 = "gateway.views.bad_request"
handler403 = "gateway.views.forbidden"
handler404 = "gateway.views.not_found"
handler500 = "gateway.views.server_error"
