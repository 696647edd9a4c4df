"""Disputes over HTTP: what callers ask of them under /v1, faults included, and what tests order under /control."""

import hashlib
from typing import Any

from aiohttp import web

from sandbox.control import body_of, limit_of
from sandbox.disputes import OUTCOMES, DisputeDesk, NotAllowed, ReferenceReused, UnknownDispute
from sandbox.faults import MOST_SECONDS
from sandbox.fields import REFERENCE, Fields, InvalidRequest
from sandbox.orders import MOST_MINOR
from sandbox.window import Call, Reply, Window, authenticated_body

# Stripe's bound on all texts of evidence together.
MOST_EVIDENCE = 150_000
MOST_FILE_BYTES = 5_000_000
FIELD = "[a-z_]{1,60}"
# A due date may be a month away.
LONGEST_SECONDS = 60 * 86_400.0


def add_dispute_routes(app: web.Application, desk: DisputeDesk, window: Window) -> None:
    async def listed(request: web.Request) -> web.StreamResponse:
        """Those of an authorization, or those that were opened since a moment."""
        authorization, since = request.query.get("authorization", ""), request.query.get("since", "")
        if since and not (since.isascii() and since.isdigit() and len(since) <= 12):
            raise InvalidRequest("since is not a valid value")

        def find() -> Reply:
            found = desk.since(int(since)) if since else desk.of_authorization(authorization)
            return Reply(200, {"disputes": found})

        return await window.serve(request, Call("disputes", authorization, lambda: None, find))

    async def file(request: web.Request) -> web.StreamResponse:
        """This bank looks at no file: it keeps what names its content, which the evidence holds then."""
        digest = hashlib.sha256()
        size = 0
        async for part in request.content.iter_chunked(65_536):
            digest.update(part)
            size += len(part)
            if size > MOST_FILE_BYTES:
                raise web.HTTPRequestEntityTooLarge(max_size=MOST_FILE_BYTES, actual_size=size)
        body = {"id": f"file_{digest.hexdigest()[:24]}", "size": size, "type": request.content_type}
        return await window.serve(
            request, Call("file", str(body["id"]), lambda: None, lambda: Reply(200, body))
        )

    async def shown(request: web.Request) -> web.StreamResponse:
        dispute_id = request.match_info["id"]
        call = Call("disputes", dispute_id, lambda: None, lambda: _reply(lambda: desk.dispute(dispute_id)))
        return await window.serve(request, call)

    async def evidence(request: web.Request) -> web.StreamResponse:
        fields = Fields(await authenticated_body(request))
        reference = fields.text("reference", REFERENCE)
        submit = fields.flag("submit")
        texts = _read_evidence(fields)
        fields.finish()
        return await order(
            request, "evidence", reference, lambda id_: desk.answer(id_, reference, texts, submit=submit)
        )

    async def accept(request: web.Request) -> web.StreamResponse:
        fields = Fields(await authenticated_body(request))
        reference = fields.text("reference", REFERENCE)
        fields.finish()
        return await order(request, "accept", reference, lambda id_: desk.accept(id_, reference))

    async def order(request: web.Request, kind: str, reference: str, work: Any) -> web.StreamResponse:
        dispute_id = request.match_info["id"]
        call = Call(kind, reference, lambda: None, lambda: _reply(lambda: work(dispute_id)))
        return await window.serve(request, call)

    app.router.add_get("/v1/disputes", listed)
    app.router.add_post("/v1/files", file)
    app.router.add_get("/v1/disputes/{id}", shown)
    app.router.add_post("/v1/disputes/{id}/evidence", evidence)
    app.router.add_post("/v1/disputes/{id}/accept", accept)


def add_dispute_control(app: web.Application, desk: DisputeDesk, window: Window) -> None:
    async def open_one(request: web.Request) -> web.Response:
        fields = Fields(await body_of(request))
        reference = fields.text("reference", REFERENCE)
        reason = fields.text("reason", FIELD) if fields.has("reason") else "fraudulent"
        inquiry = fields.flag("inquiry") if fields.has("inquiry") else False
        amount = fields.integer("amount", 1, MOST_MINOR) if fields.has("amount") else None
        fields.finish()
        authorization = desk.authorization_of(reference) or ""
        reply = _reply(lambda: desk.open(authorization, reason=reason, inquiry=inquiry, amount_minor=amount))
        await window.send_notifications()
        return web.json_response(reply.body, status=reply.status)

    async def decide(request: web.Request) -> web.Response:
        fields = Fields(await body_of(request))
        outcome = fields.text("outcome", "|".join(OUTCOMES))
        fields.finish()
        reply = _reply(lambda: desk.decide(request.match_info["id"], outcome))
        await window.send_notifications()
        return web.json_response(reply.body, status=reply.status)

    async def list_all(request: web.Request) -> web.Response:
        return web.json_response({"disputes": desk.newest(limit_of(request))})

    async def change_pace(request: web.Request) -> web.Response:
        fields = Fields(await body_of(request))
        pace = desk.pace
        for name, most in PACES.items():
            if fields.has(name):
                setattr(pace, name, fields.number(name, 0.0, most))
        fields.finish()
        return web.json_response({name: getattr(pace, name) for name in PACES})

    app.router.add_post("/control/disputes", open_one)
    app.router.add_get("/control/disputes", list_all)
    app.router.add_post("/control/disputes/pace", change_pace)
    app.router.add_post("/control/disputes/{id}/decide", decide)


PACES = {
    "opens_after_seconds": MOST_SECONDS,
    "due_after_seconds": LONGEST_SECONDS,
    "decides_after_seconds": MOST_SECONDS,
}


def _read_evidence(fields: Fields) -> dict[str, str]:
    given = Fields(fields.take("evidence", None) or {}, "evidence")
    texts = given.texts(FIELD, MOST_EVIDENCE)
    if sum(len(text) for text in texts.values()) > MOST_EVIDENCE:
        raise fields.wrong("evidence", f"must have at most {MOST_EVIDENCE} characters")
    return texts


def _reply(work: Any) -> Reply:
    try:
        return Reply(200, work())
    except UnknownDispute:
        return Reply(404, {"error": "unknown_dispute"})
    except NotAllowed:
        return Reply(409, {"error": "not_allowed"})
    except ReferenceReused:
        return Reply(409, {"error": "reference_reused"})
