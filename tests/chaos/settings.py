"""The gateway's settings for the processes under chaos: faults can be addressed to an endpoint."""

from tests.settings import *  # noqa: F403
from tests.settings import MIDDLEWARE

MIDDLEWARE = ["tests.chaos.labels.Labels", *MIDDLEWARE]
