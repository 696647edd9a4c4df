"""Settings come from the environment; a terminal beside `make run` finds them in its data folder."""

import os
from collections.abc import Mapping
from pathlib import Path

# What the application's role may not do.
OWNER_COMMANDS = frozenset({"migrate", "grant_application", "prepare_database"})

DEVELOPMENT_ONLY = "development-only-"
# Of 32 random ones twenty or more differ, in whatever alphabet they are written but hexadecimal, which has sixteen.
FEWEST_CHARACTERS = 8


def load_running_system(file: str) -> None:
    """Takes the variables that `make run` left in DATA_DIR/<file>, unless a database is already named."""
    if "DATABASE_URL" in os.environ or "VAULT_DATABASE_URL" in os.environ:
        return
    path = Path(os.environ.get("DATA_DIR", ".data")) / file
    if not path.is_file():
        return
    for line in path.read_text().splitlines():
        name, separator, value = line.partition("=")
        if separator:
            os.environ.setdefault(name, value)


def work_as_owner(variable: str, command: list[str]) -> None:
    """Gives commands that change tables or rights the owner's URL (`DATABASE_OWNER_URL` for `DATABASE_URL`)."""
    owner = os.environ.get(variable.replace("_URL", "_OWNER_URL"))
    if owner and OWNER_COMMANDS.intersection(command):
        os.environ[variable] = owner


def secret(name: str, *, development: bool) -> str:
    """A secret from the variable, or from the file that NAME_FILE names. Production refuses at start one that is
    missing, short, too simple, or that of development."""
    value = os.environ.get(name, "")
    if not value and (file := os.environ.get(f"{name}_FILE")):
        value = Path(file).read_text().strip()
    if development:
        return value or f"{DEVELOPMENT_ONLY}{name.lower()}"
    if len(value) < 32:
        raise SystemExit(
            f"{name} must be set to at least 32 characters (or {name}_FILE to a file with them)."
        )
    if len(set(value)) < FEWEST_CHARACTERS or value.startswith(DEVELOPMENT_ONLY):
        raise SystemExit(
            f"{name} can be guessed. Make one with: python -c 'import secrets; print(secrets.token_urlsafe(48))'"
        )
    return value


def positive(name: str, default: int) -> int:
    """A whole number above zero from the variable. Anything else is refused at start."""
    value = os.environ.get(name, str(default))
    if not value.isascii() or not value.isdigit() or int(value) == 0:
        raise SystemExit(f"{name} must be a whole number above zero, not {value!r}.")
    return int(value)


def whole_number(name: str, default: int | None) -> int:
    """A whole number, zero too, from the variable. Anything else, or none where there is no default, is refused at
    start."""
    value = os.environ.get(name, "" if default is None else str(default))
    if not value.isascii() or not value.isdigit():
        raise SystemExit(f"{name} must be a whole number, not {value!r}.")
    return int(value)


def optional_secret(name: str, environment: Mapping[str, str]) -> str:
    """Somebody else's secret, of any length, from the variable or from the file that NAME_FILE names; "" for none."""
    if file := environment.get(f"{name}_FILE"):
        return Path(file).read_text().strip()
    return environment.get(name, "")


# Our variables for librdkafka's options.
KAFKA_VARIABLES = {
    "KAFKA_BOOTSTRAP_SERVERS": "bootstrap.servers",
    "KAFKA_SECURITY_PROTOCOL": "security.protocol",
    "KAFKA_SASL_MECHANISM": "sasl.mechanism",
    "KAFKA_SASL_USERNAME": "sasl.username",
    "KAFKA_SASL_PASSWORD": "sasl.password",
    "KAFKA_CA_FILE": "ssl.ca.location",
}


def kafka_options(environment: Mapping[str, str]) -> dict[str, str]:
    """librdkafka's options for those of our variables that are set; a password may also come from a file."""
    options = {option: environment.get(name, "") for name, option in KAFKA_VARIABLES.items()}
    options["sasl.password"] = optional_secret("KAFKA_SASL_PASSWORD", environment)
    return {option: value for option, value in options.items() if value}
