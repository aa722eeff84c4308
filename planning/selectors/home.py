"""What waits for a person, what falls short most, and how old the inputs are."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from django.db.models import F, FloatField
from django.db.models.functions import Cast
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from core import policies
from core.choices import AreaLevel, Certainty
from core.models import City, Job, PackLayer
from core.selectors.jobs import job_rows
from core.templatetags.pingji import local_name
from facilities.choices import BatchState, ProposalState
from facilities.models import Agreement, ChangeProposal, ImportBatch
from planning.choices import RunState, VersionState
from planning.models import AreaResult, PlanVersion, Run, Standard
from planning.selectors import gaps

LAPSE_DAYS = 90


@dataclass(frozen=True)
class Task:
    """One thing to do: what, where it stands, by when. `tone` is "bad" when it is overdue or blocks work."""

    words: str
    note: str
    href: str
    due: date | None = None
    tag: str = ""
    tone: str = ""


Tasks = Callable[..., list[Task]]
_OTHERS: list[Tasks] = []


def register_tasks(source: Tasks) -> Tasks:
    """What waits elsewhere: `source(user=, city=)` of an app above this one. Called when that app is ready."""
    _OTHERS.append(source)
    return source


def tasks(*, user: Any, city: City) -> list[Task]:
    """Most urgent first: what blocks, what was found wrong, what is open, what is unsure."""
    found = [
        *(task for source in _OTHERS for task in source(user=user, city=city)),
        *_refused_runs(user, city),
        *_imports(user, city),
        *_proposals(user, city),
        *_lapsing(user, city),
    ]
    return [*found, *_drafts(user, city), *_unsure(user, city)]


def _refused_runs(user: Any, city: City) -> list[Task]:
    if not policies.allows(user, "run.start", city):
        return []
    # A draft of standards that is tried out may lack a service; that is no fault of the scenario.
    runs = Run.objects.filter(
        city=city, state=RunState.REFUSED, created_at__gte=timezone.now() - timedelta(days=14), profile__is_default=True
    )  # fmt: skip
    rows = []
    for run in runs.select_related("scenario").order_by("scenario_id", "-id").distinct("scenario_id"):
        later = Run.objects.filter(scenario=run.scenario, state=RunState.DONE, pk__gt=run.pk).exists()
        if not later:
            first = run.refusal[0] if run.refusal else ""
            reason = first.get("message", "") if isinstance(first, dict) else str(first)
            words = _("Complete the scenario %(name)s") % {"name": local_name(run.scenario)}
            rows.append(Task(words, reason, reverse("run", args=[run.ref]), tag=_("refused"), tone="bad"))
    return rows


def _imports(user: Any, city: City) -> list[Task]:
    if not policies.allows(user, "facility.import", city):
        return []
    batches = ImportBatch.objects.filter(city=city, state=BatchState.REFUSED, errors__gt=0).order_by("-id")[
        :3
    ]
    return [
        Task(
            ngettext("Correct %(count)d row that could not be imported", "Correct %(count)d rows that could not be imported", one.errors) % {"count": one.errors},
            f"{one.ref}, {one.file_name}", f"/imports/{one.ref}/", tag=_("refused"), tone="bad",
        )
        for one in batches
    ]  # fmt: skip


def _proposals(user: Any, city: City) -> list[Task]:
    if not policies.allows(user, "facility.edit"):
        return []
    mine = policies.visible(user, area="facility__area", city="facility__city")
    count = ChangeProposal.objects.filter(facility__city=city, state=ProposalState.OPEN).filter(mine).count()
    if not count:
        return []
    words = ngettext("Decide on %(count)d proposed change", "Decide on %(count)d proposed changes", count) % {
        "count": count
    }
    return [Task(words, _("to facilities in your areas"), "/facilities/changes/")]


def _lapsing(user: Any, city: City) -> list[Task]:
    today = timezone.localdate()
    mine = policies.visible(user, area="facility__area", city="facility__city")
    ending = Agreement.objects.filter(
        facility__city=city, valid_to__lte=today + timedelta(days=LAPSE_DAYS)
    ).filter(mine)
    # an agreement that a later one follows needs nothing
    ending = ending.exclude(facility__agreements__valid_to__gt=today + timedelta(days=LAPSE_DAYS))
    lapsed, soon = ending.filter(valid_to__lt=today), ending.filter(valid_to__gte=today)
    rows = []
    if count := lapsed.values("facility").distinct().count():
        words = ngettext("Renew %(count)d lapsed agreement", "Renew %(count)d lapsed agreements", count) % {
            "count": count
        }
        rows.append(
            Task(
                words,
                _("these facilities supply nothing"),
                "/facilities/?readiness=lapsed",
                tag=_("lapsed"),
                tone="bad",
            )
        )
    if count := soon.values("facility").distinct().count():
        words = ngettext(
            "Renew %(count)d agreement that ends soon", "Renew %(count)d agreements that end soon", count
        ) % {"count": count}
        first = soon.order_by("valid_to").values_list("valid_to", flat=True).first()
        rows.append(Task(words, _("within %(days)d days") % {"days": LAPSE_DAYS}, "/facilities/", due=first))
    return rows


def _drafts(user: Any, city: City) -> list[Task]:
    if not policies.allows(user, "plan.edit", city):
        return []
    drafts = (
        PlanVersion.objects.filter(plan__city=city, state=VersionState.DRAFT)
        .select_related("plan")
        .order_by("-id")[:3]
    )
    return [
        Task(
            _("Freeze or improve the plan %(name)s") % {"name": local_name(one.plan)},
            _("version %(number)d, draft") % {"number": one.number}, reverse("plan", args=[one.plan.ref]),
        )
        for one in drafts
    ]  # fmt: skip


def _unsure(user: Any, city: City) -> list[Task]:
    if not policies.allows(user, "standard.edit", city):
        return []
    unsure = Standard.objects.filter(profile__is_default=True, ratio_certainty=Certainty.C)
    count = unsure.count()
    if not count:
        return []
    words = ngettext(
        "Read the standard behind %(count)d rate", "Read the standards behind %(count)d rates", count
    ) % {"count": count}
    sources = ", ".join(sorted(set(unsure.values_list("ratio_source", flat=True)))[:3])
    return [Task(words, _("%(sources)s: not confirmed") % {"sources": sources}, reverse("help_standards"))]


def widest_gaps(*, user: Any, city: City, limit: int = 6) -> list[AreaResult]:
    """Districts and services with the largest share unmet in the newest runs: each pair once, at its worst time of day,
    and no service more than twice, so that one empty service does not hide the others."""
    runs = gaps.latest_of_each(user=user, city=city)
    unmet = F("late") + F("no_room") + F("out_of_reach")
    rows = AreaResult.objects.filter(run__in=runs, area__level=AreaLevel.DISTRICT, need__gt=0)
    rows = rows.filter(policies.visible(user, area="area", city="area__city"))
    rows = rows.annotate(share=Cast(unmet, FloatField()) / Cast("need", FloatField())).filter(share__gt=0)
    rows = rows.select_related("area", "service", "run", "run__scenario").order_by("-share", "-need")
    found: list[AreaResult] = []
    for row in rows[:400]:
        twin = any(one.area_id == row.area_id and one.service_id == row.service_id for one in found)
        if not twin and sum(one.service_id == row.service_id for one in found) < 2:
            found.append(row)
    return found[:limit]


def latest_jobs(*, user: Any, city: City, limit: int = 5) -> list[Job]:
    return list(job_rows(user=user, city=city)[:limit])


def main_run(*, user: Any, city: City) -> Run | None:
    return gaps.main_run(user=user, city=city)


def layers(city: City) -> list[PackLayer]:
    return list(city.layers.order_by("id"))
