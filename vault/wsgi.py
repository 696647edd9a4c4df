"""The vault process's entry: `granian --interface wsgi vault.wsgi:application`."""

import os

from django.core.wsgi import get_wsgi_application

from core.lifeline import die_with_server

os.environ["DJANGO_SETTINGS_MODULE"] = "vault.settings"
die_with_server()

application = get_wsgi_application()

# A vault without its keys must not start: the first card would tell.
from vault.keyring import key_ring  # noqa: E402  needs the settings

key_ring()
