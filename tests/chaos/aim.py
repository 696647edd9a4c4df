"""Which history comes next: one at the cell that was met least so far. Each cell has seeds of its own, so a seed
alone still says what its history is."""

from collections import Counter

from tests.chaos.cells import Cell, every_cell
from tests.chaos.history import cell_of

# A cell that was tried in vain is tried again sooner than one that was met is met again, and not for ever.
TRIES_PER_MEETING = 4


class Aim:
    def __init__(self, first_seed: int, met_before: Counter[Cell]) -> None:
        count = len(every_cell())
        self._next = {cell_of(seed): seed for seed in range(first_seed, first_seed + count)}
        self._step = count
        self._met = Counter(met_before)
        self._tries: Counter[Cell] = Counter()

    def next_seed(self) -> int:
        """The first of all is the one that was given, unless its cell was met in an earlier run."""
        cell = min(self._next, key=lambda cell: (self._done(cell), self._next[cell]))
        seed = self._next[cell]
        self._next[cell] += self._step
        self._tries[cell] += 1
        return seed

    def met(self, cells: list[Cell]) -> None:
        self._met.update(cells)

    def _done(self, cell: Cell) -> int:
        return TRIES_PER_MEETING * self._met[cell] + self._tries[cell]
