"""Sign-in, account, tokens, audit, search, health and errors, as a person meets them."""

from collections.abc import Callable
from typing import Any

import pytest
from django.core.cache import cache
from django.db import connection
from django.test import Client
from django.utils import translation

from core.models import ApiToken, Area, AuditEntry, User
from core.selectors.jobs import WORKER_SEEN
from core.services import audit, jobs
from core.services.audit_chain import verify_chain
from core.services.people import create_demo_accounts


@pytest.fixture
def browser(person: Callable[..., User], city: Any) -> Callable[..., Client]:
    def open_as(username: str, *roles: str, area: Any = None) -> Client:
        client = Client()
        client.force_login(person(username, *roles, area=area))
        return client

    return open_as


@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_every_page_of_the_core_opens_in_both_languages(browser: Any, language: str) -> None:
    boss = browser("boss", "admin")
    boss.cookies["django_language"] = language
    job, _created = jobs.submit(kind="nobody", params={}, user=User.objects.get())
    for address in (
        "/account/",
        "/account/tokens/",
        "/audit/",
        "/search/",
        "/search/?q=5101x",
        "/developers/",
        "/jobs/",
        f"/jobs/{job.ref}/",
    ):
        page = boss.get(address)
        assert page.status_code == 200, address
        assert f'<html lang="{language}"' in page.content.decode()
        assert "script-src 'self'" in page["Content-Security-Policy"]


def test_pages_ask_for_a_sign_in(db: None, client: Client) -> None:
    for address in ("/account/", "/account/tokens/", "/audit/", "/search/", "/developers/", "/jobs/"):
        assert client.get(address)["Location"].startswith("/login/?next=/")


def test_after_some_wrong_passwords_the_name_must_wait(
    client: Client, person: Any, city: Any, settings: Any
) -> None:
    settings.LOGIN_ATTEMPTS = 3
    person("lin")
    right = {"username": "lin", "password": "a good long word"}
    for _attempt in range(3):
        assert client.post("/login/", {**right, "password": "wrong"}).status_code == 200
    assert client.post("/login/", right).status_code == 429
    assert AuditEntry.objects.filter(act="login.braked", subject_ref="lin").exists()
    cache.clear()
    assert client.post("/login/", right).status_code == 302


def test_a_token_is_shown_once_and_works_until_it_is_revoked(browser: Any) -> None:
    lin = browser("lin", "planner")
    page = lin.post("/account/tokens/", {"name": "QGIS", "days": "30"})
    key = page.context["key"]
    assert key in page.content.decode()
    assert key not in lin.get("/account/tokens/").content.decode()
    program, token = Client(headers={"Authorization": f"Bearer {key}"}), ApiToken.objects.get()
    assert program.get("/api/v1/areas/").json()["count"] == 3
    assert program.get("/tiles/areas/10/808/422.pbf?city=51").status_code == 200
    lin.post(f"/account/tokens/{token.pk}/revoke/")
    assert program.get("/api/v1/areas/").status_code == 401
    assert browser("he", "viewer").post(f"/account/tokens/{token.pk}/revoke/").status_code == 404


def test_the_audit_is_for_auditors_and_its_filters_narrow_it(browser: Any, city: Any) -> None:
    assert browser("lin", "planner").get("/audit/").status_code == 403
    audit.record(user=None, act="facility.edit", subject=city, ref="FA-00001", reason="because")
    audit.record(user=None, act="run.start", subject=city, ref="R-1")
    gao = browser("gao", "auditor")
    assert gao.get("/audit/").context["page"].paginator.count == 2
    assert [
        entry.subject_ref for entry in gao.get("/audit/?act=facility.&search=because").context["page"]
    ] == ["FA-00001"]
    assert "until" in gao.get("/audit/?until=yesterday").context["filters"].errors


def test_a_changed_audit_entry_breaks_the_chain_and_the_database_refuses_the_change(city: Any) -> None:
    for number in (1, 2.0, 1e20, 0.1):
        audit.record(
            user=None,
            act="test",
            subject=city,
            before={"n": number, "文": None},
            after={"words": ["é", "\x00"]},
        )
    report = verify_chain()
    assert (report.entries, report.broken) == (4, None)
    second = AuditEntry.objects.order_by("id")[1]
    with connection.cursor() as cursor:
        cursor.execute("set constraints all immediate")
        cursor.execute("alter table core_auditentry disable trigger audit_is_append_only")
        cursor.execute("update core_auditentry set reason = 'other' where id = %s", [second.pk])
        cursor.execute("alter table core_auditentry enable trigger audit_is_append_only")
    assert verify_chain().broken == second.pk
    with pytest.raises(Exception, match="append-only"):
        AuditEntry.objects.filter(pk=second.pk).delete()


def test_search_opens_an_exact_reference_and_lists_the_rest(browser: Any) -> None:
    lin = browser("lin", "viewer")
    assert lin.get("/search/?q=5101").status_code == 302
    page = lin.get("/search/?q=District").content.decode()
    assert "区01" in page and "区02" in page
    fragment = lin.get("/search/?q=District", headers={"HX-Request": "true"}).content.decode()
    assert "<html" not in fragment and "区02" in fragment


def test_a_city_without_a_role_is_never_in_view(browser: Any, other_city: Any) -> None:
    lin = browser("lin", "viewer", area=Area.objects.get(code="51"))
    page = lin.get("/account/?city=11")
    assert page.context["city"].code == "51"
    assert "城11" not in page.content.decode()


def test_a_tile_is_cached_for_the_one_who_may_see_it(
    browser: Any, django_assert_max_num_queries: Any
) -> None:
    lin = browser("lin", "viewer")
    address = "/tiles/areas/10/808/422.pbf?city=51"
    first = lin.get(address)
    with django_assert_max_num_queries(4):
        again = lin.get(address, headers={"If-None-Match": first["ETag"]})
    assert (first.status_code, again.status_code) == (200, 304)
    assert "private" in first["Cache-Control"]
    assert b"area_labels" in first.content
    assert lin.get("/tiles/roads/10/0/0.pbf?city=51").status_code == 204
    assert lin.get("/tiles/roads/3/9/9.pbf?city=51").status_code == 404
    nobody = Client().get(address)
    assert (nobody.status_code, nobody["Content-Type"]) == (401, "application/problem+json")


def test_health_tells_what_is_missing(db: None, client: Client) -> None:
    cache.set(WORKER_SEEN, 1, 60)
    assert client.get("/healthz").json() == {"status": "ok", "database": True, "redis": True, "worker": True}
    cache.delete(WORKER_SEEN)
    assert client.get("/healthz").json()["worker"] is False


def test_demonstration_accounts_exist_once_and_only_in_debug_mode(city: Any, settings: Any) -> None:
    from core.errors import DomainError

    with pytest.raises(DomainError):
        create_demo_accounts(city)
    settings.DEBUG = True
    told = create_demo_accounts(city)
    assert {account.role for account in told} == {
        "viewer",
        "steward",
        "planner",
        "reviewer",
        "approver",
        "auditor",
        "admin",
    }
    assert Client().login(username=told[0].username, password=told[0].password)
    assert create_demo_accounts(city) == []
    chen = User.objects.get(username="chen.yu")
    assert [each.area.code for each in chen.memberships.all()] == ["5101"]
    again = create_demo_accounts(city, reset=True)
    assert again[0].password != told[0].password


def test_progress_asks_again_until_the_job_is_over(browser: Any) -> None:
    lin = browser("lin", "planner")
    job, _created = jobs.submit(kind="nobody", params={}, user=User.objects.get(), title="Runs")
    waiting = lin.get(f"/jobs/{job.ref}/progress/", headers={"HX-Request": "true"}).content.decode()
    with translation.override("en"):
        assert "hx-get" in waiting and "No worker is running" in waiting
    over = lin.post(f"/jobs/{job.ref}/cancel/", headers={"HX-Request": "true"}).content.decode()
    assert "hx-get" not in over
    assert browser("he", "viewer").get(f"/jobs/{job.ref}/progress/").status_code == 404


def test_a_page_that_is_not_there_says_so_in_words(browser: Any) -> None:
    lin = browser("lin", "viewer")
    page = lin.get("/nonsense/")
    assert (page.status_code, "<h1>" in page.content.decode()) == (404, True)
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(User.objects.get())
    assert strict.post("/language/", {"language": "en"}).status_code == 403


def test_emptying_the_cache_leaves_the_queues_of_the_broker(db: None) -> None:
    client = cache._cache.get_client(None, write=True)
    client.set("some-queue", b"a message")
    cache.set("a", 1)
    cache.clear()
    assert (cache.get("a"), client.get("some-queue")) == (None, b"a message")
    client.delete("some-queue")


def test_a_token_form_sent_again_by_a_reload_makes_no_second_token(browser: Any) -> None:
    lin = browser("lin", "viewer")
    sheet = lin.get("/account/tokens/").context["sheet"]
    lin.post("/account/tokens/", {"name": "QGIS", "days": "30", "sheet": sheet})
    again = lin.post("/account/tokens/", {"name": "QGIS", "days": "30", "sheet": sheet})
    assert again.status_code == 422
    assert ApiToken.objects.count() == 1
