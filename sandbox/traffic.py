"""Customers and thieves by the dozen, each with a label: whoever wants to know what a gateway's risk rules are worth
lets these pay and looks at whom they stopped. The same seed makes the same people.

They know nothing of the rules. Honest ones share addresses and mistype; thieves hurry.
"""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

HONEST = "honest shoppers"
TESTING = "card testing"
STOLEN = "stolen cards, growing amounts"
TAKEN_OVER = "taken over accounts"
PATTERNS = (HONEST, TESTING, STOLEN, TAKEN_OVER)
# Digits nine to twelve of a card that its bank declines; see `sandbox/cards.py`.
DEAD, ALIVE = "0002", "1111"
ISSUERS = [f"4{number:05d}" for number in range(53017, 53017 + 12 * 811, 811)]


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try at a payment, by somebody at an address of the loopback network."""

    ip: str
    email: str
    device: str
    amount: int
    card: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Journey:
    """What one person does, one after the other."""

    pattern: str
    attempts: Sequence[Attempt]


class Town:
    """People, their cards and where they sit."""

    def __init__(self, seed: int) -> None:
        self.dice = random.Random(seed)  # noqa: S311 # nothing here is a secret
        self._number = 0

    def journeys(self, honest: int) -> list[Journey]:
        """Everybody, in the order in which they come."""
        people = [
            *self._shoppers(honest),
            *(self._tester() for _ in range(max(honest // 60, 2))),
            *(self._thief() for _ in range(max(honest // 30, 3))),
            *(self._hijacker() for _ in range(max(honest // 40, 2))),
        ]
        self.dice.shuffle(people)
        return people

    def _shoppers(self, number: int) -> Iterator[Journey]:
        office = [self._place() for _ in range(max(number // 60, 1))]
        for _ in range(number):
            # One in six sits behind an address that many share.
            ip = self.dice.choice(office) if self.dice.random() < 1 / 6 else self._place()
            yield Journey(HONEST, list(self._purchases(ip)))

    def _purchases(self, ip: str) -> Iterator[Attempt]:
        email, device = self._email(), self._device()
        # One card in fifteen has no money left; its owner tries it once more, then takes another.
        cards = [self._card(alive=self.dice.random() > 1 / 15)]
        for _ in range(self.dice.choice([1, 1, 1, 1, 2, 2, 3, 5])):
            amount = int(self.dice.lognormvariate(8.2, 0.8)) + 100
            yield Attempt(ip, email, device, amount, cards[-1])
            if cards[-1][8:12] == DEAD:
                yield Attempt(ip, email, device, amount, cards[-1])
                cards.append(self._card(alive=True))
                yield Attempt(ip, email, device, amount, cards[-1])
            elif self.dice.random() < 1 / 10:
                cards.append(self._card(alive=True))

    def _tester(self) -> Journey:
        """Guessed numbers of one issuer, small amounts, from few addresses; one in eight is somebody's card."""
        issuer, places = self.dice.choice(ISSUERS), [self._place() for _ in range(3)]
        return Journey(
            TESTING,
            [
                Attempt(
                    self.dice.choice(places),
                    self._email(),
                    "",
                    self.dice.randint(100, 500),
                    self._card(alive=self.dice.random() < 1 / 8, issuer=issuer),
                )
                for _ in range(40)
            ],
        )

    def _thief(self) -> Journey:
        """One card that works, for as much as it gives before its owner notices."""
        ip, email, device, card = self._place(), self._email(), self._device(), self._card(alive=True)
        amount, attempts = self.dice.randint(15_00, 40_00), []
        for _ in range(7):
            attempts.append(Attempt(ip, email, device, amount, card))
            amount = int(amount * self.dice.uniform(1.7, 2.6))
        return Journey(STOLEN, attempts)

    def _hijacker(self) -> Journey:
        """Somebody else's account, one browser behind many addresses, and a handful of bought cards."""
        email, device = self._email(), self._device()
        return Journey(
            TAKEN_OVER,
            [
                Attempt(
                    self._place(),
                    email,
                    device,
                    self.dice.randint(80_00, 300_00),
                    self._card(alive=self.dice.random() < 2 / 3),
                )
                for _ in range(10)
            ],
        )

    def _place(self) -> str:
        return f"127.{self.dice.randint(1, 250)}.{self.dice.randint(0, 250)}.{self.dice.randint(1, 250)}"

    def _email(self) -> str:
        self._number += 1
        return f"{self.dice.choice(['ada', 'ben', 'cleo', 'dan'])}{self._number}@example.com"

    def _device(self) -> str:
        return f"rse_{self.dice.getrandbits(64):016x}"

    def _card(self, *, alive: bool, issuer: str = "") -> str:
        account = f"{self.dice.randint(0, 99):02d}{ALIVE if alive else DEAD}{self.dice.randint(0, 999):03d}"
        return with_check_digit((issuer or self.dice.choice(ISSUERS)) + account)


def with_check_digit(digits: str) -> str:
    """By Luhn."""
    doubled = [sum(divmod(int(digit) * 2, 10)) for digit in digits[-1::-2]]
    plain = [int(digit) for digit in digits[-2::-2]]
    return digits + str(-(sum(doubled) + sum(plain)) % 10)
