"""What is known of a handover: what speaks against a check, what keeps works from being accepted or counted, who waits."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.db.models import Q
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy

from core import policies
from core.models import City
from core.templatetags.pingji import hours as hours_text
from core.templatetags.pingji import joined, local_name, num
from facilities.choices import CapabilityStatus, FacilityStatus
from facilities.models import Capability, Facility
from facilities.selectors.readiness import place_state
from inventory.choices import AssetStatus, InterventionKind
from planning.choices import RunState, SupplyReason
from planning.models import FacilityResult
from projects.choices import FindingState, ProjectState, Severity
from projects.models import Commissioning, ConversionCheck, Finding, Project
from projects.selectors.checklist import NO, converts, limit_hours


@dataclass(frozen=True)
class Remark:
    """Something to know before works are accepted. blocks: nothing is accepted while it stands; supplies_nothing: the next
    run would count 0 of it, so accepting it needs a reason."""

    code: str
    words: str
    blocks: bool = False
    supplies_nothing: bool = False


# --- the check ------------------------------------------------------------------------------------


def against(
    project: Project,
    found: Commissioning,
    tried_units: int,
    tried_hours: float,
    items: Iterable[dict[str, Any]],
) -> list[dict[str, Any]]:
    """What speaks against passing: codes with their numbers, so that they can be said in any language later."""
    reasons: list[dict[str, Any]] = []
    if converts(project):
        limit = limit_hours(project)
        if limit is not None and tried_hours > limit:
            reasons.append({"code": "too-slow", "tried_hours": tried_hours, "limit_hours": limit})
        if tried_units < found.built_units:
            reasons.append({"code": "too-few", "tried_units": tried_units, "built_units": found.built_units})
    for row in items:
        if row["required"] and row["answer"] == NO:
            reasons.append(
                {"code": "item", "item": row["code"], "name": row["name"], "name_en": row["name_en"]}
            )
    return reasons


def reason_words(reason: dict[str, Any]) -> str:
    if reason["code"] == "too-slow":
        return _("it took %(tried)s h and may take %(limit)s h") % {
            "tried": hours_text(reason["tried_hours"]), "limit": hours_text(reason["limit_hours"])
        }  # fmt: skip
    if reason["code"] == "too-few":
        return _("%(tried)s of %(built)s units were converted") % {
            "tried": num(reason["tried_units"]), "built": num(reason["built_units"])
        }  # fmt: skip
    return str(local_name(reason))


# --- before the acceptance ------------------------------------------------------------------------


def place_of(project: Project, found: Commissioning | None) -> Facility | None:
    """The facility on record where the works were done: that of the project, else the one the report names."""
    if project.facility is not None:
        return project.facility
    ref = (found.as_built if found is not None else {}).get("facility")
    return Facility.objects.filter(city_id=project.city_id, ref=ref).first() if ref else None


def before_acceptance(project: Project, found: Commissioning) -> list[Remark]:
    """Everything to know before accepting, the gravest first."""
    place = place_of(project, found)
    remarks = [*_of_the_works(project), *_of_the_place(project, found, place), *_of_the_size(project, found)]
    return sorted(remarks, key=lambda one: (not one.blocks, not one.supplies_nothing))


def _of_the_works(project: Project) -> Iterable[Remark]:
    open_ones = Finding.objects.filter(inspection__project=project).exclude(state=FindingState.CLOSED)
    safety = open_ones.filter(severity=Severity.SAFETY).count()
    if safety:
        yield Remark(
            "safety-finding", _("%(count)s findings on safety are open") % {"count": num(safety)}, blocks=True
        )
    if other := open_ones.count() - safety:
        yield Remark("finding", _("%(count)s other findings are open") % {"count": num(other)})
    unseen = [local_name(one) for one in project.milestones.filter(reached_on=None)]
    if unseen:
        yield Remark("milestone", _("milestones not seen on site: %(names)s") % {"names": joined(unseen)})
    asset = project.idle_asset
    if asset is not None and asset.status == AssetStatus.USED:
        yield Remark(
            "asset-used", _("the idle asset %(ref)s is in use already") % {"ref": asset.ref}, blocks=True
        )


def _of_the_place(project: Project, found: Commissioning, place: Facility | None) -> Iterable[Remark]:
    if place is None or not converts(project):
        return
    if place.status == FacilityStatus.CLOSED:
        yield Remark("closed", _("the facility is closed in the registry"), blocks=True)
    state = place_state(place)
    for kind, words in (
        ("agreement", _("its agreement has lapsed")),
        ("certificate", _("its certificate has lapsed")),
    ):
        if state[f"lapsed_{kind}"] and not _in_force(found.as_built.get(f"{kind}s", [])):
            yield Remark(f"lapsed-{kind}", words, supplies_nothing=True)
    role = Capability.objects.filter(facility=place, service=project.service).first()
    if project.kind == InterventionKind.EXTEND and (role is None or role.status != CapabilityStatus.ACTIVE):
        yield Remark(
            "not-designated", _("the role that was extended is not designated"), supplies_nothing=True
        )
    yield from _other_roles(place, project, role)
    yield from _scenarios(place, project)


def _in_force(papers: list[dict[str, Any]]) -> bool:
    today = timezone.localdate().isoformat()
    return any((one.get("valid_from") or today) <= today <= (one.get("valid_to") or today) for one in papers)


def _other_roles(place: Facility, project: Project, role: Capability | None) -> Iterable[Remark]:
    """A place cannot serve two roles at once where they exclude each other; the lower rank comes first."""
    if role is not None and not role.exclusive:
        return
    rank = role.rank if role is not None else 1
    first = (
        Capability.objects.filter(
            facility=place, status=CapabilityStatus.ACTIVE, exclusive=True, capacity__gte=1
        )
        .filter(Q(rank__lt=rank) | Q(rank=rank, service_id__lt=project.service_id))
        .exclude(service=project.service)
        .select_related("service")
    )
    for one in first:
        words = _("where %(service)s is needed too, the place serves as that instead")
        yield Remark("other-role", words % {"service": local_name(one.service)})


def _scenarios(place: Facility, project: Project) -> Iterable[Remark]:
    """Scenarios whose newest run says that the place lies in the zone or may not serve there."""
    told = {
        SupplyReason.INSIDE_HAZARD: _("inside the hazard zone"),
        SupplyReason.WRONG_HAZARD: _("not meant for this hazard"),
    }
    rows = (
        FacilityResult.objects.filter(
            facility=place,
            service=project.service,
            run__state=RunState.DONE,
            run__plan_version=None,
            run__variation={},
        )
        .order_by("run__scenario_id", "-run_id")
        .distinct("run__scenario_id")
        .select_related("run__scenario")
    )
    for row in rows:
        if row.reason in told:
            words = _("counts nothing in scenario %(name)s: %(reason)s (run %(run)s)")
            yield Remark(
                "scenario",
                words
                % {"name": local_name(row.run.scenario), "reason": told[row.reason], "run": row.run.ref},
            )


def _of_the_size(project: Project, found: Commissioning) -> Iterable[Remark]:
    approved = project.approved_units if project.approved_units is not None else project.units
    if converts(project) and found.built_units < approved:
        words = _("%(built)s units were built, %(approved)s approved")
        yield Remark("below-approved", words % {"built": num(found.built_units), "approved": num(approved)})
    promised, tried = project.conversion_hours, found.conversion_hours
    if promised is not None and tried is not None and tried > promised:
        words = _("conversion took %(tried)s h, %(promised)s h were promised")
        yield Remark("slower", words % {"tried": hours_text(tried), "promised": hours_text(promised)})
    if found.barrier_free_units is None and converts(project) and project.kind != InterventionKind.STOCK:
        yield Remark("barrier-free", _("nobody has said how many units are barrier-free, so none are promised to people who need them"))  # fmt: skip


# --- shown on pages -------------------------------------------------------------------------------


@dataclass(frozen=True)
class Summary:
    """The handover on the case page. stage: waiting (not in works yet), report, check, failed, accept, accepted."""

    project: Project
    stage: str
    words: Any
    commissioning: Commissioning | None
    check: ConversionCheck | None
    approved_units: int
    realised: list[Any]


STAGES = {
    "waiting": gettext_lazy("Not in works yet"),
    "report": gettext_lazy("To be reported as built"),
    "check": gettext_lazy("Conversion to be checked on site"),
    "failed": gettext_lazy("Conversion check not passed"),
    "accept": gettext_lazy("To be accepted into the registry"),
    "accepted": pgettext_lazy("handover", "In the registry"),
}


def summary(project: Project) -> Summary:
    found = (
        Commissioning.objects.filter(project=project)
        .select_related("facility", "capability__service", "handed_by", "checked_by", "accepted_by")
        .first()
    )
    stage = stage_of(project, found)
    approved = project.approved_units if project.approved_units is not None else project.units
    realised = (
        list(
            project.realised.filter(service=project.service)
            .select_related("run__scenario")
            .order_by("-run_id")[:4]
        )
        if stage == "accepted"
        else []
    )
    return Summary(
        project, stage, STAGES[stage], found, found.checks.first() if found else None, approved, realised
    )


def stage_of(project: Project, found: Commissioning | None) -> str:
    if found is not None and found.accepted_by_id:
        return "accepted"
    if project.state != ProjectState.WORKS:
        return "waiting"
    if found is None or found.handed_by_id is None:
        return "report"
    if found.check_passed:
        return "accept"
    return "failed" if found.checked_by_id else "check"


# --- what waits -----------------------------------------------------------------------------------


def waiting_for(user: Any, city: City | None) -> list[dict[str, Any]]:
    """Handovers this person may take a step further: to report again after a failed check, to check, to accept."""
    rows = (
        Commissioning.objects.filter(accepted_by=None, project__state=ProjectState.WORKS)
        .filter(policies.visible(user, area="project__area", city="project__city"))
        .select_related("project__area", "project__city", "project__service")
        .prefetch_related("checks")
        .order_by("handed_at", "id")
    )
    if city is not None:
        rows = rows.filter(project__city=city)
    found = []
    for one in rows:
        mine = _step_for(user, one)
        if mine is not None:
            kind, title = mine
            found.append(
                {"kind": kind, "title": title, "href": reverse("project_handover", args=[one.project.ref]), "due_on": None, "project": one.project}
            )  # fmt: skip
    return found


def _step_for(user: Any, one: Commissioning) -> tuple[str, Any] | None:
    stage = stage_of(one.project, one)
    if (
        stage == "check"
        and one.handed_by_id != user.pk
        and policies.allows(user, "handover.check", one.project)
    ):
        return "handover-check", gettext_lazy("Check the conversion on site")
    if stage == "failed" and one.handed_by_id == user.pk:
        return "handover", gettext_lazy("The conversion check was not passed: mend it and report again")
    hands = {one.handed_by_id, *(check.checked_by_id for check in one.checks.all())}
    if stage == "accept" and user.pk not in hands and policies.allows(user, "handover.accept", one.project):
        return "handover-accept", gettext_lazy("Accept the works into the registry")
    return None
