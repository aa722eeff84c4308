"""Officials carry a plan's intervention to a facility that the next run counts: handed in, countersigned, returned, handed in
again, approved with a condition, paid, built, asked about, handed over, in a real browser with a real worker, in both
languages."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from django.utils import timezone
from playwright.sync_api import expect

from core.choices import DepartmentFunction
from core.models import Job, Membership, Organisation, User
from planning.models import Run
from planning.services import plans
from planning.services.plan_freeze import freeze_version
from planning.services.reference import load_reference
from projects.models import Case, Condition, Project, SupervisionAlert
from projects.services import alert_rules, routes, working_days

CODE = "2611-510104-04-01-482917"


@pytest.fixture
def officials(town: SimpleNamespace) -> SimpleNamespace:
    """Lin drafts, Wang recommends and looks, Zhao decides, Sun builds, an officer for each department."""
    load_reference()
    working_days.load_calendar(until=timezone.localdate().year + 2)
    routes.load_shipped()
    alert_rules.load_shipped()

    def make(username: str, role: str, department: str = "") -> User:
        office, _made = Organisation.objects.get_or_create(
            city=town.city, code=f"office-{department or 'hall'}",
            defaults={"name": department or "hall", "kind": "department", "function": department},
        )  # fmt: skip
        user = User.objects.create_user(username=username, password="not-a-secret", name=username)
        Membership.objects.create(user=user, organisation=office, role=role, area=town.root)
        return user

    found = {name: make(name, role) for name, role in (
        ("lin", "planner"), ("wang", "reviewer"), ("zhao", "approver"), ("sun", "steward"), ("gao", "auditor"),
    )}  # fmt: skip
    found |= {one: make(one, "reviewer", one) for one in DepartmentFunction.values}
    return SimpleNamespace(**found)


class Office:
    """Each official has a browser window; forms are filled by the names of their fields, as in either language."""

    def __init__(self, open_page: Callable[..., Any], axe: Callable[[Any], list[str]], language: str) -> None:
        self._open, self._axe, self.language = open_page, axe, language
        self._pages: dict[str, Any] = {}
        self._checked: set[str] = set()

    def at(self, user: User, address: str) -> Any:
        if user.username not in self._pages:
            self._pages[user.username] = self._open(user=user, language=self.language)
        page = self._pages[user.username]
        page.goto(address)
        kind = re.sub(r"[A-Z]+-[\d-]+|\d+", "…", address)
        if kind not in self._checked:
            self._checked.add(kind)
            assert self._axe(page) == [], address
        return page

    def fill(self, page: Any, **fields: Any) -> None:
        for name, value in fields.items():
            for number, one in enumerate(value if isinstance(value, list) else [value]):
                choice = page.locator(f'input[type=radio][name="{name}"][value="{one}"]')
                if choice.count():
                    choice.check(force=True)
                    continue
                field = page.locator(f'[name="{name}"]').nth(number)
                if field.evaluate("one => one.type").startswith("select"):
                    field.select_option(one)
                else:
                    field.fill(str(one))

    def send(self, page: Any, button: str = "main .btn.main") -> None:
        with page.expect_navigation():
            page.locator(button).first.click()

    def task(self, user: User, case: Case, task: str, outcome: str, **fields: Any) -> Any:
        """Answer, check, confirmed."""
        page = self.at(user, f"/cases/{case.ref}/steps/{task}/")
        self.fill(page, outcome=outcome, **fields)
        self.send(page, "main form .btn.main:visible")
        if page.locator("button[value=yes]").count():
            self.send(page, "button[value=yes]")
        return page

    def refused(self, page: Any, *statuses: int) -> None:
        """The page was refused as it should be; the browser notes the status, and nothing else."""
        assert page.problems and all(any(str(one) in said for one in statuses) for said in page.problems)
        page.problems.clear()

    def finish(self) -> None:
        for page in self._pages.values():
            assert page.problems == [] and page.outside_calls == []


def plan_of(town: SimpleNamespace, perform: Callable[[Job], None], lin: User) -> Any:
    """D becomes a shelter: 15 places for 500 yuan, 15 people of the east newly served."""
    town.roles[3].conversion_cost_fen = 50_000
    town.roles[3].save()
    from planning.services import runs

    found, job = runs.start_runs(
        user=None, city=town.city, scenario=town.scenario, times_of_day=["night"], detour_factor=1.0
    )
    perform(job)
    found[0].refresh_from_db()
    version = plans.suggest_plan(
        user=None, city=town.city, runs=found, budget_fen=60_000, name="首个方案", name_en="First plan",
        kinds=["convert"], time_limit_seconds=5,
    )  # fmt: skip
    perform(version.job)
    version.refresh_from_db()
    freeze_version(user=lin, version=version)
    return found[0], version


def finished(job: Job, page: Any) -> None:
    for _turn in range(240):
        job.refresh_from_db()
        if job.finished_at:
            break
        page.wait_for_timeout(250)
    assert job.state == "done", job.error


@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_a_plans_intervention_is_approved_paid_built_and_closes_its_gap_on_the_map(
    town: Any, officials: Any, at_work: Any, open_page: Any, axe: Any, show: Any, language: str
) -> None:
    office, who = Office(open_page, axe, language), officials
    today = timezone.localdate()
    window = office.at(who.lin, "/")
    before, version = plan_of(town, lambda job: finished(job, window), who.lin)

    # the planner makes the project of the plan, gives it money and milestones, hands it in
    page = office.at(who.lin, f"/plans/{version.plan.ref}/")
    page.wait_for_selector("body[data-ready]", timeout=30_000)
    office.send(page, "form[action*=from-plan] button")
    project = Project.objects.get()
    assert (project.units, project.gap_promised, project.cost_fen) == (15, 15, 50_000)
    page = office.at(who.lin, f"/projects/{project.ref}/edit/")
    office.fill(page, investment_code=CODE)
    office.send(page)
    page = office.at(who.lin, f"/projects/{project.ref}/money/edit/")
    office.fill(
        page, year=[today.year, today.year + 1], source=["central", "local"], amount=["300", "200"],
        tranche=["开工", "竣工"], tranche_amount=["400", "100"], milestone=["竣工"],
        planned_on=[(today + timedelta(days=90)).isoformat()], percent=["100"],
    )  # fmt: skip
    office.send(page)
    page = office.at(who.lin, f"/projects/{project.ref}/")
    office.fill(page, route="approval")
    office.send(page, "form[action$='/submit/'] button")
    case = Case.objects.get()

    # departments: one agrees, one returns it with two items
    office.task(who.wang, case, "completeness", "done")
    office.task(who.natural_resources, case, "natural-resources", "agree")
    office.task(
        who.reform, case, "reform", "return", item=["补充用地手续", "说明费用构成"], reason="材料不全"
    )
    case.refresh_from_db()
    assert case.state == "returned"
    expect(office.at(who.lin, "/inbox/").locator(f"a[href='/cases/{case.ref}/answers/']")).to_be_visible()

    # the planner answers each and hands in again: a new round, everything asked anew
    page = office.at(who.lin, f"/cases/{case.ref}/answers/")
    for number, field in enumerate(page.locator("textarea").all()):
        field.fill(f"第{number + 1}条已补充")
    office.send(page, "button[name=again]")
    case.refresh_from_db()
    assert (case.state, case.round) == ("open", 2)
    office.task(who.wang, case, "completeness", "done")
    for task in ("reform", "natural-resources", "housing", "emergency", "finance"):
        office.task(getattr(who, task.replace("-", "_")), case, task, "agree")
    office.task(who.wang, case, "recommend", "approve", reason="需求可追溯")

    # who recommended may not decide; the decision is an approval with a condition
    refused = office.at(who.wang, f"/cases/{case.ref}/steps/decide/")
    assert refused.locator("[name=outcome]").count() == 0
    office.refused(refused, 403)
    office.task(
        who.zhao, case, "decide", "conditions", reason="同意", condition=["取得消防审查意见"],
        condition_due=[(today + timedelta(days=30)).isoformat()],
    )  # fmt: skip
    project.refresh_from_db()
    assert (project.state, project.approved_fen) == ("approved", 50_000)

    # the tranche is asked for, blocked by the condition, released once that is met
    page = office.at(who.lin, f"/projects/{project.ref}/")
    office.send(page, "form[action*='/tranches/1/ask/'] button")
    release = Case.objects.get(tranche__number=1)
    office.task(who.finance, release, "finance", "approve", reason="账户已核对")
    page = office.task(who.zhao, release, "decide", "approve", reason="同意拨付")
    expect(page.locator("main [role=alert]")).to_contain_text("取得消防审查意见")
    office.refused(page, 409, 422)
    assert not project.tranches.filter(release__isnull=False).exists()
    condition = Condition.objects.get(state="open")
    page = office.at(who.wang, f"/conditions/{condition.pk}/")
    office.fill(page, note="审查意见书 2026-118 号")
    office.send(page)
    office.task(who.zhao, release, "decide", "approve", reason="条件已满足")
    assert project.tranches.get(number=1).release.amount_fen == 40_000

    # contract, start, a payment to somebody on no contract, a report
    page = office.at(who.finance, f"/projects/{project.ref}/money/contracts/new/")
    office.fill(page, number="HT-1", payee="小镇建工", amount_fen="450", signed_on=today.isoformat())
    office.send(page)
    page = office.at(who.sun, f"/projects/{project.ref}/works/start/")
    office.fill(page, started_on=today.isoformat())
    office.send(page)
    page = office.at(who.finance, f"/projects/{project.ref}/money/payments/new/")
    page.locator("[name=tranche]").select_option(index=1)
    office.fill(page, payee="别家公司", amount_fen="100", paid_on=today.isoformat())
    office.send(page)
    project.refresh_from_db()
    assert project.state == "works" and project.payments.get().amount_fen == 10_000

    # the rules ask about the payee; its owner explains, another closes
    page = office.at(who.gao, "/supervision/")
    office.send(page, "form[action='/supervision/run/'] button")
    finished(Job.objects.filter(kind="supervision").latest("id"), page)
    alert = SupervisionAlert.objects.get(rule__code="payee")
    page = office.at(alert.owner, f"/supervision/alerts/{alert.pk}/")
    office.fill(page, text="委托代付，协议见附件")
    office.send(page, "main form:has(textarea[name=text]) .btn.main")
    judge = who.gao if alert.owner != who.gao else who.wang
    page = office.at(judge, f"/supervision/alerts/{alert.pk}/")
    office.fill(page, act="close", note="协议已核对")
    office.send(page, "main form:has([name=act][value=close]) .btn.main")
    alert.refresh_from_db()
    assert alert.state == "closed"

    # the milestone is reported by one side and seen by the other
    page = office.at(who.sun, f"/projects/{project.ref}/works/milestones/1/")
    office.fill(page, reported_on=today.isoformat())
    office.send(page, "main form:has([name=reported_on]) .btn.main")
    page = office.at(who.wang, f"/projects/{project.ref}/works/milestones/1/")
    office.fill(page, answer="seen", reached_on=today.isoformat(), text="已到场核验")
    office.send(page, "main form:has([name=answer]) .btn.main")
    assert project.milestones.get().reached_on == today

    # as built, tried, accepted into the registry
    page = office.at(who.sun, f"/projects/{project.ref}/handover/report/")
    office.fill(page, built_units="15", reported_hours="24")
    office.send(page)
    page = office.at(who.wang, f"/projects/{project.ref}/handover/check/")
    office.fill(
        page, checked_on=today.isoformat(), tried_units="15", tried_hours="20", passed="yes", note="已试转换"
    )
    for yes in page.locator("input[type=radio][name^=item-][value=yes]").all():
        yes.check(force=True)
    office.send(page)
    page = office.at(who.zhao, f"/projects/{project.ref}/handover/accept/")
    office.send(page)
    project.refresh_from_db()
    assert project.state == "commissioned"

    # the last tranche goes out, and the gap on the map is smaller by what was promised
    page = office.at(who.lin, f"/projects/{project.ref}/")
    office.send(page, "form[action*='/tranches/2/ask/'] button")
    last = Case.objects.get(tranche__number=2)
    office.task(who.finance, last, "finance", "approve", reason="已入库")
    office.task(who.zhao, last, "decide", "approve", reason="同意")
    assert project.tranches.get(number=2).release.amount_fen == 10_000
    page = office.at(who.lin, "/map/")
    page.wait_for_selector("body[data-ready]", timeout=30_000)
    page.locator("#run").click()
    expect(page.locator("#running-box")).to_be_hidden(timeout=60_000)
    after = Run.objects.filter(time_of_day="night", state="done").latest("id")
    served = {run.pk: run.totals[0]["served"] for run in (before, after)}
    assert after.pk != before.pk and served[after.pk] - served[before.pk] == project.gap_promised == 15
    gap = after.totals[0]["need"] - served[after.pk]
    expect(page.locator("#reading")).to_contain_text(f"{gap}", timeout=30_000)
    office.at(who.lin, f"/projects/{project.ref}/")
    office.finish()
