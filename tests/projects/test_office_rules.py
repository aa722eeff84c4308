"""Deputies, calendar years and routes: what an office decides once and works by afterwards."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date, timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.core.management import CommandError, call_command
from django.db import IntegrityError, transaction
from django.utils import timezone

from core.errors import DomainError, Forbidden, InvalidInput
from projects.choices import RouteState
from projects.models import CalendarDay, Deputy, Project, Route, Step
from projects.selectors import calendar as calendar_selectors
from projects.selectors import officers
from projects.services import calendar_years, cases, deputies, routes, working_days

pytestmark = pytest.mark.django_db
TODAY = timezone.localdate


def named(user: Any, principal: Any, deputy: Any, days: tuple[int, int] = (0, 7), reason: str = "leave") -> Deputy:  # fmt: skip
    return deputies.name_deputy(
        user=user, principal=principal, deputy=deputy, valid_from=TODAY() + timedelta(days=days[0]),
        valid_to=TODAY() + timedelta(days=days[1]), reason=reason,
    )[0]  # fmt: skip


def refused(call: Callable[[], Any]) -> str:
    with pytest.raises(DomainError) as error, transaction.atomic():
        call()
    return error.value.code


@pytest.fixture
def admin(person: Any) -> Any:
    return person("tang.lei", "admin")


# --- deputies --------------------------------------------------------------------------------------


def test_a_deputy_does_the_tasks_of_the_one_represented_until_the_end(people: dict[str, Any], project: Project) -> None:  # fmt: skip
    case = cases.submit(user=people["lin"], project=project, route=routes.current(code="approval"))
    step = case.steps.get(task__code="completeness")
    assert not officers.standing(people["lin"], step).may
    row = named(people["wang"], people["wang"], people["lin"])
    assert officers.standing(people["lin"], step).principal == people["wang"]
    deputies.end(user=people["wang"], deputy=row)
    assert not officers.standing(people["lin"], step).may
    assert refused(lambda: deputies.end(user=people["wang"], deputy=row)) == "deputy-over"


def test_nobody_lends_themselves_the_rights_of_another(people: dict[str, Any], admin: Any, person: Any) -> None:  # fmt: skip
    both = person("both", "admin", "approver")
    assert refused(lambda: named(both, people["zhao"], both)) == "deputy-named-oneself"
    assert refused(lambda: named(people["zhao"], people["zhao"], people["zhao"])) == "deputy-oneself"
    assert refused(lambda: named(people["lin"], people["zhao"], people["wang"])) == "deputy-not-yours"
    assert refused(lambda: named(people["lin"], people["lin"], people["wang"])) == "nothing-to-stand-for"
    named(admin, people["zhao"], people["wang"])
    with pytest.raises(IntegrityError, match="deputy_named_by_another"), transaction.atomic():
        Deputy.objects.create(
            principal=people["zhao"], deputy=both, named_by=both, valid_from=date(2030, 1, 1), valid_to=date(2030, 2, 1)
        )  # fmt: skip


def test_a_district_lends_no_right_of_the_whole_city(people: dict[str, Any], person: Any) -> None:
    local = person("local.head", "approver", area="510104")
    clerk = person("clerk", "reviewer", area="510104")
    assert refused(lambda: named(local, people["wang"], people["lin"])) == "deputy-not-yours"
    assert named(local, clerk, people["lin"]).named_by == local


def test_a_deputy_is_not_represented_by_a_deputy(people: dict[str, Any]) -> None:
    wang, zhao, finance = people["wang"], people["zhao"], people["finance"]
    first = named(wang, wang, zhao, (0, 10))
    assert refused(lambda: named(zhao, zhao, finance, (5, 20))) == "deputy-chain"
    assert refused(lambda: named(finance, finance, wang, (5, 20))) == "deputy-chain"
    assert refused(lambda: named(wang, wang, zhao, (10, 12))) == "deputy-already"
    named(zhao, zhao, finance, (11, 20))
    deputies.end(user=zhao, deputy=first)
    named(zhao, zhao, people["reform"], (0, 5))
    with pytest.raises(IntegrityError, match="not represented"), transaction.atomic():
        Deputy.objects.create(principal=people["reform"], deputy=wang, valid_from=TODAY(), valid_to=TODAY())


def test_others_in_the_same_time_are_told_and_odd_times_refused(people: dict[str, Any]) -> None:
    wang = people["wang"]
    named(wang, wang, people["finance"])
    _row, others = deputies.name_deputy(
        user=wang,
        principal=wang,
        deputy=people["reform"],
        valid_from=TODAY(),
        valid_to=TODAY(),
        reason="leave",
    )
    assert [one.deputy for one in others] == [people["finance"]]
    assert refused(lambda: named(wang, wang, people["health"], (3, 1))) == "until-before-from"
    assert refused(lambda: named(wang, wang, people["health"], (-9, -1))) == "deputy-past"
    assert refused(lambda: named(wang, wang, people["health"], (0, 400))) == "deputy-too-long"
    assert refused(lambda: named(wang, wang, people["health"], reason=" ")) == "no-reason"
    assert refused(lambda: named(wang, wang, people["chen"])) == "deputy-unknown-here"


def test_a_deputy_is_ended_not_changed(people: dict[str, Any]) -> None:
    row = named(people["wang"], people["wang"], people["finance"])
    for change in ({"deputy": people["reform"]}, {"valid_to": TODAY() + timedelta(days=99)}, {"reason": "x"}):
        with pytest.raises(IntegrityError, match="ended, not changed"), transaction.atomic():
            Deputy.objects.filter(pk=row.pk).update(**change)
    with pytest.raises(IntegrityError, match="is kept"), transaction.atomic():
        row.delete()
    later = named(people["wang"], people["wang"], people["reform"], (5, 9))
    deputies.end(user=people["reform"], deputy=later)
    assert not officers.principals_of(people["reform"])


# --- calendar --------------------------------------------------------------------------------------

# The notice of a year that has not been announced yet, made up in the shape of those before.
DAYS_2027 = """
2027-01-01 off 元旦 New Year's Day
2027-02-05 off 春节 Spring Festival
2027-02-08 off 春节 Spring Festival
2027-02-09 off 春节 Spring Festival
2027-02-14 work 春节 Spring Festival
"""


def test_a_notice_is_entered_and_open_tasks_are_due_later_never_sooner(
    admin: Any, people: dict[str, Any], project: Project
) -> None:
    case = cases.submit(user=people["lin"], project=project, route=routes.current(code="approval"))
    step = case.steps.get(task__code="completeness")
    begun = timezone.make_aware(timezone.datetime(2027, 2, 3, 9))  # type: ignore[attr-defined]
    Step.objects.filter(pk=step.pk).update(opened_at=begun, due_on=working_days.add_working_days(begun.date(), 3))  # fmt: skip
    step.refresh_from_db()
    # Thursday 4, Friday 5, Monday 8 February as long as nothing is announced.
    assert step.due_on == date(2027, 2, 8)
    done = calendar_years.enter_year(
        user=admin,
        year=2027,
        days=calendar_years.read_days(DAYS_2027, 2027),
        announced=True,
        source="国办发明电",
    )
    step.refresh_from_db()
    # 5, 8 and 9 are free: Thursday 4, Wednesday 10, Thursday 11.
    assert (step.due_on, done.moved, done.year.announced) == (date(2027, 2, 11), 1, True)
    again = calendar_years.enter_year(user=admin, year=2027, days=[], announced=False, source="")
    step.refresh_from_db()
    assert (step.due_on, again.moved) == (date(2027, 2, 11), 0)


def test_every_line_that_cannot_be_read_is_named_at_once() -> None:
    text = "2027-02-30 off\n2027-02-08 free\n2026-02-09 off\n2027-02-10 work\n2027-02-11 off\n2027-02-11 off\n# a note\n\n"  # fmt: skip
    with pytest.raises(InvalidInput) as error:
        calendar_years.read_days(text, 2027)
    assert [(one.row, one.code) for one in error.value.problems] == [
        (1, "bad-date"), (2, "bad-kind"), (3, "other-year"), (4, "no-difference"), (6, "day-twice"),
    ]  # fmt: skip


def test_a_year_written_down_and_read_again_is_the_same_year(town: Any) -> None:
    for year in (2025, 2026, 2027):
        rows = list(CalendarDay.objects.filter(date__year=year).order_by("date"))
        read = calendar_years.read_days(calendar_years.written(rows), year)
        assert [(day, works) for day, works, *_names in read] == [(row.date, row.working) for row in rows]


def test_the_wall_calendar_counts_what_due_dates_count(town: Any) -> None:
    for year, working in ((2025, 248), (2026, 248)):
        view = calendar_selectors.year_view(year)
        assert view.working == working
        one, end = date(year - 1, 12, 31), date(year, 12, 31)
        assert working_days.working_days_between(one, end) == working
        shown = {day.date: day.kind for _f, weeks, _c in view.months for week in weeks for day in week if day}
        assert len(shown) == 365
        assert all((kind in ("work", "makeup")) == working_days.is_working(day) for day, kind in shown.items())  # fmt: skip


def test_only_an_administrator_enters_a_year(people: dict[str, Any]) -> None:
    with pytest.raises(Forbidden):
        calendar_years.enter_year(user=people["zhao"], year=2027, days=[], announced=False, source="")


# --- routes ----------------------------------------------------------------------------------------


def test_a_route_is_drafted_by_one_and_published_by_another_and_running_cases_keep_theirs(
    admin: Any, person: Any, people: dict[str, Any], project: Project, approval: Route
) -> None:
    case = cases.submit(user=people["lin"], project=project, route=approval)
    document = json.loads(json.dumps(approval.document)) | {"name_en": "Approval, quicker"}
    both = person("both", "admin", "approver")
    draft = routes.store_draft(user=both, document=document)
    assert (draft.version, draft.state) == (2, RouteState.DRAFT)
    assert refused(lambda: routes.publish(user=both, route=draft)) == "route-two-people"
    with pytest.raises(IntegrityError, match="route_by_two_people"), transaction.atomic():
        Route.objects.filter(pk=draft.pk).update(state="published", published_by=both)
    with pytest.raises(IntegrityError, match="somebody else"), transaction.atomic():
        Route.objects.filter(pk=draft.pk).update(state="published")
    routes.publish(user=people["zhao"], route=draft)
    approval.refresh_from_db()
    case.refresh_from_db()
    assert (approval.state, case.route_id) == (RouteState.RETIRED, approval.pk)
    assert routes.current(code="approval") == draft
    with pytest.raises(IntegrityError, match="does not change"), transaction.atomic():
        Route.objects.filter(pk=draft.pk).update(name="x")


def test_a_draft_is_worked_on_in_place_and_can_be_thrown_away(admin: Any, approval: Route) -> None:
    first = routes.store_draft(user=admin, document=approval.document | {"name": "一"})
    second = routes.store_draft(user=admin, document=approval.document | {"name": "二"})
    assert (first.version, second.version, Route.objects.filter(code="approval").count()) == (2, 2, 2)
    assert routes.store_draft(user=admin, document=approval.document | {"name": "二"}) == second
    routes.drop_draft(user=admin, route=second)
    assert refused(lambda: routes.drop_draft(user=admin, route=approval)) == "route-not-draft"
    assert Route.objects.filter(code="approval").count() == 1


def test_everything_wrong_with_a_route_is_told_at_once(town: Any) -> None:
    text = """
code: Müll hier
kind: nonsense
certainty: E
colour: red
stages:
  - code: one
    tasks:
      - {code: a, kind: check, role: king, name: 12, due: -3, department: army, area_level: 9, only: {cost_from_fen: 1.5, kinds: [fly], services: [nothing], domains: [health], moon: 1}}
      - {code: a, kind: recommend, role: reviewer, name: A, only: {kinds: [convert]}}
  - {code: one}
  - 7
"""
    with pytest.raises(InvalidInput) as error:
        routes.read_document(text)
    found = {(problem.column, problem.code) for problem in error.value.problems}
    place = "stages[1].tasks[1]"
    assert found >= {
        ("code", "bad-code"), ("name", "missing"), ("kind", "unknown"), ("certainty", "unknown"), ("colour", "unknown"),
        (f"{place}.role", "unknown"), (f"{place}.name", "not-a-text"), (f"{place}.due", "not-a-number"),
        (f"{place}.department", "unknown"), (f"{place}.area_level", "unknown"), (f"{place}.only.cost_from_fen", "not-a-number"),
        (f"{place}.only.kinds", "unknown"), (f"{place}.only.services", "unknown"), (f"{place}.only.domains", "unknown"),
        (f"{place}.only.moon", "unknown"), ("stages[1].tasks[2].only", "always"), ("tasks", "twice"), ("stages[2]", "missing"),
        ("stages[3]", "missing"), ("stages", "one-decision"),
    }  # fmt: skip


@pytest.mark.parametrize("text", ["", "[]", "a: [", "- 1", "code: x", "&a [*a]", "stages: {}", "stages: [{code: a, tasks: {}}]", "!!python/object:os.system x"])  # fmt: skip
def test_what_is_no_route_is_refused_in_words(town: Any, text: str) -> None:
    with pytest.raises(DomainError):
        routes.read_document(text)


def test_shipped_routes_written_down_and_read_again_are_the_same(town: Any) -> None:
    for path in routes.SHIPPED.glob("*.yaml"):
        document = routes.read_document(path.read_text(encoding="utf-8"))
        assert routes.read_document(routes.write_document(document)) == document
        stored = Route.objects.get(code=document["code"], version=1)
        assert routes.check_document(stored.document) == []


def test_a_newer_shipped_text_of_a_route_waits_as_a_draft(
    town: Any, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert routes.load_shipped() == []
    text = (routes.SHIPPED / "filing.yaml").read_text(encoding="utf-8")
    (tmp_path / "filing.yaml").write_text(text.replace("due: 3", "due: 4", 1), encoding="utf-8")
    assert text != (tmp_path / "filing.yaml").read_text(encoding="utf-8")
    monkeypatch.setattr(routes, "SHIPPED", tmp_path)
    made = routes.load_shipped()
    assert [(one.code, one.version, one.state) for one in made] == [("filing", 2, "draft")]
    assert routes.current(code="filing").version == 1
    # The draft of an office is never overwritten, and what it has published before is not offered again.
    assert routes.load_shipped() == []
    routes.publish(user=None, route=made[0])
    assert routes.load_shipped() == [] and routes.current(code="filing").version == 2


def test_every_department_that_a_shipped_route_asks_is_asked_about_some_service(town: Any) -> None:
    """A condition that no service fulfils would leave a department out for ever."""
    from facilities.models import ServiceType

    domains = set(ServiceType.objects.values_list("domain", flat=True))
    for route in Route.objects.all():
        for stage in route.stages.all():
            for task in stage.tasks.all():
                assert set(task.condition.get("domains", domains)) & domains, f"{route}: {task.code}"


# --- pages, API, commands --------------------------------------------------------------------------

PAGES = [
    "/rules/", "/rules/deputies/", "/rules/calendar/", "/rules/calendar/?year=2027", "/rules/routes/", "/rules/routes/approval/1/",
]  # fmt: skip
FOR_ADMINS = ["/rules/calendar/2027/", "/rules/routes/draft/", "/webhooks/", "/webhooks/new/"]


def test_everybody_reads_the_rules_and_only_who_may_changes_them(client: Any, people: dict[str, Any], admin: Any) -> None:  # fmt: skip
    for address in [*PAGES, *FOR_ADMINS]:
        assert client.get(address).status_code == 302
    client.force_login(people["zhao"])
    assert [client.get(address).status_code for address in PAGES] == [200] * len(PAGES)
    assert [client.get(address).status_code for address in FOR_ADMINS] == [403] * len(FOR_ADMINS)
    client.force_login(admin)
    assert [client.get(address).status_code for address in [*PAGES, *FOR_ADMINS]] == [200] * 10


def test_what_was_typed_is_kept_when_it_is_refused(client: Any, admin: Any, people: dict[str, Any]) -> None:
    client.force_login(admin)
    answer = client.post("/rules/calendar/2027/", {"days": "2027-02-08 free day", "source": "notice", "announced": "on"})  # fmt: skip
    page = answer.content.decode()
    assert (answer.status_code, "2027-02-08 free day" in page, 'value="notice"' in page) == (422, True, True)
    answer = client.post("/rules/routes/draft/", {"text": "code: my-own-route"})
    assert (answer.status_code, "my-own-route" in answer.content.decode()) == (422, True)
    answer = client.post("/webhooks/new/", {"name": "told", "url": "https://10.0.0.1/x", "kind": ["money.paid"]})  # fmt: skip
    page = answer.content.decode()
    assert (answer.status_code, "https://10.0.0.1/x" in page, 'value="money.paid" checked' in page) == (
        422,
        True,
        True,
    )
    client.force_login(people["wang"])
    answer = client.post("/rules/deputies/", {"principal": "wang.jun", "deputy": "zhao.min", "valid_from": "2031-01-05", "valid_to": "2031-01-01", "reason": "my leave"})  # fmt: skip
    assert (answer.status_code, "my leave" in answer.content.decode()) == (422, True)


def test_a_webhook_is_set_up_on_its_page_its_secret_shown_once_and_one_form_makes_one(
    client: Any, admin: Any, settings: Any
) -> None:
    from projects.models import Webhook

    client.force_login(admin)
    form = {"name": "平台", "url": "https://example.org/x", "sheet": "one"}
    page = client.post("/webhooks/new/", form).content.decode()
    hook = Webhook.objects.get()
    assert hook.secret in page
    assert client.post("/webhooks/new/", form).status_code == 409
    assert Webhook.objects.count() == 1
    assert hook.secret not in client.get(f"/webhooks/{hook.pk}/").content.decode()
    page = client.post(f"/webhooks/{hook.pk}/rotate/", {"hours": "24", "sheet": "two"}).content.decode()
    hook.refresh_from_db()
    assert hook.secret in page
    assert client.post(f"/webhooks/{hook.pk}/ping/").status_code == 302
    assert "webhook.ping" in client.get(f"/webhooks/{hook.pk}/").content.decode()
    assert client.post(f"/webhooks/{hook.pk}/remove/").status_code == 302
    assert not Webhook.objects.exists()


def test_the_api_does_what_the_pages_do(client: Any, admin: Any, people: dict[str, Any], project: Project) -> None:  # fmt: skip
    def call(method: str, address: str, body: Any = None) -> Any:
        return getattr(client, method)(f"/api/v1/{address}", body, content_type="application/json")

    client.force_login(admin)
    made = call("post", "webhooks/", {"city": "town", "name": "a", "url": "https://example.org/", "kinds": ["money.paid"]})  # fmt: skip
    assert made.status_code == 201
    hook = made.json()
    assert hook["secret"].startswith("whsec_")
    assert "secret" not in client.get(f"/api/v1/webhooks/{hook['id']}/").json()
    assert call("patch", f"webhooks/{hook['id']}/", {"kinds": []}).json()["kinds"] == []
    assert call("post", f"webhooks/{hook['id']}/rotate/", {}).json()["secret"] != hook["secret"]
    ping = call("post", f"webhooks/{hook['id']}/ping/").json()
    told = client.get(f"/api/v1/webhooks/{hook['id']}/deliveries/").json()["results"]
    assert [one["event"]["id"] for one in told] == [ping["id"]]
    assert call("post", f"webhooks/{hook['id']}/replay/").json()["code"] == "nothing-dead"
    assert call("post", f"webhooks/{hook['id']}/catch-up/", {"after": 0}).json()["count"] >= 1
    assert call("delete", f"webhooks/{hook['id']}/").status_code == 204
    year = client.get("/api/v1/calendar-years/2026/").json()
    assert (year["announced"], year["working_days"]) == (True, 248)
    assert call("put", "calendar-years/2027/", {"announced": True, "source": "notice", "days": [{"date": "2027-02-08", "working": False, "name": "春节", "name_en": "x"}]}).status_code == 200  # fmt: skip
    document = client.get("/api/v1/routes/approval/versions/1/").json()["document"]
    drafted = call("post", "routes/", {"document": document | {"name": "新"}})
    assert (drafted.status_code, drafted.json()["version"]) == (201, 2)
    problems = call("post", "routes/", {"yaml": "code: x"}).json()["problems"]
    assert len(problems) >= 3
    client.force_login(people["zhao"])
    assert call("post", "routes/approval/versions/2/publish/").json()["state"] == "published"
    assert call("post", "webhooks/", {"city": "town", "name": "a", "url": "https://example.org/"}).status_code == 403  # fmt: skip
    client.force_login(people["wang"])
    body = {"deputy": "zhao.min", "valid_from": str(TODAY()), "valid_to": str(TODAY()), "reason": "leave"}
    row = call("post", "deputies/", body).json()
    assert (row["principal"], row["in_force"], row["also"]) == ("wang.jun", True, [])
    assert call("post", f"deputies/{row['id']}/end/").json()["in_force"] is False
    client.force_login(people["lin"])
    assert client.get(f"/api/v1/deputies/{row['id']}/").status_code == 404


def test_events_are_read_on_from_a_number_and_a_district_reads_only_its_own(
    client: Any, people: dict[str, Any], person: Any, project: Project
) -> None:
    from projects.services import events

    for number in range(5):
        events.tell(project=project, kind="works.reported", ref=project.ref, payload={"n": number})
    events.tell_city(city_id=project.city_id, kind="audit.anchor", ref="audit", payload={})
    client.force_login(people["lin"])
    seen, after = [], 0
    while True:
        page = client.get(f"/api/v1/events/?after={after}&page_size=2").json()
        seen += [row["number"] for row in page["results"]]
        after = page["next_after"]
        if not page["more"]:
            break
    assert seen == sorted(set(seen))
    assert len(seen) == 7
    assert client.get("/api/v1/events/?after=x").json()["code"] == "bad-number"
    assert client.get("/api/v1/events/?kind=nonsense").json()["code"] == "unknown-event"
    local = person("local", "viewer", area="510104")
    client.force_login(local)
    kinds = {row["kind"] for row in client.get("/api/v1/events/").json()["results"]}
    assert kinds == {"money.lines", "works.reported"}
    Project.objects.update(area=None)
    assert client.get("/api/v1/events/").json()["results"] == []


def test_commands_do_the_same_and_refuse_in_words(people: dict[str, Any], admin: Any, tmp_path: Path, town: Any) -> None:  # fmt: skip
    def run(*words: str) -> Any:
        out = StringIO()
        call_command(*words, "--json", stdout=out)
        return json.loads(out.getvalue())

    hook = run("webhook", "add", "town", "a", "https://example.org/x", "--kind", "money.paid", "--as", "tang.lei")  # fmt: skip
    assert hook["secret"].startswith("whsec_")
    assert run("webhook", "list", "--as", "tang.lei")[0]["kinds"] == ["money.paid"]
    assert run("webhook", "change", str(hook["id"]), "--all-kinds", "--off", "--as", "tang.lei")["active"] is False  # fmt: skip
    with pytest.raises(CommandError, match="webhook-off"):
        run("webhook", "ping", str(hook["id"]), "--as", "tang.lei")
    with pytest.raises(CommandError, match="forbidden"):
        run("webhook", "list", "--as", "wang.jun")
    row = run("deputies", "name", "wang.jun", "zhao.min", "--until", str(TODAY()), "--reason", "leave", "--as", "wang.jun")  # fmt: skip
    assert run("deputies", "end", str(row["id"]), "--as", "wang.jun")["in_force"] is False
    days = tmp_path / "2027.txt"
    days.write_text(DAYS_2027)
    year = run("calendar", "enter", "2027", str(days), "--source", "notice", "--as", "tang.lei")
    assert (year["announced"], len(year["days"])) == (True, 5)
    draft = tmp_path / "route.yaml"
    draft.write_text(
        run("routes", "yaml", "filing", "1", "--as", "lin.wei")["yaml"].replace("due: 3", "due: 2")
    )
    assert run("routes", "draft", str(draft), "--as", "tang.lei")["version"] == 2
    assert run("routes", "publish", "filing", "2", "--as", "zhao.min")["state"] == "published"
    draft.write_text(yaml.safe_dump({"code": "x"}))
    with pytest.raises(CommandError, match=r"stages: This is needed"):
        run("routes", "draft", str(draft), "--as", "tang.lei")


@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_the_pages_are_accessible_and_fit_a_narrow_window(
    transactional_db: None,
    open_page: Any,
    axe: Any,
    admin: Any,
    people: dict[str, Any],
    town: Any,
    language: str,
) -> None:
    from projects.services import webhooks

    hook, _secret = webhooks.add(user=admin, city=town, name="平台", url="https://example.org/" + "x" * 90)
    webhooks.ping(user=admin, webhook=hook)
    named(people["wang"], people["wang"], people["zhao"])
    addresses = [*PAGES, *FOR_ADMINS, f"/webhooks/{hook.pk}/", f"/webhooks/{hook.pk}/edit/", f"/webhooks/{hook.pk}/remove/", "/audit/"]  # fmt: skip
    page = open_page(user=admin, language=language)
    narrow = open_page(user=admin, language=language, width=400)
    for address in addresses:
        page.goto(address)
        assert axe(page) == [], address
        narrow.goto(address)
        assert narrow.evaluate("document.documentElement.scrollWidth") <= 400, address
    assert (page.problems, page.outside_calls) == ([], [])
