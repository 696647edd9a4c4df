"""The web process's entry: `granian --interface wsgi gateway.wsgi:application`."""

import gc
import os

from django.core.cache import close_caches
from django.core.signals import request_finished, request_started
from django.core.wsgi import get_wsgi_application
from django.db import close_old_connections, reset_queries

from core.lifeline import die_with_server

# Objects that may be made before the collector looks at the young ones. Requests leave few cycles behind, while
# each of its walks passes through the frames of hundreds of waiting threads: at the default of 700 that was a
# tenth of what a charge costs.
GC_THRESHOLD = 50_000

die_with_server()
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "gateway.settings")

application = get_wsgi_application()

# Every request gives its connection back when it ends; queries are only kept for debugging; and the connections to
# Redis are the process's, not a request's.
request_started.disconnect(close_old_connections)
request_started.disconnect(reset_queries)
request_finished.disconnect(close_caches)

# What was imported stays: nobody needs to look at it again.
gc.collect()
gc.freeze()
gc.set_threshold(GC_THRESHOLD, 20, 100)
