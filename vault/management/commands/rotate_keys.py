"""`python -m vault rotate-keys`: brings everything under the current master key of the key file, beside a working
vault, and says when the old one can leave the file. Run again, it goes on where it was."""

from typing import IO, Any, cast

from django.core.management.base import BaseCommand, CommandError
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from core.errors import ServiceUnavailable
from vault.errors import HsmUnavailable, Unreadable
from vault.keyring import KeyFileUnusable, KeyRing, key_ring
from vault.services.rotation import (
    Users,
    drop_retired_keys,
    replace_key,
    rewrap_cards,
    rewrap_secrets,
    stale_cards,
    stale_keys,
    users_of_old_keys,
)

# Of cards that can't be read, so many are named.
NAMED = 20


class Command(BaseCommand):
    help = "Re-wraps all keys with the current master key of VAULT_KEY_FILE."

    def handle(self, *args: Any, **options: Any) -> None:
        console = Console(file=cast(IO[str], self.stdout), soft_wrap=True, highlight=False)
        try:
            ring = key_ring()
            rewrap_secrets(ring)
        except KeyFileUnusable as error:
            raise CommandError(str(error)) from None
        except Unreadable as error:
            raise CommandError(f"The secret of the digests can't be read. {error}") from None
        except HsmUnavailable as error:
            raise CommandError(error.for_operator) from None
        try:
            keys, cards, unreadable = _rotate(ring, console)
        except HsmUnavailable as error:
            raise CommandError(
                f"{error.for_operator} Nothing is lost: run this again, and it goes on where it was."
            ) from None
        drop_retired_keys()
        console.print(f"{keys} merchant keys replaced, {cards} cards re-wrapped under key {ring.current}.")
        try:
            for users in users_of_old_keys(ring):
                console.print(_verdict(users))
        except ServiceUnavailable:
            raise CommandError(
                "Whether security codes need an older key can't be told: VAULT_REDIS_URL does not answer. "
                "Keep the older keys, and run this again."
            ) from None
        if unreadable:
            raise CommandError(
                f"{len(unreadable)} cards can't be read and were left as they are: {', '.join(unreadable[:NAMED])}"
            )


def _rotate(ring: KeyRing, console: Console) -> tuple[int, int, list[str]]:
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    ids = list(stale_keys(ring).values_list("pk", flat=True))
    cards, unreadable = 0, list[str]()
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("merchant keys", total=len(ids))
        keys = 0
        for key_id in ids:
            keys += replace_key(ring, key_id)
            progress.advance(task)
        task = progress.add_task("cards", total=stale_cards().count())
        for batch in rewrap_cards(ring):
            cards += batch.moved
            unreadable += batch.unreadable
            progress.advance(task, batch.seen)
    return keys, cards, unreadable


def _verdict(users: Users) -> str:
    if users.rows:
        return f"Key {users.version} is still needed by {users.rows} rows: run this again."
    if users.codes:
        return (
            f"Key {users.version} is still needed by {users.codes} security codes, for {users.seconds} seconds "
            "at most: run this again then."
        )
    return f"Nothing needs key {users.version} any more: it can leave the key file."
