"""A trained model as plain numbers, and how it is asked: without the library that trained it. Pure."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from risk.features import Facts, Feature

# How the numbers are read. A model names the number it was written by.
FORMAT = 1
HIGHEST_SCORE = 99
# A leaf, or the number of a feature, a limit, and where to go on up to it and above it.
Tree: TypeAlias = float | tuple[int, float, "Tree", "Tree"]


@dataclass(frozen=True, slots=True)
class Model:
    """Each tree says how much more or less likely fraud is, on top of `base`: as the logarithm of the odds. Safe to
    share between threads."""

    base: float
    features: tuple[Feature, ...]
    trees: tuple[Tree, ...]

    @classmethod
    def read(cls, stored: Mapping[str, Any]) -> "Model":
        """ValueError for one that this version can not ask."""
        if stored["format"] != FORMAT:
            raise ValueError(f"a model of format {stored['format']}; this version asks format {FORMAT}")
        features = tuple(Feature(**one) for one in stored["features"])
        return cls(stored["base"], features, tuple(_frozen(tree) for tree in stored["trees"]))

    def stored(self) -> dict[str, Any]:
        features = [feature.stored() for feature in self.features]
        return {"format": FORMAT, "base": self.base, "features": features, "trees": list(self.trees)}

    @property
    def reads(self) -> frozenset[str]:
        """The facts that it asks for."""
        return frozenset(path for feature in self.features for path in feature.reads)

    def probability(self, facts: Facts) -> float:
        """How likely the payment is fraud, from 0 to 1."""
        row = [feature.of(facts) for feature in self.features]
        odds = self.base
        for tree in self.trees:
            odds += _leaf(tree, row)
        return 1 / (1 + math.exp(-odds))

    def score(self, facts: Facts) -> int:
        return score_of(self.probability(facts))


def score_of(probability: float) -> int:
    """0 to 99: of a hundred payments like this one, how many are fraud."""
    return min(int(100 * probability), HIGHEST_SCORE)


def _leaf(tree: Tree, row: Sequence[int]) -> float:
    while isinstance(tree, tuple):
        feature, limit, below, above = tree
        tree = below if row[feature] <= limit else above
    return tree


def _frozen(tree: Any) -> Tree:
    if isinstance(tree, list | tuple):
        feature, limit, below, above = tree
        return int(feature), float(limit), _frozen(below), _frozen(above)
    return float(tree)
