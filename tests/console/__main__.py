"""`python -m tests.console [FOLDER]` takes the pictures that docs/ shows; into a folder, dark and of a tablet too."""

import importlib
import os

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
django.setup()
# Only now: it imports models.
importlib.import_module("tests.console.screenshots").main()
