"""`python -m tests.kafka.publisher`: what a worker does for the event stream, over and over, until it is killed."""

import time

import django

django.setup()

from webhooks.services.publish import publish  # noqa: E402  after django.setup()
from webhooks.services.relay import relay  # noqa: E402

while True:
    relay()
    publish()
    time.sleep(0.1)
