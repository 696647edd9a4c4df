"""The gateway's settings with a bank of the benchmark's own, and with the benchmark's command."""

from gateway.settings import *  # noqa: F403
from gateway.settings import INSTALLED_APPS

INSTALLED_APPS = [*INSTALLED_APPS, "bench"]
PROCESSORS = {"bench": {"adapter": "bench.processor.InProcessBank", "livemode": False}}
