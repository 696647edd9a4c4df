"""A client of the API, for what the SDKs hide: exact bodies, headers and statuses."""

import json
import uuid
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import urllib3

http = urllib3.PoolManager(retries=False, maxsize=64, timeout=urllib3.Timeout(total=60))


@dataclass(frozen=True)
class Reply:
    status: int
    body: bytes
    headers: Any

    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True)
class Client:
    url: str
    key: str

    def post(self, path: str, fields: dict[str, Any], *, idempotency_key: str | None = None) -> Reply:
        """`fields` as a form. A fresh Idempotency-Key unless one is given; "" sends none."""
        return self.send("POST", path, urlencode(fields).encode(), idempotency_key=idempotency_key)

    def send(
        self,
        method: str,
        path: str,
        body: bytes,
        *,
        content_type: str = "application/x-www-form-urlencoded",
        idempotency_key: str | None = None,
    ) -> Reply:
        headers = {"Authorization": f"Bearer {self.key}", "Content-Type": content_type}
        key = str(uuid.uuid4()) if idempotency_key is None else idempotency_key
        if key:
            headers["Idempotency-Key"] = key
        response = http.request(method, self.url + path, body=body, headers=headers)
        return Reply(response.status, response.data, response.headers)

    def get(self, path: str) -> Reply:
        response = http.request("GET", self.url + path, headers={"Authorization": f"Bearer {self.key}"})
        return Reply(response.status, response.data, response.headers)

    def charge(self, *, idempotency_key: str | None = None, **fields: Any) -> Reply:
        wanted = {"amount": 10_000, "currency": "usd", "source": "tok_visa"} | fields
        return self.post("/v1/charges", wanted, idempotency_key=idempotency_key)
