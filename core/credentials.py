"""The key in an Authorization header, which the gateway and the vault read alike."""

import base64
import binascii


def key_in(authorization: str) -> str:
    """A Bearer token, or the user name of Basic auth; "" where there is none."""
    scheme, _, value = authorization.partition(" ")
    match scheme.lower():
        case "bearer":
            return value.strip()
        case "basic":
            try:
                return base64.b64decode(value, validate=True).decode().partition(":")[0].strip()
            except (binascii.Error, UnicodeDecodeError, ValueError):
                return ""
        case _:
            return ""
