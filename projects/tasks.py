"""Celery tasks of projects: each calls one service. Long work a person asked for travels by core.tasks.perform_job."""

import logging
from typing import Any

from celery import shared_task

from projects.services import (
    alert_runs,
    anchors,
    deliveries,
    dossier,  # noqa: F401  (registers its job)
    events,
    project_import_jobs,  # noqa: F401  (registers its job)
    results,  # noqa: F401  (registers its job and what follows a finished run)
)

log = logging.getLogger(__name__)


@shared_task(name="projects.tasks.deliver_events", acks_late=False)
def deliver_events(**_: Any) -> dict[str, int]:
    counts = deliveries.deliver_due()
    # What a full pass left goes to the next free hand; what failed waits for its time.
    if counts["sent"] and deliveries.anything_due():
        send_word()
    return counts


@shared_task(name="projects.tasks.forget_old_events", acks_late=False)
def forget_old_events(**_: Any) -> int:
    return deliveries.forget_old()


@shared_task(name="projects.tasks.anchor_audit", acks_late=False)
def anchor_audit(**_: Any) -> None:
    anchors.anchor_audit()


@shared_task(name="projects.tasks.supervise", acks_late=False)
def supervise(**_: Any) -> list[str]:
    return [job.ref for job in alert_runs.start_due()]


def send_word(**_: Any) -> None:
    """Nudge the workers. A broker that is down is no loss: the rows wait, and the scheduler asks again."""
    try:
        deliver_events.apply_async(retry=False, expires=60)
    except Exception:
        log.warning("events wait: the broker does not answer", exc_info=True)


events.told.connect(send_word, dispatch_uid="send word of events", weak=False)
