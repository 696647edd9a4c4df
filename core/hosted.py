"""The script that merchants' pages load from the vault: its address and its hash, which the vault, the console and
the checkout page tell alike. What was released under a version never changes: a change is another version's file."""

from urllib.parse import urlsplit

VERSION = "1.0.0"
SCRIPT = f"/js/tollgate-{VERSION}.js"
# sha384 of the file, in base 64 (Subresource Integrity).
INTEGRITY = "sha384-wuupX9qQHqFS1nqYSypD6letJMiKfhUXoERUSpc2cm32PzVG1llNQmfSXpa8hx6W"


def script_tag(vault_url: str) -> str:
    """What a merchant pastes into a page."""
    return f'<script src="{vault_url.rstrip("/")}{SCRIPT}" integrity="{INTEGRITY}" crossorigin="anonymous"></script>'


def origin_of(url: str) -> str:
    """`https://pay.example.com/admin` as browsers write its origin; "" for ""."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}" if parts.netloc else ""
