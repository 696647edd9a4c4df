"""The Celery application: short tasks that poll the database. What is due is a row, never a message."""

import os
from contextlib import AbstractContextManager
from typing import Any

from celery import Celery, Task
from celery.signals import before_task_publish, setup_logging, task_postrun, task_prerun

from core import trail

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "gateway.settings")

TOLD = "request_id"
_followed: dict[str, AbstractContextManager[None]] = {}

app = Celery("tollgate")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@setup_logging.connect
def keep_logging(**unused: Any) -> None:
    """Django's logging stays as it is: Celery's own handlers would write what nothing has redacted."""


@before_task_publish.connect
def send_request_id(headers: dict[str, Any], **unused: Any) -> None:
    """A task that a request asks for is told which one."""
    if request_id := trail.request_id():
        headers[TOLD] = request_id


@task_prerun.connect
def follow_task(task_id: str, task: "Task[Any, Any]", **unused: Any) -> None:
    following = trail.follow(task.request.get(TOLD) or "", task=task.name, task_id=task_id)
    following.__enter__()
    _followed[task_id] = following


@task_postrun.connect
def end_following(task_id: str, **unused: Any) -> None:
    if following := _followed.pop(task_id, None):
        following.__exit__(None, None, None)
