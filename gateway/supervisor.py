"""`make run`: the whole system on one machine, from an empty folder, with one command and one log.

Serves development and trials. It imports no Django: what needs Django is a process that it starts.
"""

import json
import os
import resource
import secrets
import signal
import sys
from collections.abc import Mapping
from pathlib import Path
from types import FrameType
from urllib.parse import unquote, urlsplit

from gateway.addresses import HOST, free_port, port_is_free
from gateway.child import CannotStart
from gateway.data_folder import (
    base62,
    kept_secret,
    lock,
    private_folder,
    vault_keys,
    write_environment,
    write_private,
)
from gateway.embedded import EmbeddedPostgres, EmbeddedValkey
from gateway.plan import STOP_ORDER, Plan, Ports, Secrets, Store
from gateway.provisioning import Account, ensure_account
from gateway.runner import Runner
from gateway.terminal import Terminal

DEFAULT_PORT = 8000
# One web process and its threads can hold some thousand connections.
OPEN_FILES = 65536


def main() -> int:
    terminal = Terminal()
    supervisor = Supervisor(os.environ, terminal)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        # nohup means what it says; but SIGINT is ignored in whatever a script starts in the background.
        if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, supervisor.on_signal)
    try:
        supervisor.run()
    except CannotStart as error:
        supervisor.stop()
        terminal.say(str(error))
        return 1
    except KeyboardInterrupt:
        terminal.say("Stopping. Once more stops without waiting.")
        supervisor.stop()
        terminal.say("Stopped. `make run` goes on with the same data.")
    finally:
        supervisor.stop()
    return 0


class Supervisor:
    def __init__(self, options: Mapping[str, str], terminal: Terminal) -> None:
        self.options = {name: value for name, value in options.items() if value}
        self.terminal = terminal
        self.runner = Runner(terminal)
        self.postgres: EmbeddedPostgres | None = None
        self.stopping = False

    def run(self) -> None:
        """Never returns: it ends by CannotStart or KeyboardInterrupt."""
        web, second_bank = self._given_ports()
        self._check_given_servers()
        data_dir = Path(self.options.get("DATA_DIR", ".data")).resolve()
        lock(data_dir)
        _allow_many_connections()
        plan = self._plan(data_dir, web, second_bank)
        write_down(plan)
        self.runner.bring_up(plan.children())
        self.terminal.show(welcome(plan, self.runner.output("demo")))
        self.runner.watch()

    def on_signal(self, number: int, frame: FrameType | None) -> None:
        if self.stopping:
            self.runner.kill()
            return
        self.stopping = True
        raise KeyboardInterrupt

    def stop(self) -> None:
        self.stopping = True
        self.terminal.busy([])
        self.runner.stop(STOP_ORDER)

    def _given_ports(self) -> tuple[int, int | None]:
        """The web's, and the second bank's where it was chosen: both usable."""
        web = self._given_port("PORT") or self._checked_port("PORT", DEFAULT_PORT)
        second_bank = self._given_port("SANDBOX_TWO_PORT")
        if second_bank == web:
            raise CannotStart(f"SANDBOX_TWO_PORT and PORT are both {web}: set one of them to another.")
        return web, second_bank

    def _given_port(self, variable: str) -> int | None:
        given = self.options.get(variable)
        if given is None:
            return None
        if not given.isdigit() or not 0 < int(given) < 65536:
            raise CannotStart(f"{variable} must be a number from 1 to 65535, not {given!r}.")
        return self._checked_port(variable, int(given))

    def _checked_port(self, variable: str, port: int) -> int:
        if not port_is_free(port):
            raise CannotStart(
                f"Port {port} on {HOST} is taken: stop what uses it, or set {variable} to another one."
            )
        return port

    def _check_given_servers(self) -> None:
        for ours, vaults in (("DATABASE_URL", "VAULT_DATABASE_URL"), ("REDIS_URL", "VAULT_REDIS_URL")):
            if (ours in self.options) != (vaults in self.options):
                given, missing = (ours, vaults) if ours in self.options else (vaults, ours)
                raise CannotStart(f"{given} is set, so set {missing} too: the vault keeps its data apart.")

    def _plan(self, data_dir: Path, web: int, second_bank: int | None) -> Plan:
        """Starts the servers that were not given: the plan tells our own processes where they are."""
        redis_url, broker_url, vault_redis_url = self._caches()
        return Plan(
            data_dir=data_dir,
            ports=choose_ports(web, second_bank),
            gateway=self._store(data_dir, "tollgate", "tollgate", "DATABASE_URL", redis_url),
            broker_url=broker_url,
            vault=self._store(data_dir, "tollgate_vault", "vault", "VAULT_DATABASE_URL", vault_redis_url),
            secrets=kept_secrets(data_dir),
            options=self.options,
        )

    def _caches(self) -> tuple[str, str, str]:
        if "REDIS_URL" in self.options:
            redis_url = self.options["REDIS_URL"]
            return (
                redis_url,
                self.options.get("CELERY_BROKER_URL", redis_url),
                self.options["VAULT_REDIS_URL"],
            )
        valkey, vault_valkey = EmbeddedValkey(), EmbeddedValkey("vault-valkey", max_memory="64mb")
        self.runner.embed(valkey, "Starting Valkey")
        self.runner.embed(vault_valkey, "Starting the vault's Valkey")
        return valkey.url(0), self.options.get("CELERY_BROKER_URL", valkey.url(1)), vault_valkey.url(0)

    def _store(self, data_dir: Path, database: str, role: str, variable: str, redis_url: str) -> Store:
        if variable in self.options:
            url = self.options[variable]
            owner_url = self.options.get(variable.replace("DATABASE_URL", "DATABASE_OWNER_URL"), url)
            return Store(url, owner_url, unquote(urlsplit(url).username or ""), redis_url)
        server = self._postgres(data_dir)
        owner, application = f"{role}_owner", f"{role}_app"
        account = Account(
            *(database, owner, kept_secret(data_dir, owner, secrets.token_urlsafe)),
            *(application, kept_secret(data_dir, application, secrets.token_urlsafe)),
        )
        ensure_account(server, account)
        return Store(account.application_url(server), account.owner_url(server), application, redis_url)

    def _postgres(self, data_dir: Path) -> EmbeddedPostgres:
        if self.postgres is None:
            self.postgres = EmbeddedPostgres(data_dir)
            self.runner.embed(self.postgres, "Starting PostgreSQL")
        return self.postgres


def choose_ports(web: int, second_bank: int | None) -> Ports:
    """Those that were not given are the next free ones after the web's."""
    taken = {web} if second_bank is None else {web, second_bank}

    def next_port() -> int:
        port = free_port(near=web + 1, taken=frozenset(taken))
        taken.add(port)
        return port

    return Ports(web, next_port(), next_port(), second_bank or next_port())


def kept_secrets(data_dir: Path) -> Secrets:
    """Made at the first start; later ones find the same, so that keys pasted somewhere keep working."""
    return Secrets(
        gateway_key=kept_secret(data_dir, "secret_key", secrets.token_urlsafe),
        vault_key=kept_secret(data_dir, "vault_secret_key", secrets.token_urlsafe),
        shared=kept_secret(data_dir, "vault_shared_secret", secrets.token_urlsafe),
        notifications=kept_secret(data_dir, "sandbox_notify_secret", secrets.token_urlsafe),
        demo_secret_key=kept_secret(data_dir, "demo_secret_key", lambda: f"sk_test_{base62(24)}"),
        demo_publishable_key=kept_secret(data_dir, "demo_publishable_key", lambda: f"pk_test_{base62(24)}"),
        console_password=kept_secret(data_dir, "console_password", lambda: base62(16)),
    )


def write_down(plan: Plan) -> None:
    """What the processes expect to find, and by what a command in another terminal finds them."""
    for name in ("vault", "sandbox", "beat"):
        private_folder(plan.data_dir / name)
    if not plan.key_file.exists():
        write_private(plan.key_file, vault_keys())
    gateway = plan.gateway_environment() | {"DATABASE_OWNER_URL": plan.gateway.owner_url}
    vault = plan.vault_environment() | {"VAULT_DATABASE_OWNER_URL": plan.vault.owner_url}
    write_environment(plan.data_dir / "environment", gateway)
    write_environment(plan.data_dir / "vault" / "environment", vault)


def welcome(plan: Plan, demo_output: list[str]) -> str:
    """The last thing a start says: where everything is, and a charge to paste."""
    demo = json.loads(demo_output[-1])
    keys, console = demo["keys"], demo["console"]
    second_bank = f" and {plan.second_bank_url}" if plan.second_bank_url else ""
    return f"""
  Tollgate is up.

  API          {plan.public_url}/v1
  Console      {plan.public_url}/admin/    {console["user"]} / {console["password"]}
  Checkout     {demo["checkout"]}    a page to pay at
  Vault        http://{HOST}:{plan.ports.vault}
  Sandbox bank {plan.bank_url}{second_bank}
  Demo keys    {keys["sk_test"]}
               {keys["pk_test"]}

  Charge a card:

curl {plan.public_url}/v1/charges -u {keys["sk_test"]}: \\
  -H "Idempotency-Key: $(date +%s%N)" \\
  -d amount=2000 -d currency=usd -d source=tok_visa

  Ctrl-C stops everything. The data stays in {plan.data_dir}.
"""


def _allow_many_connections() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = OPEN_FILES if hard == resource.RLIM_INFINITY else min(OPEN_FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


if __name__ == "__main__":
    sys.exit(main())
