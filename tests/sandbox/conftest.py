"""One bank for each module; what is set at it never outlives its test."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.sandbox.bank_process import SandboxBank


@pytest.fixture(scope="module")
def module_bank(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SandboxBank]:
    bank = SandboxBank(tmp_path_factory.mktemp("bank of this module"))
    bank.start()
    try:
        yield bank
    finally:
        bank.stop()


@pytest.fixture
def bank(module_bank: SandboxBank) -> Iterator[SandboxBank]:
    """A running bank without faults. Its books hold what earlier tests did: use fresh references."""
    yield module_bank
    module_bank.behave()


@pytest.fixture
def own_bank(tmp_path: Path) -> Iterator[SandboxBank]:
    """A bank with empty books that the test may stop, kill and start again."""
    bank = SandboxBank(tmp_path)
    bank.start()
    try:
        yield bank
    finally:
        bank.stop()
