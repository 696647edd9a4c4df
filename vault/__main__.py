"""`python -m vault <command>`: the vault's own manage.py."""

import os
import sys

from core.environment import load_running_system

# These change tables or rights, which the application's role may not; they run as the tables' owner.
OWNER_COMMANDS = {"migrate", "grant_application", "prepare_database"}

if __name__ == "__main__":
    load_running_system("vault/environment")
    # Not setdefault: a shell that names the gateway's settings must not migrate the gateway from here.
    os.environ["DJANGO_SETTINGS_MODULE"] = "vault.settings"
    owner = os.environ.get("VAULT_DATABASE_OWNER_URL")
    if owner and OWNER_COMMANDS.intersection(sys.argv[1:2]):
        os.environ["VAULT_DATABASE_URL"] = owner
    from django.core.management import execute_from_command_line

    execute_from_command_line(["python -m vault", *sys.argv[1:]])
