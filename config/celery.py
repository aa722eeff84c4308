"""The Celery application: transport for jobs. Queues: interactive, analysis, bulk."""

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

app = Celery("pingji")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
