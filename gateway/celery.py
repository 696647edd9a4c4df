"""The Celery application: short tasks that poll the database. What is due is a row, never a message."""

import os
from typing import Any

from celery import Celery
from celery.signals import setup_logging

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "gateway.settings")

app = Celery("tollgate")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@setup_logging.connect
def keep_logging(**unused: Any) -> None:
    """Django's logging stays as it is: Celery's own handlers would write what nothing has redacted."""
