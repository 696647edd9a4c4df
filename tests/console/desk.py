"""A person at the running console, over HTTP: forms are fetched and sent as a browser does."""

import re
from dataclasses import dataclass, field
from typing import Self
from urllib.parse import urlencode

import urllib3
from django.conf import settings
from django.contrib.auth.models import User
from django.test import Client

HIDDEN = re.compile(r'<input type="hidden" name="([^"]+)"[^>]*? value="([^"]*)"')
http = urllib3.PoolManager(retries=False, maxsize=32, timeout=urllib3.Timeout(total=60))


@dataclass
class Desk:
    url: str
    username: str
    cookies: dict[str, str] = field(default_factory=dict)
    # What a proxy says of where the person is.
    address: str = ""

    @classmethod
    def of(cls, url: str, user: User) -> Self:
        browser = Client()
        browser.force_login(user)
        session = browser.cookies[settings.SESSION_COOKIE_NAME].value
        return cls(url, user.get_username(), {settings.SESSION_COOKIE_NAME: session})

    def get(self, path: str) -> str:
        return self._send("GET", path)

    def form(self, path: str) -> dict[str, str]:
        """The form's hidden fields."""
        return dict(HIDDEN.findall(self.get(path)))

    def post(self, path: str, fields: dict[str, str]) -> str:
        """What the person sees afterwards, redirects followed."""
        return self._send("POST", path, urlencode(self.signed(fields)))

    def knock(self, method: str, path: str, fields: dict[str, str] | None = None) -> tuple[int, str]:
        """The answer's status, and its page or where it leads; redirects are not followed."""
        body = urlencode(self.signed(fields or {})) if method == "POST" else None
        answer = self._ask(method, path, body)
        return answer.status, answer.headers.get("Location", "") or answer.data.decode()

    def signed(self, fields: dict[str, str]) -> dict[str, str]:
        """The fields with the proof that they come from this person's browser."""
        if settings.CSRF_COOKIE_NAME not in self.cookies:
            self.get("/admin/password_change/")
        return {"csrfmiddlewaretoken": self.cookies[settings.CSRF_COOKIE_NAME], **fields}

    def _send(self, method: str, path: str, body: str | None = None) -> str:
        answer = self._ask(method, path, body)
        if answer.status == 302:
            return self.get(answer.headers["Location"])
        return answer.data.decode()

    def _ask(self, method: str, path: str, body: str | None = None) -> urllib3.BaseHTTPResponse:
        headers = {
            "Cookie": "; ".join(f"{name}={value}" for name, value in self.cookies.items()),
            "Referer": self.url + path,
        }
        if self.address:
            headers["X-Forwarded-For"] = self.address
        if body is not None:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        answer = http.request(method, self.url + path, body=body, headers=headers, redirect=False)
        for cookie in answer.headers.getlist("Set-Cookie"):
            name, _, value = cookie.partition(";")[0].partition("=")
            self.cookies[name] = value
        return answer
