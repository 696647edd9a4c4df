"""`python -m sandbox.purses`: lets the people of `sandbox/traffic.py` pay at a gateway over HTTP, as browsers and
shops do, and prints what share of each kind was stopped. Needs live keys of a merchant of its own, at a gateway whose
live processor is a sandbox bank: test mode takes no cards but the test cards.
"""

import argparse
import http.client
import json
import sys
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Literal
from urllib.parse import urlencode, urlsplit
from uuid import uuid4

from sandbox.traffic import HONEST, PATTERNS, Attempt, Journey, Town

Fate = Literal["paid", "declined", "blocked", "challenged", "held"]
STOPPED: tuple[Fate, ...] = ("blocked", "challenged", "held")


@dataclass(frozen=True, slots=True)
class Shop:
    """Where they pay: the gateway's and the vault's address, and the shop's live keys."""

    api: str
    vault: str
    secret: str = field(repr=False)
    publishable: str = field(repr=False)

    def pay(self, attempt: Attempt) -> Fate:
        """As a browser at the attempt's address brings the card, and then the shop charges it."""
        card = {
            "card[number]": attempt.card,
            "card[exp_month]": 12,
            "card[exp_year]": 2040,
            "card[cvc]": "123",
        }
        _, token = _post(self.vault, "/v1/tokens", card, self.publishable, source=attempt.ip)
        wanted: dict[str, Any] = {
            "amount": attempt.amount,
            "currency": "usd",
            "source": token["id"],
            "receipt_email": attempt.email,
        }
        if attempt.device:
            wanted["radar_options[session]"] = attempt.device
        status, answer = _post(self.api, "/v1/charges", wanted, self.secret)
        if status == 200:
            return "held" if answer["review"] else "paid"
        error = answer["error"]
        if status != 402:
            raise RuntimeError(f"{status}: {error.get('message')}")
        if error.get("code") == "authentication_required":
            return "challenged"
        return "blocked" if error.get("decline_code") == "fraudulent" else "declined"


@dataclass(slots=True)
class Tally:
    """What became of one pattern."""

    people: int = 0
    stopped_people: int = 0
    fates: Counter[Fate] = field(default_factory=Counter)
    amount: int = 0
    taken: int = 0

    @property
    def attempts(self) -> int:
        return sum(self.fates.values())

    @property
    def stopped(self) -> int:
        return sum(self.fates[fate] for fate in STOPPED)


def let_pay(
    shop: Shop, journeys: Sequence[Journey], *, at_once: int = 6, progress: Callable[[], None] = lambda: None
) -> dict[str, Tally]:
    """Everybody pays, several at once; what became of them, by pattern."""
    tallies, lock = {pattern: Tally() for pattern in PATTERNS}, threading.Lock()

    def go(journey: Journey) -> None:
        fates = [(shop.pay(attempt), attempt.amount) for attempt in journey.attempts]
        with lock:
            tally = tallies[journey.pattern]
            tally.people += 1
            tally.stopped_people += any(fate in STOPPED for fate, _ in fates)
            tally.fates.update(fate for fate, _ in fates)
            tally.amount += sum(amount for _, amount in fates)
            tally.taken += sum(amount for fate, amount in fates if fate == "paid")
            progress()

    with ThreadPoolExecutor(at_once) as people:
        list(people.map(go, journeys))
    return tallies


def table(tallies: dict[str, Tally]) -> list[str]:
    """A line for each pattern: of thieves the share that was caught, of honest people the share that was stopped."""
    lines = [f"{'':32} {'people':>7} {'tries':>6} {'stopped':>8} {'money taken':>12}  what became of them"]
    for pattern, tally in tallies.items():
        share = 100 * tally.stopped / max(tally.attempts, 1)
        taken = 100 * tally.taken / max(tally.amount, 1)
        fates = ", ".join(f"{number} {fate}" for fate, number in sorted(tally.fates.items()))
        lines.append(
            f"{pattern:32} {tally.people:7} {tally.attempts:6} {share:6.1f} % {taken:10.1f} %  {fates}; "
            f"{tally.stopped_people} of {tally.people} people stopped"
        )
    thieves = [tally for pattern, tally in tallies.items() if pattern != HONEST]
    caught = 100 * sum(one.stopped for one in thieves) / max(sum(one.attempts for one in thieves), 1)
    honest = tallies[HONEST]
    wrong = 100 * honest.stopped / max(honest.attempts, 1)
    return [
        *lines,
        f"Caught: {caught:.1f} % of the attackers' tries. False positives: {wrong:.2f} % of honest ones.",
    ]


def _post(
    url: str, path: str, fields: dict[str, Any], key: str, *, source: str = "127.0.0.1"
) -> tuple[int, dict[str, Any]]:
    there = urlsplit(url)
    line = http.client.HTTPConnection(
        there.hostname or "", there.port, timeout=60, source_address=(source, 0)
    )
    headers = {
        "Authorization": f"Bearer {key}",
        "Content-Type": "application/x-www-form-urlencoded",
        "Idempotency-Key": str(uuid4()),
    }
    try:
        line.request("POST", path, urlencode(fields), headers)
        answer = line.getresponse()
        return answer.status, json.loads(answer.read())
    finally:
        line.close()


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m sandbox.purses", description=__doc__)
    for name in ("api", "vault", "secret", "publishable"):
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--honest", type=int, default=120)
    options = parser.parse_args()
    shop = Shop(options.api, options.vault, options.secret, options.publishable)
    told = table(let_pay(shop, Town(options.seed).journeys(options.honest)))
    sys.stdout.write("\n".join(told) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
