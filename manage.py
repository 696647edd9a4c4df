#!/usr/bin/env python
"""Commands of the gateway. Without DATABASE_URL they speak to the system that `make run` keeps in DATA_DIR."""

import os
import sys

from core.environment import load_running_system

if __name__ == "__main__":
    load_running_system("environment")
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "gateway.settings")
    from django.core.management import execute_from_command_line

    execute_from_command_line(sys.argv)
