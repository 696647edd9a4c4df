"""The page where a cardholder proves who they are: plain HTML that needs no script, and says what became of it."""

import base64
import hashlib
from collections.abc import Awaitable, Callable
from html import escape
from pathlib import Path
from textwrap import dedent

from aiohttp import web

from sandbox.amounts import shown
from sandbox.challenges import Challenges, Scene

STYLE = Path(__file__).with_name("challenge.css").read_text()
STYLE_HASH = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
HEADERS = {
    # The form's answer leads on to the merchant and from there to wherever it wants: browsers hold form-action
    # against that whole way.
    "Content-Security-Policy": f"default-src 'none'; style-src 'sha256-{STYLE_HASH}'; base-uri 'none'; "
    "form-action http: https:; frame-ancestors 'none'",
    "X-Frame-Options": "DENY",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}
OUTCOMES = {"succeed": True, "fail": False}
ENDINGS = {
    "succeeded": ("Authentication complete", "Your bank has told the merchant. You may close this page."),
    "failed": (
        "Authentication failed",
        "The payment was declined and nothing was taken. You may close this page.",
    ),
    "voided": (
        "This payment was cancelled",
        "The merchant has withdrawn it: there is nothing to confirm, and you pay nothing. "
        "You may close this page.",
    ),
}
UNKNOWN = ("Unknown payment", "This bank has no such payment to confirm. Please go back to the merchant.")
UNREADABLE = ("That was not understood", "Please go back and choose one of the two buttons.")


def add_challenge_routes(
    app: web.Application, challenges: Challenges, send_notifications: Callable[[], Awaitable[None]]
) -> None:
    async def show(request: web.Request) -> web.Response:
        scene = challenges.scene(request.match_info["id"])
        return _page(*UNKNOWN, status=404) if scene is None else _shown(scene)

    async def answer(request: web.Request) -> web.Response:
        outcome = (await request.post()).get("outcome")
        if not isinstance(outcome, str) or outcome not in OUTCOMES:
            return _page(*UNREADABLE, status=400)
        scene = challenges.answer(request.match_info["id"], succeeded=OUTCOMES[outcome])
        await send_notifications()
        if scene is None:
            return _page(*UNKNOWN, status=404)
        if scene.state == "voided":
            return _shown(scene, status=409)
        if scene.challenge.return_url:
            # As it was given: a framework's redirect would encode it anew.
            return web.Response(status=303, headers={"Location": scene.challenge.return_url} | HEADERS)
        return _shown(scene)

    app.router.add_get("/challenge/{id}", show)
    app.router.add_post("/challenge/{id}", answer)


def _shown(scene: Scene, status: int = 200) -> web.Response:
    if scene.state == "open":
        return _page(
            "Confirm your payment", "Please tell your bank that it is you who is paying.", _open(scene)
        )
    title, text = ENDINGS[scene.state]
    url = scene.challenge.return_url
    link = f'<a class="button yes" href="{escape(url)}">Return to the merchant</a>' if url else ""
    return _page(title, text, _details(scene) + link, status=status)


def _open(scene: Scene) -> str:
    return _details(scene) + dedent(
        f"""\
        <form method="post" action="/challenge/{escape(scene.challenge.id)}">
        <button class="yes" id="complete" name="outcome" value="succeed">Complete authentication</button>
        <button class="no" id="fail" name="outcome" value="fail">Fail authentication</button>
        </form>
        """
    )


def _details(scene: Scene) -> str:
    authorization = scene.authorization
    rows = {
        "Merchant": scene.challenge.descriptor or "not named",
        "Amount": shown(authorization.amount_minor, authorization.currency),
        "Card": f"ending in {authorization.last4}",
    }
    inside = "".join(f"<div><dt>{name}</dt><dd>{escape(value)}</dd></div>\n" for name, value in rows.items())
    return f"<dl>\n{inside}</dl>\n"


def _page(title: str, text: str, content: str = "", *, status: int = 200) -> web.Response:
    html = f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{escape(title)} – Sandbox bank</title>
<style>{STYLE}</style>
</head>
<body>
<main>
<p class="bank">Sandbox bank <span>3-D Secure</span></p>
<h1>{escape(title)}</h1>
<p>{escape(text)}</p>
{content}<p class="note">This is a test. No real card is charged here, whatever you choose.</p>
</main>
</body>
</html>
"""
    return web.Response(text=html, content_type="text/html", charset="utf-8", status=status, headers=HEADERS)
