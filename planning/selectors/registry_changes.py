"""Has the registry changed since a run froze it? The audit knows, whoever wrote: page, API, import or a handover."""

from datetime import datetime

from django.db.models import Q

from core.models import AuditEntry
from planning.models import Run


def changed_after(run: Run) -> datetime | None:
    """When the registry or the idle assets were last changed after the run was started; None when they were not.

    What changed may lie in nothing that this run reads: running again then answers the stored run.
    """
    told = AuditEntry.objects.filter(
        Q(subject_type__startswith="facilities.") | Q(subject_type__startswith="inventory."),
        city_code=run.city.code, at__gt=run.created_at,
    )  # fmt: skip
    return told.order_by("-at").values_list("at", flat=True).first()
