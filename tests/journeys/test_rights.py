"""Chen may look at the west of the town only: nothing of the east, in page, count, tile, export, search or API."""

import gzip
import json
from typing import Any

import pytest
from django.test import Client

from core.services import jobs
from planning.services import plans, runs
from tests.planning.mvt import features
from tests.planning.town import SERVICE

# Names and references of what lies in the east or in no area. The frame of the map names no such place.
EAST = (
    "Place 2",
    "Place 3",
    "Place 4",
    "Stray place",
    "FA-90002",
    "FA-90003",
    "FA-90004",
    "FA-99999",
    "East",
)


@pytest.fixture
def answered(town: Any, stray: Any) -> Any:
    """A run and a plan of the whole town."""
    found, job = runs.start_runs(
        user=None, city=town.city, scenario=town.scenario, times_of_day=["night"], detour_factor=1.0
    )
    jobs.perform(job.ref)
    town.run = found[0]
    town.run.refresh_from_db()
    version = plans.suggest_plan(
        user=None, city=town.city, runs=[town.run], budget_fen=10_000_000, name="方案", name_en="Plan",
        time_limit_seconds=5,
    )  # fmt: skip
    jobs.perform(version.job.ref)
    town.version = plans.PlanVersion.objects.get(pk=version.pk)
    return town


def pages(town: Any) -> list[str]:
    plan = town.version.plan.ref
    return [
        "/", "/map/", "/map/?tab=facilities", "/gaps/", f"/gaps/T1/{SERVICE}/", "/runs/", f"/runs/{town.run.ref}/", "/plans/",
        f"/plans/{plan}/", "/facilities/", "/inventory/idle/", "/inventory/stock/", "/jobs/", "/scenarios/", "/scenarios/S-90001/",
        "/search/?q=Place", "/search/?q=FA-9", "/search/?q=East", "/search/?q=Stray",
    ]  # fmt: skip


def test_no_page_shows_chen_a_place_of_the_east(
    answered: Any, person: Any, open_page: Any, show: Any
) -> None:
    page = open_page(user=person("chen", "viewer", answered.left))
    for address in pages(answered):
        show(page, address)
        text = page.locator("body").inner_text()
        for word in EAST:
            # the search page repeats what was typed
            assert word not in text.replace(f"“{word}”", ""), (address, word)
    show(page, f"/plans/{answered.version.plan.ref}/")
    shown = page.locator(".changes .ch[data-order]").count()
    west = answered.version.interventions.filter(area=answered.left)
    assert shown == west.count() < answered.version.interventions.count()
    assert page.problems == [] and page.outside_calls == []


def test_addresses_of_the_east_answer_chen_like_addresses_that_do_not_exist(
    answered: Any, person: Any, client: Client
) -> None:
    client.force_login(person("chen", "viewer", answered.left))
    for address in (
        f"/gaps/T2/{SERVICE}/", f"/gaps/T/{SERVICE}/", "/facilities/FA-90002/", "/facilities/FA-99999/",
        f"/map/card/?run={answered.run.ref}&service={SERVICE}&area=T2", f"/jobs/{answered.run.job.ref}/",
        "/api/v1/facilities/FA-90002/", "/api/v1/facilities/FA-99999/",
        f"/api/v1/runs/{answered.run.ref}/why/?area=T2&service={SERVICE}",
    ):  # fmt: skip
        assert client.get(address).status_code == 404, address
    page = client.get(f"/runs/{answered.run.ref}/").content.decode()
    assert answered.run.job.ref not in page, "a link that leads nowhere"


def test_lists_exports_counts_and_sums_of_the_api_end_at_the_border(
    answered: Any, person: Any, client: Client
) -> None:
    client.force_login(person("chen", "viewer", answered.left))
    run, version = (
        f"/api/v1/runs/{answered.run.ref}/",
        f"/api/v1/plans/{answered.version.plan.ref}/versions/1/",
    )
    for address in (
        "/api/v1/areas/", "/api/v1/facilities/", "/api/v1/capabilities/", "/api/v1/agreements/", run + "areas/", run + "cells/",
        run + "facilities/", version + "interventions/", version + "before-after/", "/api/v1/idle-assets/", "/api/v1/asset-options/",
    ):  # fmt: skip
        for form in ("json", "csv", "geojson"):
            answer = client.get(address, {"format": form})
            if answer.status_code == 406 or (form != "json" and "before-after" in address):
                continue
            assert answer.status_code == 200, (address, form)
            body = b"".join(answer.streaming_content) if answer.streaming else answer.content
            text = body.decode()
            # JSON may write Chinese as escapes; names here are Latin
            for word in (*EAST, "T2", "c3", "c4"):
                assert f'"{word}"' not in text and f",{word}," not in text, (address, form, word)
    facilities = client.get("/api/v1/facilities/").json()
    assert [row["ref"] for row in facilities["results"]] == ["FA-90001"] and facilities["count"] == 1
    totals = client.get(run).json()["totals"]
    assert [(row["need"], row["served"]) for row in totals] == [(80, 60)]
    plan = client.get(version).json()
    assert plan["cost_fen"] is None and plan["value"] is None and plan["candidates"] is None
    layer = client.get("/api/v1/population-layers/").json()["results"][0]
    snapshot = client.get("/api/v1/snapshots/").json()["results"][0]
    assert (layer["people"], layer["cells"], snapshot["sites"]) == (None, None, None)


def test_tiles_hold_nothing_of_the_east(answered: Any, person: Any, client: Client) -> None:
    def drawn(layer: str, path: str, **query: str) -> list[dict[str, Any]]:
        answer = client.get(path, {"city": "town", **query})
        assert answer.status_code in {200, 204}, (path, answer.content[:200])
        body = answer.content
        if answer.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        return features(body, layer) if body else []

    where = "12/3231/1682.pbf"
    seen = {}
    for name, area in (("chen", answered.left), ("wide", answered.root)):
        client.force_login(person(name, "viewer", area))
        seen[name] = {
            "facilities": drawn("facilities", f"/tiles/facilities/{where}"),
            "cells": drawn("cells", f"/tiles/cells/{where}", run=answered.run.ref, service=SERVICE),
        }
    for layer in ("facilities", "cells"):
        assert 0 < len(seen["chen"][layer]) < len(seen["wide"][layer]), layer
    assert not any(word in json.dumps(seen["chen"]) for word in EAST)
    assert sum(int(one["need"]) for one in seen["chen"]["cells"]) == 80


def test_a_role_without_rights_gets_no_buttons_and_a_refusal_in_words(
    answered: Any, person: Any, open_page: Any, show: Any, axe: Any
) -> None:
    page = open_page(user=person("chen", "viewer", answered.left))
    show(page, "/facilities/FA-90001/")
    for name in ("Edit", "Propose a change", "Add a role"):
        assert page.get_by_role("link", name=name, exact=True).count() == 0, name
    show(page, "/plans/")
    assert page.get_by_role("link", name="Suggest sites").count() == 0
    for address in ("/plans/new/", "/scenarios/new/", "/facilities/import/", "/audit/"):
        answer = page.goto(address)
        assert answer.status == 403, address
        assert page.get_by_text("Your roles do not allow this here.").count() == 1, address
    assert axe(page) == []


def test_nobody_sees_anything_without_signing_in(answered: Any, client: Client) -> None:
    for address in [*pages(answered), "/tiles/facilities/12/3231/1682.pbf?city=town", "/account/tokens/"]:
        answer = client.get(address)
        assert answer.status_code in {302, 401}, address
        assert "/login/" in answer.headers.get("Location", "/login/")
