"""Merkle trees as RFC 6962 has them: one hash that stands for a list, so that no element can be changed, left out,
added or moved without changing it. Pure."""

from collections.abc import Sequence
from hashlib import sha256

HASH_BYTES = 32
NOTHING = bytes(HASH_BYTES)


def leaf_hash(content: bytes) -> bytes:
    """Leaves and nodes are hashed apart, so that none can stand for the other."""
    return sha256(b"\0" + content).digest()


def root(leaves: Sequence[bytes]) -> bytes:
    """The hash of a list of leaf hashes; of none, the hash of nothing. A last one without a neighbour rises as it
    is."""
    if not leaves:
        return sha256(b"").digest()
    level = list(leaves)
    while len(level) > 1:
        above = [sha256(b"\1" + level[i] + level[i + 1]).digest() for i in range(0, len(level) - 1, 2)]
        if len(level) % 2:
            above.append(level[-1])
        level = above
    return level[0]
