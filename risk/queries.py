"""Reads what rules and pages need to know."""


def list_keys() -> frozenset[str]:
    """The keys of the lists that rules may ask for."""
    return frozenset()
