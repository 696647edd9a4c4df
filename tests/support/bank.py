"""The sandbox bank's control side, for tests: make it misbehave, and count what it really did."""

from typing import Any

import urllib3

http = urllib3.PoolManager(timeout=10)


class Bank:
    def __init__(self, url: str) -> None:
        self.url = url

    def fault(self, fault: str, *, match: dict[str, Any] | None = None, **more: Any) -> str:
        body = {"fault": fault, "match": match or {}, **more}
        answer = http.request("POST", f"{self.url}/control/faults", json=body)
        assert answer.status == 200, answer.data
        return str(answer.json()["id"])

    def clear_faults(self) -> None:
        http.request("DELETE", f"{self.url}/control/faults")

    def counts(self, reference: str = "") -> dict[str, Any]:
        query = f"?reference={reference}" if reference else ""
        counts: dict[str, Any] = http.request("GET", f"{self.url}/control/counts{query}").json()
        return counts

    def operations(self, limit: int = 100) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = http.request(
            "GET", f"{self.url}/control/operations?limit={limit}"
        ).json()["operations"]
        return found
