"""How often the bank was asked since it started: to be held against how often it really did the work."""

from collections import Counter, OrderedDict

# Per reference only the latest are remembered, so that a long run does not fill the memory.
REFERENCES_KEPT = 100_000


class CallCounter:
    def __init__(self) -> None:
        self._total: Counter[str] = Counter()
        self._by_reference: OrderedDict[str, Counter[str]] = OrderedDict()

    def add(self, kind: str, reference: str) -> None:
        self._total[kind] += 1
        self._by_reference.setdefault(reference, Counter())[kind] += 1
        self._by_reference.move_to_end(reference)
        if len(self._by_reference) > REFERENCES_KEPT:
            self._by_reference.popitem(last=False)

    def counts(self, reference: str | None) -> dict[str, int]:
        if reference is None:
            return dict(self._total)
        return dict(self._by_reference.get(reference, Counter()))
