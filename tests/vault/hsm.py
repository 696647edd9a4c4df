"""SoftHSM2, an HSM made of software, in a folder of the test's own."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

MODULE = next(
    (
        path
        for path in (Path("/usr/lib/softhsm/libsofthsm2.so"), Path("/usr/lib64/pkcs11/libsofthsm2.so"))
        if path.is_file()
    ),
    Path("/nowhere/libsofthsm2.so"),
)
TOKEN = "tollgate"
PIN = "the pin of the tests"


def environment(folder: Path) -> dict[str, str]:
    """What the vault needs to find it, whether or not a test has made one."""
    return {
        "SOFTHSM2_CONF": str(folder / "softhsm2.conf"),
        "VAULT_PKCS11_MODULE": str(MODULE),
        "VAULT_PKCS11_TOKEN": TOKEN,
        "VAULT_PKCS11_PIN": PIN,
    }


def make_token(folder: Path) -> Path:
    """The folder that is the token: away, the HSM is unplugged."""
    program = shutil.which("softhsm2-util")
    if program is None or not MODULE.is_file():
        needed = pytest.fail if os.environ.get("TOLLGATE_REQUIRE_HSM") else pytest.skip
        needed("there is no SoftHSM2 here (Debian: softhsm2)")
    tokens = folder / "hsm-tokens"
    tokens.mkdir()
    (folder / "softhsm2.conf").write_text(f"directories.tokendir = {tokens}\nlog.level = ERROR\n")
    line = f"{program} --init-token --free --label {TOKEN} --so-pin 12345678 --pin".split()
    subprocess.run(
        [*line, PIN], env=os.environ | environment(folder), check=True, capture_output=True, timeout=60
    )
    return tokens
