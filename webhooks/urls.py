from django.urls import path

from webhooks import views

urlpatterns = [
    path("webhook_endpoints", views.WebhookEndpointsView.as_view()),
    path("webhook_endpoints/<str:public_id>", views.WebhookEndpointView.as_view()),
    path("webhook_endpoints/<str:public_id>/roll_secret", views.RollSecretView.as_view()),
    path("events", views.EventsView.as_view()),
    path("events/<str:public_id>", views.EventView.as_view()),
]
