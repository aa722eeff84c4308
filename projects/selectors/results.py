"""What finished projects promised and what the newest runs say they did: the rows of the programme's page."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _

from core import policies
from core.models import City
from core.templatetags.pingji import hours as hours_text
from core.templatetags.pingji import num
from inventory.choices import InterventionKind
from planning.choices import ProfileStatus, RunState, SupplyReason
from planning.models import Run
from projects.models import Commissioning, RealisedGap


def commissioned(city: City) -> QuerySet[Commissioning]:
    """What was accepted into the registry, first things first."""
    rows = Commissioning.objects.filter(project__city=city, accepted_at__isnull=False, facility__isnull=False)
    return rows.order_by("accepted_at", "id")


def main_runs(city: City) -> QuerySet[Run]:
    """The newest finished run of each scenario and time of day, of today's registry, with nothing varied and by standards
    that are in force, the default ones first."""
    tried = Q(profile__status=ProfileStatus.DRAFT, profile__is_default=False)
    return (
        Run.objects.filter(
            city=city, state=RunState.DONE, plan_version=None, variation={}, reach_overrides={}
        )
        .exclude(tried)
        .select_related("scenario", "snapshot", "city", "plan_version", "profile")
        .order_by("scenario_id", "time_of_day", "-profile__is_default", "-id")
        .distinct("scenario_id", "time_of_day")
    )


def runs_to_read(city: City) -> list[Run]:
    """Main runs that count at least one of the finished works."""
    first = commissioned(city).values_list("accepted_at", flat=True).first()
    return [] if first is None else [run for run in main_runs(city) if run.created_at >= first]


def counts_it(run: Run, found: Commissioning) -> bool:
    """Was the run asked after the works were accepted? Its snapshot then holds them as they were written."""
    return found.accepted_at is not None and run.created_at >= found.accepted_at


@dataclass(frozen=True)
class Line:
    """One project in one run: served with it and without it. aside: a service it changes besides its own."""

    row: RealisedGap
    reasons: list[str]

    @property
    def difference(self) -> int | None:
        return self.row.promised_difference


@dataclass
class Block:
    """One run and service: its projects, the sum of what each closes alone, and what all close together."""

    run: Run
    service: Any
    lines: list[Line] = field(default_factory=list)
    asides: list[RealisedGap] = field(default_factory=list)
    joint: RealisedGap | None = None

    @property
    def promised(self) -> int:
        return sum(line.row.promised_units or 0 for line in self.lines)

    @property
    def realised(self) -> int:
        return sum(line.row.realised for line in self.lines) + sum(row.realised for row in self.asides)

    @property
    def shared(self) -> int:
        """By how much the sum of the parts differs from the whole: people whom several of them could serve."""
        return 0 if self.joint is None else self.joint.realised - self.realised


@dataclass(frozen=True)
class Results:
    """`blocks` of the chosen run, or of all `runs` where they are few lines."""

    blocks: list[Block]
    runs: list[Run]
    chosen: str
    # Accepted, but in no run yet; and those whose place is in no run any more, for its only role has ended.
    waiting: list[Commissioning]
    gone: list[Commissioning]
    commissioned: int
    whole_city: bool


# More lines than this are shown run by run.
MOST_LINES = 200


def results(user: Any, city: City, run: str = "") -> Results:
    """Every main run that was read, newest scenario first, with the projects the person may see. The joint row speaks of the
    whole city and is for those who may see all of it."""
    runs = {run.pk: run for run in main_runs(city)}
    whole = policies.sees_whole_city(user, city.pk)
    seen = policies.visible(user, area="project__area", city="project__city")
    rows = (
        RealisedGap.objects.filter(city=city, run__in=runs)
        .select_related(
            "service", "project__service", "project__area", "project__commissioning", "run__scenario"
        )
        .order_by("run__scenario__ref", "run__time_of_day", "service__sort_order", "project__ref")
    )
    rows = rows.filter(Q(project=None) | seen) if whole else rows.filter(seen, project__isnull=False)
    read = [runs[pk] for pk in rows.order_by().values_list("run_id", flat=True).distinct() if pk in runs]
    read.sort(key=lambda one: (one.scenario.ref, one.time_of_day))
    chosen = run if run in {one.ref for one in read} else ""
    counted = set(rows.filter(project__isnull=False).order_by().values_list("project_id", flat=True))
    if not chosen and read and rows.count() > MOST_LINES:
        chosen = read[0].ref
    rows = rows.filter(run__ref=chosen) if chosen else rows
    blocks: dict[tuple[int, int | None], Block] = {}
    for row in rows:
        block = blocks.setdefault((row.run_id, row.service_id), Block(row.run, row.service))
        if row.project is None:
            block.joint = row
        elif row.facts.get("aside"):
            block.asides.append(row)
        else:
            block.lines.append(Line(row, reasons_of(row)))
    accepted = commissioned(city).filter(seen).select_related("project__area", "project__service")
    left = [one for one in accepted if one.project_id not in counted]
    newest = max((run.created_at for run in runs.values()), default=None)
    return Results(
        [one for one in blocks.values() if one.lines or one.asides or one.joint],
        read,
        chosen,
        [one for one in left if not _ended(one, newest)],
        [one for one in left if _ended(one, newest)],
        len(accepted),
        whole,
    )


def _ended(found: Commissioning, newest: datetime | None) -> bool:
    """Did the works end a role, and was a run asked for since? Then its place had no other role."""
    ended = found.project.kind == InterventionKind.RETIRE
    return ended and newest is not None and found.accepted_at is not None and newest >= found.accepted_at


def reasons_of(row: RealisedGap) -> list[str]:
    """Why realised differs from promised, as far as the figures themselves tell."""
    facts, found = row.facts, []
    if not facts.get("in_question", True):
        return [_("the scenario does not ask for this service")]
    told = {
        SupplyReason.INSIDE_HAZARD: _("the place lies inside the hazard zone and counts nothing"),
        SupplyReason.LAPSED_AGREEMENT: _("its agreement has lapsed since"),
        SupplyReason.LAPSED_CERTIFICATE: _("its certificate has lapsed since"),
        SupplyReason.CLOSED: _("the facility is closed in the scenario"),
        SupplyReason.WRONG_HAZARD: _("it may not serve in this hazard"),
        SupplyReason.OTHER_ROLE: _("the place serves in another role"),
        SupplyReason.NOT_DESIGNATED: _("the role is no longer designated"),
    }
    found += [told[reason] for reason in facts.get("reasons", []) if reason in told]
    built, approved = facts.get("built_units"), facts.get("approved_units")
    if built is not None and approved is not None and built < approved:
        found.append(
            _("built smaller: %(built)s of %(approved)s units")
            % {"built": num(built), "approved": num(approved)}
        )
    tried, hours = facts.get("tried_hours"), facts.get("promised_hours")
    if facts.get("late"):
        found.append(_("opens too late for %(units)s units") % {"units": num(facts["late"])})
    elif tried is not None and hours is not None and tried > hours:
        found.append(
            _("opens later: %(tried)s h instead of %(hours)s h")
            % {"tried": hours_text(tried), "hours": hours_text(hours)}
        )
    taken = facts.get("taken", 0)
    if taken > row.realised >= 0:
        words = _("%(taken)s units go there, of whom others would serve %(others)s without it")
        found.append(words % {"taken": num(taken), "others": num(taken - row.realised)})
    room = facts.get("capacity", 0) - taken - facts.get("late", 0)
    if room > 0 and row.promised_units is not None and row.realised < row.promised_units:
        found.append(
            _("%(room)s units stay empty: nobody within reach is left without") % {"room": num(room)}
        )
    need, then = facts.get("need"), facts.get("need_then")
    if need is not None and then is not None and need != then:
        found.append(_("the need changed from %(then)s to %(now)s") % {"then": num(then), "now": num(need)})
    if facts.get("promised_from") == "plan":
        found.append(_("the plan looked at another scenario or time of day"))
    return found
