"""What `make run` runs, as data: each process with its command, the variables it may know, and what must be
ready before it. The gateway's processes never learn the vault's keys or database, nor the vault theirs."""

import functools
import os
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from gateway.addresses import HOST, answers
from gateway.child import Child

ROOT = Path(__file__).resolve().parent.parent
# More processes than this help nobody on a developer's machine, and each costs memory and time.
MOST_WORKERS = 4
# Made when they are needed: a slow bank holds a thread per charge in flight, and no database connection.
WEB_THREADS = 1024
VAULT_THREADS = 256
# Granian counts idle kept-alive connections too: a bound of the threads' number would shut new clients out.
MOST_CONNECTIONS = 8192
# Sixteen deliveries or polls at a time; what only helps several workers to know each other is off.
WORKER_OPTIONS = "--pool threads --concurrency 16 --without-gossip --without-mingle --without-heartbeat"
# Nobody is cut off from what it still needs to finish. Databases follow when all of these are gone.
STOP_ORDER = (("web",), ("worker", "beat"), ("vault", "sandbox", "sandbox-two"))

# What a person may set for the gateway beside the addresses below; the vault's own are VAULT_…
GATEWAY_OPTIONS = [
    "ALLOWED_HOSTS",
    "AUTHORIZATION_DAYS",
    "BOUNCES_MAILDIR",
    "BREAKER_MIN_FAILURES",
    "CHALLENGE_SECONDS",
    "DATABASE_POOL_SIZE",
    "EMAIL_FROM",
    "EMAIL_HOST",
    "EMAIL_HOST_PASSWORD",
    "EMAIL_HOST_PASSWORD_FILE",
    "EMAIL_HOST_USER",
    "EMAIL_PORT",
    "EMAIL_SECURITY",
    "FAULTS_DIR",
    "IDEMPOTENCY_KEEP_HOURS",
    "IDEMPOTENCY_LEASE_SECONDS",
    "KAFKA_BOOTSTRAP_SERVERS",
    "KAFKA_CA_FILE",
    "KAFKA_SASL_MECHANISM",
    "KAFKA_SASL_PASSWORD",
    "KAFKA_SASL_PASSWORD_FILE",
    "KAFKA_SASL_USERNAME",
    "KAFKA_SECURITY_PROTOCOL",
    "KAFKA_TOPIC_PREFIX",
    "LOG_FORMAT",
    "LOG_LEVEL",
    "METRICS_TOKEN",
    "METRICS_TOKEN_FILE",
    "PROCESSOR_TIMEOUT_SECONDS",
    "RATE_LIMIT_BROWSER",
    "RATE_LIMIT_KEY",
    "RATE_LIMIT_WRONG_KEYS",
    "STATIC_ROOT",
    "STRIPE_PROCESSOR_KEY",
    "STRIPE_PROCESSOR_URL",
    "STRIPE_PROCESSOR_WEBHOOK_SECRET",
    "VAULT_PUBLIC_URL",
]
VAULT_OPTIONS = [
    "FAULTS_DIR",
    "LOG_FORMAT",
    "LOG_LEVEL",
    "VAULT_ALLOWED_HOSTS",
    "VAULT_DATABASE_POOL_SIZE",
    "VAULT_RATE_LIMIT_CARDS",
    "VAULT_RATE_LIMIT_CARDS_OF_KEY",
    "VAULT_TRUSTED_PROXIES",
]


@dataclass(frozen=True)
class Ports:
    web: int
    vault: int
    sandbox: int
    # None: there is one bank only.
    sandbox_two: int | None = None


@dataclass(frozen=True)
class Store:
    """Where one side keeps its rows and what it may forget; the owner's URL is for migrations only."""

    url: str
    owner_url: str
    application: str
    redis_url: str

    @property
    def granted(self) -> tuple[str, ...]:
        """Nobody where the application works as the owner of its tables, as it may on a given server."""
        return () if self.owner_url == self.url else (self.application,)


@dataclass(frozen=True)
class Secrets:
    gateway_key: str
    vault_key: str
    shared: str
    notifications: str
    demo_secret_key: str
    demo_publishable_key: str
    console_password: str


@dataclass(frozen=True)
class Plan:
    """Everything that is known before the first of our own processes starts."""

    data_dir: Path
    ports: Ports
    gateway: Store
    broker_url: str
    vault: Store
    secrets: Secrets
    options: Mapping[str, str]

    @property
    def public_url(self) -> str:
        return self.options.get("PUBLIC_URL", f"http://{HOST}:{self.ports.web}")

    @property
    def bank_url(self) -> str:
        return self.options.get("SANDBOX_BANK_URL", f"http://{HOST}:{self.ports.sandbox}")

    @property
    def second_bank_url(self) -> str:
        """Empty where there is one bank only."""
        port = self.ports.sandbox_two
        return self.options.get("SANDBOX_TWO_BANK_URL", f"http://{HOST}:{port}" if port else "")

    @property
    def card_origins(self) -> str:
        """Where cards may be sent: to the processors that the gateway is told of."""
        urls = [self.bank_url, self.second_bank_url]
        if "STRIPE_PROCESSOR_KEY" in self.options:
            urls.append(self.options.get("STRIPE_PROCESSOR_URL", "https://api.stripe.com"))
        return ",".join(filter(None, urls))

    @property
    def notify_secret(self) -> str:
        """One for both banks: a notification only makes the gateway look, at the bank that it is addressed for."""
        return self.options.get("SANDBOX_NOTIFY_SECRET", self.secrets.notifications)

    @property
    def key_file(self) -> Path:
        return Path(self.options.get("VAULT_KEY_FILE", self.data_dir / "vault" / "keys.json"))

    def gateway_environment(self) -> dict[str, str]:
        return {
            "TOLLGATE_ENV": "development",
            **_chosen(self.options, GATEWAY_OPTIONS),
            "DATABASE_URL": self.gateway.url,
            "REDIS_URL": self.gateway.redis_url,
            "CELERY_BROKER_URL": self.broker_url,
            "EMAIL_FILE_PATH": str(self.data_dir / "mail"),
            "SECRET_KEY": self.secrets.gateway_key,
            "PUBLIC_URL": self.public_url,
            "VAULT_URL": f"http://{HOST}:{self.ports.vault}",
            "VAULT_SHARED_SECRET": self.secrets.shared,
            "SANDBOX_BANK_URL": self.bank_url,
            "SANDBOX_TWO_BANK_URL": self.second_bank_url,
            "SANDBOX_NOTIFY_SECRET": self.notify_secret,
        }

    def vault_environment(self) -> dict[str, str]:
        return {
            "TOLLGATE_ENV": "development",
            **_chosen(self.options, VAULT_OPTIONS),
            "VAULT_DATABASE_URL": self.vault.url,
            "VAULT_REDIS_URL": self.vault.redis_url,
            "VAULT_KEY_FILE": str(self.key_file),
            "VAULT_SHARED_SECRET": self.secrets.shared,
            "VAULT_SECRET_KEY": self.secrets.vault_key,
            "PUBLIC_URL": self.public_url,
            "VAULT_FORWARD_ORIGINS": self.options.get("VAULT_FORWARD_ORIGINS", self.card_origins),
        }

    def children(self) -> list[Child]:
        return [*self._preparation(), *self._services()]

    def _preparation(self) -> list[Child]:
        """Both databases at once, as their owners; then the demo's merchant."""
        gateway, vault = self.gateway_environment(), self.vault_environment()
        as_owner = gateway | {"DATABASE_URL": self.gateway.owner_url}
        as_vault_owner = vault | {"VAULT_DATABASE_URL": self.vault.owner_url}
        return [
            _step(
                "prepare",
                "Preparing the gateway's database",
                as_owner,
                ("manage.py", "prepare_database", *self.gateway.granted),
            ),
            _step(
                "vault-prepare",
                "Preparing the vault's database",
                as_vault_owner,
                ("-m", "vault", "prepare_database", *self.vault.granted),
            ),
            _step(
                "demo",
                "Seeding the demo merchant",
                gateway | self._demo_environment(),
                ("manage.py", "seed_demo"),
                after=("prepare", "vault"),
            ),
        ]

    def _services(self) -> list[Child]:
        banks = list(self._banks())
        return [
            *banks,
            _service(
                "vault",
                "Starting the vault",
                wsgi_server("vault.wsgi:application", self.ports.vault, workers=1, threads=VAULT_THREADS),
                self.vault_environment(),
                port=self.ports.vault,
                after=("vault-prepare",),
            ),
            _service(
                "web",
                "Starting the gateway",
                self._web_command(),
                self.gateway_environment(),
                port=self.ports.web,
                # Last, so that whoever hears from it can charge a card.
                after=("demo", "vault", *(bank.name for bank in banks)),
            ),
            self._celery("worker", WORKER_OPTIONS.split()),
            self._celery("beat", ["--schedule", str(self.data_dir / "beat" / "schedule")]),
        ]

    def _banks(self) -> Iterator[Child]:
        """The same program twice: as two banks that know nothing of each other."""
        yield self._bank("sandbox", "Opening the sandbox bank", self.ports.sandbox, "bank.sqlite3")
        if port := self.ports.sandbox_two:
            yield self._bank("sandbox-two", "Opening the second sandbox bank", port, "bank-two.sqlite3")

    def _bank(self, name: str, title: str, port: int, file: str) -> Child:
        data = str(self.data_dir / "sandbox" / file)
        # As the gateway's settings call it. To its own port, whatever stands before it and has the public name.
        processor = name.replace("-", "_")
        notify_url = f"http://{HOST}:{self.ports.web}/notifications/{processor}"
        options = ("--port", str(port), "--data", data, "--notify-url", notify_url)
        return _service(
            name,
            title,
            (sys.executable, "-m", "sandbox", *options),
            {"SANDBOX_NOTIFY_SECRET": self.notify_secret},
            port=port,
        )

    def _web_command(self) -> tuple[str, ...]:
        workers = int(self.options.get("WEB_WORKERS", min(os.cpu_count() or 1, MOST_WORKERS)))
        threads = int(self.options.get("WEB_THREADS", WEB_THREADS))
        return wsgi_server("gateway.wsgi:application", self.ports.web, workers=workers, threads=threads)

    def _celery(self, name: str, options: list[str]) -> Child:
        # After web, whose start somebody waits for. That root runs it here is no news to them.
        quiet = ("-W", "ignore:You're running the worker with superuser privileges")
        words = f"-m celery -q -A gateway {name} --loglevel WARNING".split()
        command = (sys.executable, *quiet, *words, *options)
        return _service(name, "", command, self.gateway_environment(), after=("web",))

    def _demo_environment(self) -> dict[str, str]:
        return {
            "DEMO_SECRET_KEY": self.secrets.demo_secret_key,
            "DEMO_PUBLISHABLE_KEY": self.secrets.demo_publishable_key,
            "DEMO_CONSOLE_PASSWORD": self.secrets.console_password,
        }


def wsgi_server(application: str, port: int, *, workers: int, threads: int) -> tuple[str, ...]:
    """Processes with many threads each; every thread may wait for a processor at the same time."""
    options = (
        f"--interface wsgi --host {HOST} --port {port} --workers {workers} --blocking-threads {threads} "
        f"--backpressure {MOST_CONNECTIONS} --backlog 4096 --http 1 --no-ws --log-level warning "
        "--respawn-failed-workers --workers-kill-timeout 3"
    )
    return (sys.executable, "-m", "granian", application, *options.split())


def _service(
    name: str,
    title: str,
    command: tuple[str, ...],
    environment: dict[str, str],
    *,
    port: int | None = None,
    after: tuple[str, ...] = (),
) -> Child:
    return Child(
        name,
        command,
        _python(environment),
        title=title,
        after=after,
        is_ready=functools.partial(answers, port, "/health") if port else None,
        folder=ROOT,
        # Threads cost little until they are used, and most of them wait.
        noise=("Configuration allows spawning up to",),
    )


def _step(
    name: str,
    title: str,
    environment: dict[str, str],
    arguments: tuple[str, ...],
    after: tuple[str, ...] = (),
) -> Child:
    command = (sys.executable, *arguments)
    return Child(name, command, _python(environment), title=title, after=after, once=True, folder=ROOT)


def _python(environment: dict[str, str]) -> dict[str, str]:
    return {**environment, "PYTHONUNBUFFERED": "1", "TOLLGATE_SUPERVISED": "1"}


def _chosen(options: Mapping[str, str], names: list[str]) -> dict[str, str]:
    return {name: options[name] for name in names if options.get(name)}
