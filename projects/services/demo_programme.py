"""A demonstration programme: projects of a made-up city in every stage, played by the demonstration accounts through the
same services as anybody's. Only in debug mode and only for a synthetic city; nothing in it is about real money or people."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from core.errors import DomainError
from core.models import City, Membership
from core.services.demo import ACTORS
from planning.choices import VersionState
from planning.models import PlanVersion
from planning.services.plan_freeze import freeze_version
from projects.choices import CaseState, Outcome, TaskKind
from projects.models import Case, Project, Step
from projects.services import alerts, cases, drafts, money, routes
from projects.services.demo_clock import on
from projects.services.demo_officers import act_for, open_steps, person
from projects.services.demo_works import (
    PACE,
    ask_release,
    build,
    hand_over,
    name_the_four,
    reach,
    start,
    through,
)


@dataclass(frozen=True)
class Story:
    """How far a project has come: `began` so many days ago; `until` names the last thing that happened to it."""

    until: str
    began: int


# In the order of the plan's interventions: every stage once, and what an official meets in a year.
STORIES = (
    Story("commissioned", 520), Story("works", 430), Story("silent", 400), Story("blocked", 260), Story("released", 200),
    Story("approved", 120), Story("returned", 40), Story("recommended", 34), Story("countersign", 20), Story("submitted", 4),
    Story("draft", 2), Story("refused", 90),
)  # fmt: skip


def play(*, city: City, stories: tuple[Story, ...] = STORIES) -> list[Project]:
    """Make the programme from the city's newest plan; answers its projects. What is there already stays as it is."""
    if not settings.DEBUG or not city.synthetic:
        raise DomainError(
            "demo-needs-debug",
            _("A demonstration programme is made in debug mode, for a synthetic city only."),
        )
    version = PlanVersion.objects.filter(plan__city=city, value__isnull=False).order_by("-pk").first()
    if version is None:
        raise DomainError("no-plan", _("Make a plan first (manage.py serve_main_job)."))
    earliest = timezone.localdate() - timedelta(days=max(story.began for story in stories) + 30)
    # The actors held their posts when the first project began.
    Membership.objects.filter(area__city=city, user__username__in=[one.username for one in ACTORS]).filter(
        valid_from__gt=earliest
    ).update(valid_from=earliest)
    lin = person("lin.wei")
    if version.state == VersionState.DRAFT:
        version = freeze_version(user=lin, version=version)
    taken = Project.objects.filter(intervention__version=version).values("intervention__order")
    orders = (
        version.interventions.exclude(order__in=taken).order_by("-cost_fen").values_list("order", flat=True)
    )
    made = []
    for story, order in zip(stories, orders, strict=False):
        with transaction.atomic():
            with on(timezone.localdate() - timedelta(days=story.began)):
                project = drafts.from_plan(user=lin, version=version, orders=[order])[0]
            _tell(project, story, lin)
        made.append(Project.objects.get(pk=project.pk))
    alerts.raise_alerts(city=city, today=timezone.localdate())
    return made


def _tell(project: Project, story: Story, lin: Any) -> None:
    began = timezone.localdate() - timedelta(days=story.began)
    with on(began, 11):
        _plan_money(project, lin, began)
    if story.until == "draft":
        return
    with on(began + timedelta(days=1)):
        name_the_four(project, began)
        case = cases.submit(user=lin, project=project, route=routes.current(code="approval"))
    if story.until == "submitted":
        return
    _approve(case, began, story)
    if story.until in ("countersign", "returned", "recommended", "refused", "approved"):
        return
    _carry_out(Project.objects.get(pk=project.pk), began, story)


def _plan_money(project: Project, lin: Any, began: date) -> None:
    """Three tranches after two milestones; the lines of the plan, or all of it in the first year."""
    starts, ends = began + timedelta(days=60), began + timedelta(days=500)
    project = drafts.edit(
        user=lin, project=project, version=project.version, starts_on=starts, ends_on=ends,
        investment_code=_code(project, began),
        duplicate_reason="周边设施容量已用尽，测算中该片区仍有缺口",
    )  # fmt: skip
    if money.totals(project)["budget_fen"] != project.cost_fen:
        half = project.cost_fen // 2
        lines = [(began.year, "special_bond", half), (began.year + 1, "local", project.cost_fen - half)]
        money.set_lines(user=lin, project=project, lines=[line for line in lines if line[2] > 0])
    first, second = project.cost_fen * 3 // 10, project.cost_fen * 4 // 10
    parts = [("合同签订", first), ("主体完工", second), ("竣工验收", project.cost_fen - first - second)]
    points = [("主体完工", starts + timedelta(days=150), 50), ("竣工", ends - timedelta(days=30), 100)]
    drafts.set_tranches(user=lin, project=project, tranches=parts, milestones=points)


def _code(project: Project, began: date) -> str:
    """An investment code of the right form; its running number is the project's own."""
    # The made-up city lies in no province; the code is that of a real region so that its form can be read.
    return f"{began:%y%m}-510100-04-01-{project.pk % 100000:05d}{project.pk % 10}"


def _approve(case: Case, began: date, story: Story) -> None:
    """Each open task a few days after the one before, until the story stops."""
    day = began + timedelta(days=3)
    while True:
        case.refresh_from_db()
        waiting = open_steps(case) if case.state == CaseState.OPEN else []
        if not waiting:
            return
        day = min(day, timezone.localdate())
        for number, step in enumerate(waiting):
            if story.until == "countersign" and step.task.kind == TaskKind.COUNTERSIGN and number >= 2:
                return
            if story.until == "recommended" and step.task.kind == TaskKind.DECIDE:
                return
            outcome, more = _answer(step, story, number)
            with on(day + timedelta(days=number % 3), 9 + number):
                act_for(step, outcome, **more)
            if outcome == Outcome.RETURN:
                return
        day += timedelta(days=6)


def _answer(step: Step, story: Story, number: int) -> tuple[str, dict[str, Any]]:
    """What the story's officers say where it is not the plain answer."""
    kind = step.task.kind
    if story.until == "returned" and kind == TaskKind.COUNTERSIGN and number == 1:
        return Outcome.RETURN, {
            "reason": "用地手续不全",
            "items": ["补充土地权属证明", "说明转换期间原有使用者的安置"],
        }
    if story.until == "refused" and kind in (TaskKind.RECOMMEND, TaskKind.DECIDE):
        return Outcome.REFUSE, {"reason": "周边已有设施可满足需求"}
    if kind == TaskKind.DECIDE and story.until in ("approved", "blocked"):
        due = timezone.localdate() + timedelta(days=20)
        return Outcome.CONDITIONS, {
            "reason": "同意，附条件",
            "conditions": [("取得消防设计审查意见", due)],
        }
    return "", {}


def _carry_out(project: Project, began: date, story: Story) -> None:
    """From the first tranche to the registry, as far as the story goes."""
    today, tranches = timezone.localdate(), list(project.tranches.order_by("number"))
    started = began + timedelta(days=70)
    case = ask_release(tranches[0], began + timedelta(days=60))
    if story.until == "blocked":
        return
    through(case, began + timedelta(days=62))
    if story.until == "released":
        return
    start(project, started)
    project.refresh_from_db()
    first, points = started.replace(day=1), list(project.milestones.order_by("number"))
    passed = min((today.year - first.year) * 12 + today.month - first.month, len(PACE))
    finding = story.until != "commissioned"
    build(project, first_month=first, months=range(min(6, passed)), tranche=tranches[0], finding=finding)
    reach(points[0], started + timedelta(days=190), 50)
    through(ask_release(tranches[1], started + timedelta(days=196)), started + timedelta(days=198))
    reported = passed - 4 if story.until == "silent" else passed
    build(project, first_month=first, months=range(6, reported), tranche=tranches[1], finding=finding)
    if story.until == "commissioned":
        reach(points[1], today - timedelta(days=40), 100)
        hand_over(Project.objects.get(pk=project.pk), today - timedelta(days=32))
        through(ask_release(tranches[2], today - timedelta(days=15)), today - timedelta(days=13))
