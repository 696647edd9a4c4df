"""What the person at the terminal must change is told in one line, before any work is done."""

import fcntl
import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from gateway.child import Child
from gateway.plan import ROOT, Plan, Ports, Secrets, Store
from gateway.supervisor import choose_ports, kept_secrets, welcome, write_down

SECRETS = Secrets(
    gateway_key="gateway-key",
    vault_key="vault-key",
    shared="shared",
    notifications="notify-secret",
    demo_secret_key="sk_test_demo",
    demo_publishable_key="pk_test_demo",
    console_password="console-password",
)


def test_taken_port_is_one_clear_line(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert refusal(DATA_DIR=str(tmp_path / "data"), PORT=str(port)) == (
            f"Port {port} on 127.0.0.1 is taken: stop what uses it, or set PORT to another one."
        )
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize("port", ["no", "0", "65536", "-1"])
def test_port_that_is_none_is_one_clear_line(tmp_path: Path, port: str) -> None:
    said = refusal(DATA_DIR=str(tmp_path), PORT=port)
    assert said == f"PORT must be a number from 1 to 65535, not {port!r}."


def test_data_folder_in_use_is_one_clear_line(tmp_path: Path) -> None:
    with (tmp_path / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        lock.write("4711")
        lock.flush()
        said = refusal(DATA_DIR=str(tmp_path), PORT=free_port())
    assert (
        said == f"{tmp_path} is in use by another Tollgate (process 4711): stop it, or set another DATA_DIR."
    )


@pytest.mark.parametrize(
    ("given", "missing"),
    [
        ("DATABASE_URL", "VAULT_DATABASE_URL"),
        ("VAULT_DATABASE_URL", "DATABASE_URL"),
        ("REDIS_URL", "VAULT_REDIS_URL"),
    ],
)
def test_server_given_to_one_side_only_is_one_clear_line(tmp_path: Path, given: str, missing: str) -> None:
    said = refusal(DATA_DIR=str(tmp_path), PORT=free_port(), **{given: "somewhere://else"})
    assert said == f"{given} is set, so set {missing} too: the vault keeps its data apart."


def test_gateways_processes_learn_nothing_that_opens_the_vault(tmp_path: Path) -> None:
    plan = make_plan(tmp_path)
    for child in plan.children():
        if not child.name.startswith("vault"):
            known = " ".join([*child.environment.values(), *child.command])
            assert "vault-key" not in known
            assert "vault-database" not in known
            assert "vault-redis" not in known
            assert "keys.json" not in known


def test_vault_learns_nothing_of_the_gateways_database_and_sessions(tmp_path: Path) -> None:
    for child in make_plan(tmp_path).children():
        if child.name.startswith("vault"):
            known = " ".join([*child.environment.values(), *child.command])
            assert "gateway-key" not in known
            assert "gateway-database" not in known
            assert "gateway-redis" not in known


def test_only_who_prepares_a_database_learns_its_owners_password(tmp_path: Path) -> None:
    knowing = {child.name for child in make_plan(tmp_path).children() if "-owner" in str(child.environment)}
    assert knowing == {"prepare", "vault-prepare"}


def test_banks_learn_only_what_they_sign_notifications_with(tmp_path: Path) -> None:
    for bank in banks(make_plan(tmp_path)):
        assert set(bank.environment) == {
            "PYTHONUNBUFFERED",
            "TOLLGATE_SUPERVISED",
            "SANDBOX_NOTIFY_SECRET",
        }
        assert bank.environment["SANDBOX_NOTIFY_SECRET"] == "notify-secret"


def test_two_banks_have_their_own_port_their_own_file_and_notify_under_their_own_name(tmp_path: Path) -> None:
    one, two = banks(make_plan(tmp_path))
    assert options(one.command) == {
        "--port": "8002",
        "--data": str(tmp_path / "sandbox" / "bank.sqlite3"),
        "--notify-url": "http://127.0.0.1:8000/notifications/sandbox",
    }
    assert options(two.command) == {
        "--port": "8003",
        "--data": str(tmp_path / "sandbox" / "bank-two.sqlite3"),
        "--notify-url": "http://127.0.0.1:8000/notifications/sandbox_two",
    }


def test_gateway_and_vault_hear_of_both_banks(tmp_path: Path) -> None:
    plan = make_plan(tmp_path)
    gateway = plan.gateway_environment()
    assert gateway["SANDBOX_BANK_URL"] == "http://127.0.0.1:8002"
    assert gateway["SANDBOX_TWO_BANK_URL"] == "http://127.0.0.1:8003"
    assert gateway["SANDBOX_NOTIFY_SECRET"] == "notify-secret"
    origins = plan.vault_environment()["VAULT_FORWARD_ORIGINS"]
    assert origins == "http://127.0.0.1:8002,http://127.0.0.1:8003"


def test_one_bank_is_enough(tmp_path: Path) -> None:
    plan = make_plan(tmp_path, second_bank_port=None)
    assert [bank.name for bank in banks(plan)] == ["sandbox"]
    assert plan.gateway_environment()["SANDBOX_TWO_BANK_URL"] == ""
    assert plan.vault_environment()["VAULT_FORWARD_ORIGINS"] == "http://127.0.0.1:8002"


@pytest.mark.parametrize(
    ("given", "origin"),
    [({}, "https://api.stripe.com"), ({"STRIPE_PROCESSOR_URL": "http://127.0.0.1:9"}, "http://127.0.0.1:9")],
)
def test_stripe_is_a_processor_where_it_has_a_key(tmp_path: Path, given: dict[str, str], origin: str) -> None:
    without = make_plan(tmp_path, options=given)
    assert origin not in without.vault_environment()["VAULT_FORWARD_ORIGINS"]
    plan = make_plan(tmp_path, options={"STRIPE_PROCESSOR_KEY": "sk_test_1", **given})
    assert plan.gateway_environment()["STRIPE_PROCESSOR_KEY"] == "sk_test_1"
    assert plan.vault_environment()["VAULT_FORWARD_ORIGINS"].endswith(f",{origin}")
    assert "sk_test_1" not in plan.vault_environment().values()


def test_ports_are_the_next_free_ones_but_for_what_was_chosen() -> None:
    web = 20_000
    chosen = choose_ports(web, 20_001)
    assert chosen.sandbox_two == 20_001
    for ports in (chosen, choose_ports(web, None)):
        assert web < ports.vault < ports.sandbox
        assert len({ports.web, ports.vault, ports.sandbox, ports.sandbox_two}) == 4


def test_second_banks_port_that_is_the_gateways_is_one_clear_line(tmp_path: Path) -> None:
    port = free_port()
    said = refusal(DATA_DIR=str(tmp_path), PORT=port, SANDBOX_TWO_PORT=port)
    assert said == f"SANDBOX_TWO_PORT and PORT are both {port}: set one of them to another."


def test_taken_port_of_the_second_bank_is_one_clear_line(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        said = refusal(DATA_DIR=str(tmp_path / "data"), PORT=free_port(), SANDBOX_TWO_PORT=str(port))
    assert said == (
        f"Port {port} on 127.0.0.1 is taken: stop what uses it, or set SANDBOX_TWO_PORT to another one."
    )


def test_no_secret_stands_on_a_command_line(tmp_path: Path) -> None:
    for child in make_plan(tmp_path).children():
        words = ("key", "password", "sk_test", "notify-secret")
        assert not {word for word in child.command if any(secret in word for secret in words)}


def test_everything_that_is_waited_for_is_started(tmp_path: Path) -> None:
    children = make_plan(tmp_path).children()
    assert {name for child in children for name in child.after} <= {child.name for child in children}


def test_application_that_owns_its_tables_is_granted_nothing(tmp_path: Path) -> None:
    assert make_plan(tmp_path).gateway.granted == ("tollgate_app",)
    assert make_plan(tmp_path, owner_url="gateway-database").gateway.granted == ()


def test_own_settings_reach_the_side_they_are_meant_for(tmp_path: Path) -> None:
    plan = make_plan(
        tmp_path, options={"DATABASE_POOL_SIZE": "5", "VAULT_ALLOWED_HOSTS": "v", "HOME_MADE": "1"}
    )
    assert plan.gateway_environment()["DATABASE_POOL_SIZE"] == "5"
    assert plan.vault_environment()["VAULT_ALLOWED_HOSTS"] == "v"
    assert "HOME_MADE" not in plan.gateway_environment() | plan.vault_environment()
    assert "VAULT_ALLOWED_HOSTS" not in plan.gateway_environment()


def test_secrets_are_made_once_and_only_the_owner_reads_what_is_written(tmp_path: Path) -> None:
    first = kept_secrets(tmp_path)
    write_down(make_plan(tmp_path))
    assert kept_secrets(tmp_path) == first
    keys = (tmp_path / "vault" / "keys.json").read_text()
    write_down(make_plan(tmp_path))
    assert (tmp_path / "vault" / "keys.json").read_text() == keys
    for path in tmp_path.rglob("*"):
        assert path.stat().st_mode & 0o077 == 0, path


def test_command_in_another_terminal_finds_each_side_in_a_file_of_its_own(tmp_path: Path) -> None:
    write_down(make_plan(tmp_path))
    gateway = (tmp_path / "environment").read_text()
    vault = (tmp_path / "vault" / "environment").read_text()
    assert "DATABASE_URL=gateway-database\n" in gateway
    assert "vault-database" not in gateway
    assert "VAULT_DATABASE_URL=vault-database\n" in vault
    assert "gateway-database" not in vault


def test_welcome_ends_with_three_lines_that_a_shell_understands(tmp_path: Path) -> None:
    keys = {"sk_test": "sk_test_x", "pk_test": "pk_test_x"}
    demo = json.dumps(
        {"keys": keys, "checkout": "http://x/checkout/cs_1", "console": {"user": "u", "password": "p"}}
    )
    text = welcome(make_plan(tmp_path), ["a warning", demo])
    start = text.index("curl ")
    charge = text[start : text.index("\n\n", start)]
    assert charge.count("\n") == 2
    shown = subprocess.run(
        ["bash", "-c", f'curl() {{ printf "%s\\n" "$@"; }}\n{charge}'],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()
    assert shown[:3] == ["http://127.0.0.1:8000/v1/charges", "-u", "sk_test_x:"]
    assert shown[-1] == "source=tok_visa"


def banks(plan: Plan) -> list[Child]:
    return [child for child in plan.children() if child.name.startswith("sandbox")]


def options(command: tuple[str, ...]) -> dict[str, str]:
    """Those after `python -m sandbox`."""
    assert command[1:3] == ("-m", "sandbox")
    return dict(zip(command[3::2], command[4::2], strict=True))


def make_plan(
    folder: Path,
    *,
    owner_url: str = "gateway-database-owner",
    options: dict[str, str] | None = None,
    second_bank_port: int | None = 8003,
) -> Plan:
    return Plan(
        data_dir=folder,
        ports=Ports(8000, 8001, 8002, second_bank_port),
        gateway=Store("gateway-database", owner_url, "tollgate_app", "gateway-redis"),
        broker_url="gateway-redis-broker",
        vault=Store("vault-database", "vault-database-owner", "vault_app", "vault-redis"),
        secrets=SECRETS,
        options=options or {},
    )


def refusal(**environment: str) -> str:
    """What it says before it ends with 1: exactly one line."""
    surroundings = {"PATH": os.environ["PATH"], **environment}
    ended = subprocess.run(
        [sys.executable, "-m", "gateway.supervisor"],
        cwd=ROOT,
        env=surroundings,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (ended.returncode, ended.stderr) == (1, ""), ended.stderr
    (line,) = ended.stdout.splitlines()
    return line.partition("| ")[2]


def free_port() -> str:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return str(probe.getsockname()[1])
