"""`python -m vault <command>`: the vault's own manage.py."""

import os
import re
import sys

from core.environment import load_running_system, work_as_owner

if __name__ == "__main__":
    load_running_system("vault/environment")
    # Not setdefault: a shell that names the gateway's settings must not migrate the gateway from here.
    os.environ["DJANGO_SETTINGS_MODULE"] = "vault.settings"
    work_as_owner("VAULT_DATABASE_URL", sys.argv[1:2])
    from django.core.management import execute_from_command_line

    # `rotate-keys` is a module's name with its hyphen.
    command = [re.sub(r"(?<=\w)-", "_", name) for name in sys.argv[1:2]]
    execute_from_command_line(["python -m vault", *command, *sys.argv[2:]])
