"""What a merchant's page knows of the customer's browser, in Stripe's words."""

import msgspec

from core.params import limited


class RadarOptions(msgspec.Struct, forbid_unknown_fields=True):
    session: str | None = None


def device_in(asked: RadarOptions | None) -> str:
    return limited("radar_options[session]", asked.session if asked else None, 100)
