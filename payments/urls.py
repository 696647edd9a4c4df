"""Charges, refunds and tokens under /v1."""

from django.urls import path

from payments import views

urlpatterns = [
    path("charges", views.Charges.as_view()),
    path("charges/<str:public_id>", views.ChargeDetail.as_view()),
    path("charges/<str:public_id>/capture", views.ChargeCapture.as_view()),
    path("charges/<str:public_id>/refunds", views.ChargeRefunds.as_view()),
    path("tokens/<str:public_id>", views.TokenDetail.as_view()),
    path("refunds", views.Refunds.as_view()),
    path("refunds/<str:public_id>", views.RefundDetail.as_view()),
]
