"""The files that browsers get of the vault, read once when the process starts."""

import base64
import hashlib
from dataclasses import dataclass
from pathlib import Path
from string import Template

import msgspec

from vault.card import BRANDS

HERE = Path(__file__).resolve().parent
TYPES = {".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8"}


@dataclass(frozen=True, slots=True)
class Asset:
    body: bytes
    content_type: str

    @property
    def integrity(self) -> str:
        """As Subresource Integrity has it."""
        return "sha384-" + base64.b64encode(hashlib.sha384(self.body).digest()).decode()


def _read(folder: str) -> dict[str, Asset]:
    files = sorted(path for path in (HERE / folder).iterdir() if path.suffix in TYPES)
    return {path.name: Asset(path.read_bytes(), TYPES[path.suffix]) for path in files}


# Every version of tollgate.js that was released, and what the fields' page is made of.
SCRIPTS = _read("scripts")
PARTS = _read("fields")
# Part of the addresses of those parts, so that browsers keep each for as long as they like.
DIGEST = hashlib.sha256(b"".join(asset.body for asset in PARTS.values())).hexdigest()[:16]


def _page(name: str, **given: str) -> Template:
    text = (HERE / "fields" / name).read_text()
    return Template(Template(text).safe_substitute(parts=f"/fields/{DIGEST}", **given))


CARD_PAGE = _page("card.html", brands=msgspec.json.encode(BRANDS).decode())
REFUSED_PAGE = _page("refused.html")
