"""The sandbox bank's control side, for tests: make it misbehave, and count what it really did."""

from typing import Any, Literal

import urllib3

http = urllib3.PoolManager(timeout=10)

Mode = Literal["normal", "duplicated", "late", "out_of_order", "lost", "before_answer"]
# The bank's own, when nobody has changed it.
REFUND_FAILS_AFTER_SECONDS = 2.0


class Bank:
    def __init__(self, url: str) -> None:
        self.url = url

    def behave(self) -> None:
        """As if no test had been here."""
        self.clear_faults()
        self.notify("normal")
        self.refunds_fail_after(REFUND_FAILS_AFTER_SECONDS)

    def fault(self, fault: str, *, match: dict[str, Any] | None = None, **more: Any) -> str:
        body = {"fault": fault, "match": match or {}, **more}
        answer = http.request("POST", f"{self.url}/control/faults", json=body)
        assert answer.status == 200, answer.data
        return str(answer.json()["id"])

    def clear_faults(self) -> None:
        http.request("DELETE", f"{self.url}/control/faults")

    def notify(self, mode: Mode, **more: float) -> None:
        """How the next notifications go out: `seconds` for late ones, `times` for so many only."""
        answer = http.request("POST", f"{self.url}/control/notifications", json={"mode": mode, **more})
        assert answer.status == 200, answer.data

    def notifications(self, reference: str = "", *, limit: int = 1000) -> list[dict[str, Any]]:
        """What was and will be sent, the newest first; `reference` is our operation's id."""
        query = f"&reference={reference}" if reference else ""
        answer = http.request("GET", f"{self.url}/control/notifications?limit={limit}{query}")
        found: list[dict[str, Any]] = answer.json()["notifications"]
        return found

    def refunds_fail_after(self, seconds: float) -> None:
        """For the card whose refunds come back."""
        body = {"refund_fails_after_seconds": seconds}
        assert http.request("POST", f"{self.url}/control/settings", json=body).status == 200

    def open_dispute(self, reference: str) -> dict[str, Any]:
        """The cardholder of that payment complains."""
        answer = http.request("POST", f"{self.url}/control/disputes", json={"reference": reference})
        assert answer.status == 200, answer.data
        opened: dict[str, Any] = answer.json()
        return opened

    def answer_challenge(self, redirect_url: str, outcome: Literal["succeed", "fail"]) -> tuple[int, str]:
        """What the cardholder's browser does: the status, and where it is sent then ("" where nowhere)."""
        answer = http.request(
            "POST", redirect_url, fields={"outcome": outcome}, encode_multipart=False, redirect=False
        )
        return answer.status, answer.headers.get("Location", "")

    def operation(self, reference: str) -> dict[str, Any] | None:
        """What the bank has under our reference."""
        answer = http.request(
            "GET", f"{self.url}/v1/operations/{reference}", headers={"Authorization": "Bearer sandbox"}
        )
        found: dict[str, Any] | None = answer.json() if answer.status == 200 else None
        return found

    def counts(self, reference: str = "") -> dict[str, Any]:
        query = f"?reference={reference}" if reference else ""
        counts: dict[str, Any] = http.request("GET", f"{self.url}/control/counts{query}").json()
        return counts

    def operations(self, limit: int = 100) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = http.request(
            "GET", f"{self.url}/control/operations?limit={limit}"
        ).json()["operations"]
        return found
