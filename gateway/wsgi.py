"""The web process's entry: `granian --interface wsgi gateway.wsgi:application`."""

import os

from django.core.wsgi import get_wsgi_application

from core.lifeline import die_with_server

die_with_server()
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "gateway.settings")

application = get_wsgi_application()
