#!/usr/bin/env python
"""Commands of the gateway. Without DATABASE_URL they speak to the system that `make run` keeps in DATA_DIR."""

import os
import sys

from core.environment import load_running_system, work_as_owner

if __name__ == "__main__":
    load_running_system("environment")
    os.environ["TOLLGATE_COMMAND"] = "manage.py"
    work_as_owner("DATABASE_URL", sys.argv[1:2])
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "gateway.settings")
    from django.core.management import execute_from_command_line

    execute_from_command_line(sys.argv)
