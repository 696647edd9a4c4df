"""The gateway's settings for the processes under chaos: faults can be addressed to an endpoint."""

from tests.settings import *  # noqa: F403
from tests.settings import CELERY_BEAT_SCHEDULE, MIDDLEWARE

CELERY_BEAT_SCHEDULE["pay out on schedule"]["schedule"] = 5.0
MIDDLEWARE = ["tests.chaos.labels.Labels", *MIDDLEWARE]
