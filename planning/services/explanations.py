"""Why each place of a plan was chosen, and why the others were not: asked for here, worked out by services.explaining."""

from __future__ import annotations

import logging
from typing import Any

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from core import policies
from core.errors import DomainError, Forbidden
from core.models import Job
from core.services import jobs
from engine import ENGINE_VERSION
from planning.choices import VersionState
from planning.models import PlanExplanation, PlanVersion

log = logging.getLogger(__name__)
EXPLAIN = "explain_plan"
COMPUTED = (VersionState.DRAFT, VersionState.FROZEN)


def ask(version: PlanVersion) -> None:
    """Queue the work that explains a computed version. The plan is done: what goes wrong here must not undo it."""
    try:
        if version.state in COMPUTED and not explained(version):
            _submit(None, version)
    except Exception:
        log.exception("the explanation of version %s was not queued", version.pk)


def start(*, user: Any, version: PlanVersion) -> Job | None:
    """The job that explains the version, also one that was computed long ago; None when it is explained already. Asked
    twice, it is asked once. `user` None: a command."""
    if user is not None and not policies.holds(user, "plan.comment", version.plan.city_id):
        raise Forbidden(_("Your roles do not allow this here."), act="plan.comment")
    if version.state not in COMPUTED:
        raise DomainError("version-not-ready", _("Only a computed version can be explained."))
    if explained(version):
        return None
    with transaction.atomic():
        return _submit(user, version)


def _submit(user: Any, version: PlanVersion) -> Job:
    job, _created = jobs.submit(
        kind=EXPLAIN, user=user, city=version.plan.city, title=version.plan.name, title_en=version.plan.name_en,
        params={"version": version.pk},
    )  # fmt: skip
    return job


def explained(version: PlanVersion) -> bool:
    """Whether an explanation by this engine stands with the version's change-set as it is."""
    kept = PlanExplanation.objects.filter(version=version).values_list("facts", flat=True).first()
    return kept is not None and kept.get("engine") == ENGINE_VERSION and kept.get("keys") == _keys(version)


def _keys(version: PlanVersion) -> list[str]:
    return list(version.facts.get("keys") or [])


def job_of(version: PlanVersion) -> Job | None:
    """The last job that explains, or explained, this version."""
    return Job.objects.filter(kind=EXPLAIN, params__version=version.pk).order_by("-id").first()
