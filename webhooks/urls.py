from django.urls import path

from webhooks.views import deliveries, endpoints, events

urlpatterns = [
    path("webhook_endpoints", endpoints.WebhookEndpointsView.as_view()),
    path("webhook_endpoints/<str:public_id>", endpoints.WebhookEndpointView.as_view()),
    path("webhook_endpoints/<str:public_id>/roll_secret", endpoints.RollSecretView.as_view()),
    path("webhook_endpoints/<str:public_id>/health", deliveries.HealthView.as_view()),
    path("webhook_endpoints/<str:public_id>/deliveries", deliveries.DeliveriesView.as_view()),
    path("webhook_endpoints/<str:public_id>/deliveries/<str:event_id>", deliveries.DeliveryView.as_view()),
    path("events", events.EventsView.as_view()),
    path("events/<str:public_id>", events.EventView.as_view()),
]
