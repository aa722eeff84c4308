"""Settings of a worker that also knows the job kinds of these tests."""

from config.settings import *  # noqa: F403

CELERY_IMPORTS = ["tests.core.job_kinds"]
