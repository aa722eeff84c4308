"""The check of the whole audit as a job, for the page: a chain of years takes a while."""

from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from core import policies
from core.models import AuditCheck, Job
from core.services import audit_chain, jobs


def ask_for_check(*, user: Any) -> Job:
    """Verify the chain now. While a check waits or runs, that one is answered."""
    policies.demand(user, "audit.view")
    job, _created = jobs.submit(
        kind="core.check_audit", user=user, title="核对审计链", title_en="Check of the audit", params={}, queue="interactive"
    )  # fmt: skip
    return job


@jobs.kind("core.check_audit")
def check_audit(job: Job, progress: jobs.Progress) -> dict[str, Any]:
    progress(0.0, _("Recomputing every hash"))
    check = audit_chain.check_now()
    with transaction.atomic():
        progress.hold()
    return {"result_url": "/audit/", "result": {"entries": check.entries, "break": check.kind}}


def newest_check() -> AuditCheck | None:
    return AuditCheck.objects.first()
