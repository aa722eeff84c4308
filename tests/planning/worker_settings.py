"""Settings of a worker that cuts travel searches into many small blocks."""

from config.settings import *  # noqa: F403

CELERY_IMPORTS = ["tests.planning.small_blocks"]
