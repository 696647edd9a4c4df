"""The gateway's settings for attacks: a live mode whose bank is the sandbox. Test mode takes test cards only."""

from tests.settings import *  # noqa: F403
from tests.settings import PROCESSORS

for processor in PROCESSORS.values():
    processor["livemode"] = True
