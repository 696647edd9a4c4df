"""`python -m tests.console [FOLDER]` takes the README's picture of the console; with a folder, all."""

import importlib
import os

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
django.setup()
# Only now: it imports models.
importlib.import_module("tests.console.screenshots").main()
