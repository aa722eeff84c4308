"""What the product says, against a second computation that shares no code with it (second_opinion.py): a real city and
a made-up one with a flood, a fault, lapsed papers and idle premises."""

import json
import math
import re
from collections.abc import Iterator
from io import StringIO
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import shapely
from django.conf import settings
from django.core.cache import cache
from django.core.management import call_command
from django.db import connection, transaction
from django.test import Client, override_settings

from core.models import User
from planning.bridge import hexagons
from tests.journeys import second_opinion as second
from tests.journeys.second_opinion import STATES, rows

pytestmark = pytest.mark.django_db

SPEEDS = {"ring": 60.0, "radial": 50.0, "arterial": 40.0, "local": 20.0, "link": 25.0}
NOTHING = (np.zeros(0, int), np.zeros(0, int), np.zeros(0))


def told(command: str, *words: Any, **options: Any) -> Any:
    out = StringIO()
    call_command(command, *words, stdout=out, stderr=StringIO(), **options)
    return json.loads(out.getvalue().strip().splitlines()[-1])


def chengdu_roads(folder: Path, plane: Any) -> second.Roads:
    names = {"id": "Node", "lon": "Longitude", "lat": "Latitude", "from": "Node_Start", "to": "Node_End", "length": "Length"}  # fmt: skip
    roads = folder / "chengdu" / "roads"
    return second.read_roads(
        roads / "chengdu_node-mod.txt", roads / "chengdu_link-mod.txt", names, plane, lambda row: (35.0, True)
    )


def main_roads_only(folder: Path) -> Path:
    """Chengdu as it is, but with its main roads alone: joining a second set is tested where roads are."""
    case = Path(settings.BASE_DIR) / "cases" / "chengdu"
    before, *layers = re.split(r"(?m)^(?=\[\[roads\]\])", (case / "city.toml").read_text(encoding="utf-8"))
    last, after = re.split(r"(?m)^(?=\[\[(?!roads))", layers[-1], maxsplit=1)
    assert len(layers) == 2 and "centre" in last
    text = (
        re.sub(r"(?m)^root = .*$", f'root = "{settings.SHARED_DATA_DIR}/chengdu"', before) + layers[0] + after
    )
    (folder / "city.toml").write_text(text, encoding="utf-8")
    return folder


def without_closures_and_groups(pack: Path) -> None:
    """The made-up city as it is on a usual day for everybody alike: closures and barrier-free places have second
    computations of their own (test_closures.py, the engine's groups against a linear program)."""
    manifest = pack / "city.toml"
    text = re.sub(r"(?ms)^road_rules = \[$.*?^\]$\n", "", manifest.read_text(encoding="utf-8"))
    text, columns = re.subn(r', barrier_free(_share)? = "\w+"', "", text)
    assert columns == 3 and "road_rules" not in text
    manifest.write_text(text, encoding="utf-8")


def small_roads(folder: Path, plane: Any) -> second.Roads:
    names = {"id": "id", "lon": "lon", "lat": "lat", "from": "from", "to": "to", "length": "length_m"}
    return second.read_roads(
        folder / "road_nodes.csv", folder / "road_links.csv", names, plane,
        lambda row: (SPEEDS[row["class"]], row["oneway"].lower() in ("1", "true", "yes")),
    )  # fmt: skip


@pytest.fixture(scope="module")
def module_patch() -> Iterator[pytest.MonkeyPatch]:
    with pytest.MonkeyPatch.context() as patch:
        yield patch


@pytest.fixture(scope="module", params=["chengdu", "small"])
def city(
    request: pytest.FixtureRequest, django_db_setup: None, django_db_blocker: Any, tmp_path_factory: Any
) -> Iterator[SimpleNamespace]:
    """A city loaded, scored both ways and planned for, in one transaction that is taken back at the end."""
    folder = tmp_path_factory.mktemp(request.param)
    stored = {
        **settings.STORAGES["artefacts"],
        "OPTIONS": {"location": str(folder / "artefacts"), "base_url": None},
    }
    with (
        override_settings(STORAGES={**settings.STORAGES, "artefacts": stored}),
        django_db_blocker.unblock(),
        transaction.atomic(),
    ):
        cache.clear()
        # small cities draw their cells as they are; here they get hexagons too, to be counted
        patch = request.getfixturevalue("module_patch")
        patch.setattr(hexagons, "CELLS_A_TILE", 300)
        if request.param == "chengdu":
            shared = request.getfixturevalue("shared_data_dir")
            call_command("load_city", str(main_roads_only(folder)), stdout=StringIO())
            budget, seconds = "100000000", 6
        else:
            call_command("make_city", str(folder / "pack"), people=200_000, seed=3, stdout=StringIO())
            without_closures_and_groups(folder / "pack")
            call_command("load_city", str(folder / "pack"), stdout=StringIO())
            budget, seconds = "6000000", 6
        pk = rows("select id from core_city")[0][0]
        plane = second.plane_of(pk)
        roads = (
            chengdu_roads(shared, plane)
            if request.param == "chengdu"
            else small_roads(folder / "pack", plane)
        )
        nearest = told("score", inline=True, json=True)["runs"]
        best = told("score", inline=True, json=True, assignment="best")["runs"]
        plan = told("site", "--runs", *(run["ref"] for run in nearest), "--budget-yuan", budget, "--seconds", str(seconds), "--inline", "--json")  # fmt: skip
        questions = {
            ref: second.read_question(run)
            for run, ref in rows("select id, ref from planning_run where plan_version_id is null")
        }
        yield SimpleNamespace(
            name=request.param, pk=pk, plane=plane, roads=roads, nearest=nearest, best=best, plan=plan, questions=questions, trips={}
        )  # fmt: skip
        transaction.set_rollback(True)
    cache.clear()


def live_and_trips(
    city: SimpleNamespace, question: second.Question, roles: list[dict[str, Any]], service: str
) -> tuple[list[dict[str, Any]], Any]:
    """Roles of a service that supply something, and who can come to each."""
    live = [one for one in roles if one["service"] == service and one["supply"] > 0]
    if not live:
        return live, NOTHING
    rule = question.standards[service]
    sites = np.array([[one["x"], one["y"]] for one in live])
    key = (service, sites.tobytes())
    if key not in city.trips:
        site, cell, cost = second.trips(
            city.roads, sites, question.cells, rule["reach_limit"], rule["reach_unit"], rule["mode"]
        )
        if rule["reach_unit"] == "min":
            cost = cost + np.array([one["door"] for one in live])[site]
        within = cost <= rule["reach_limit"]
        city.trips[key] = site[within], cell[within], cost[within]
    return live, city.trips[key]


def stored_cells(question: second.Question, run: int, service: str) -> np.ndarray:
    """(n, 5) need and the four states as stored, 0 where there is no row."""
    found = {
        cell: states
        for cell, *states in rows(
            "select cell_id, need, served, late, no_room, out_of_reach from planning_cellresult c"
            " join facilities_servicetype s on s.id = c.service_id where run_id = %s and s.code = %s", run, service,
        )
    }  # fmt: skip
    return np.array([found.get(cell, (0,) * 5) for cell in question.cell_id.tolist()], dtype=np.int64)


def test_need_is_people_times_shares_times_ratio_in_every_cell_and_along_the_curve(city):
    for question in city.questions.values():
        for service, exact in question.exact.items():
            need = stored_cells(question, question.run, service)[:, 0]
            assert (np.abs(need - exact) < 1).all()
            assert np.abs(np.cumsum(need) - np.cumsum(exact)).max() <= 0.5 + 1e-6
            assert need.tolist() == question.need[service].tolist()


def test_roads_have_the_same_crossings_and_streets_when_read_again(city):
    nodes, streets, km = rows("select nodes, edges, length_km from planning_roadnetwork where current")[0]
    assert (streets, nodes) == (city.roads.streets, city.roads.crossings)
    assert km == pytest.approx(city.roads.length.sum() / 1000, rel=1e-9)


def test_nearest_with_room_ends_every_unit_in_the_same_state_and_place(city):
    for run in city.nearest:
        question = city.questions[run["ref"]]
        for service in question.standards:
            live, pairs = live_and_trips(city, question, question.roles, service)
            states, by_role = second.nearest_first(question.need[service], live, pairs, question.cells)
            stored = stored_cells(question, question.run, service)
            for column, name in enumerate(STATES, start=1):
                assert stored[:, column].tolist() == states[name].tolist(), (run["ref"], service, name)
            got = {
                row[0]: row[1:]
                for row in rows(
                    "select facility_id, capacity, served, late, reason from planning_facilityresult f"
                    " join facilities_servicetype s on s.id = f.service_id where run_id = %s and s.code = %s",
                    question.run, service,
                )
            }  # fmt: skip
            used = {one["facility"]: units.tolist() for one, units in zip(live, by_role, strict=True)}
            for one in question.roles:
                if one["service"] == service and question.need[service].any():
                    told_of = (one["units"], *used.get(one["facility"], [0, 0]), one["reason"])
                    assert got[one["facility"]] == told_of


def test_the_best_possible_assignment_serves_what_a_linear_program_serves(city):
    for run in city.best:
        question = city.questions[run["ref"]]
        for row in run["services"]:
            live, pairs = live_and_trips(city, question, question.roles, row["service"])
            served, late = second.best_quantities(question.need[row["service"]], live, pairs)
            assert (row["served"], row["late"]) == (served, late)
    for near, best in zip(city.nearest, city.best, strict=True):
        for one, other in zip(near["services"], best["services"], strict=True):
            assert other["served"] >= one["served"] and other["need"] == one["need"]


def test_cells_hexagons_areas_roles_and_totals_hold_the_same_units(city):
    sums = "sum(need), sum(served), sum(late), sum(no_room), sum(out_of_reach)"
    for run, totals in rows("select id, totals from planning_run where state = 'done'"):
        for total in totals if isinstance(totals, list) else json.loads(totals):
            wanted = [total[name] for name in ("need", *STATES)]
            assert wanted[0] == sum(wanted[1:])
            service = rows("select id from facilities_servicetype where code = %s", total["service"])[0][0]
            levels = rows(f"select 'cells', {sums} from planning_cellresult where run_id = %s and service_id = %s", run, service)  # fmt: skip
            levels += rows(
                f"select 'hexagons ' || level, {sums} from planning_cellgroupresult r join planning_cellgroup g on g.id = r.group_id"
                " where run_id = %s and service_id = %s group by 1", run, service,
            )  # fmt: skip
            levels += rows(
                f"select 'areas ' || level, {sums} from planning_arearesult r join core_area a on a.id = r.area_id"
                " where run_id = %s and service_id = %s group by 1", run, service,
            )  # fmt: skip
            assert len([level for level, *_units in levels if level.startswith("hexagons")]) >= 2
            for level, *units in levels:
                assert [int(value or 0) for value in units] == wanted, (run, level)
            taken = rows(
                "select coalesce(sum(served), 0), coalesce(sum(late), 0), coalesce(bool_and(served + late <= capacity), true),"
                " coalesce(bool_and(reason = 'counts' or served + late = 0), true)"
                " from planning_facilityresult where run_id = %s and service_id = %s", run, service,
            )[0]  # fmt: skip
            assert (int(taken[0]), int(taken[1]), *taken[2:]) == (total["served"], total["late"], True, True)


def test_cells_lie_in_the_deepest_area_around_them(city):
    levels = rows("select id, level, st_asbinary(geometry) from core_area order by level desc")
    points = rows("select area_id, st_x(point), st_y(point) from planning_demandcell")
    shapes = [(area, level, shapely.from_wkb(bytes(shape))) for area, level, shape in levels]
    where = shapely.points([[x, y] for _area, x, y in points])
    deepest = np.zeros(len(points), int)
    own = {area: n for n, (area, _level, _shape) in enumerate(shapes)}
    holds = np.stack([shapely.intersects(shape, where) for _area, _level, shape in shapes])
    level = np.array([one[1] for one in shapes])
    deepest = (holds * level[:, None]).max(axis=0)
    for n, (area, _x, _y) in enumerate(points):
        if deepest[n] == level.max():
            assert holds[own[area], n] and level[own[area]] == deepest[n]
    # at the edge a cell's centre may lie just outside: it still counts with the area it borders on
    assert (deepest < level.max()).mean() < 0.02 and all(area is not None for area, _x, _y in points)


def test_why_this_number_adds_up_to_the_area(city):
    client = signed_in()
    run = city.nearest[0]
    for service in run["services"]:
        for code, need, served, late in rows(
            "select a.code, need, served, late from planning_arearesult r join core_area a on a.id = r.area_id join planning_run n on n.id = r.run_id"
            " join facilities_servicetype s on s.id = r.service_id where n.ref = %s and s.code = %s and a.level <= 2 and need > 0",
            run["ref"], service["service"],
        ):  # fmt: skip
            answer = client.get(
                f"/api/v1/runs/{run['ref']}/why/", {"area": code, "service": service["service"]}
            )
            assert answer.status_code == 200, answer.content
            why = answer.json()
            cells = rows("select count(*) from planning_demandcell c join core_area a on a.id = c.area_id where a.path like"
                         " (select path from core_area where code = %s) || '%%'", code)[0][0]  # fmt: skip
            # rounding along the curve: at most a unit at each end of every run of cells in the area
            assert abs(why["people"] * why["share"] * why["ratio"] - need) <= max(1.0, 0.01 * cells + 1)
            roles = why["facilities"] if "facilities" in why else why["roles"]
            assert sum(one["taken_here"] for one in roles) == served + late
            assert all(one["taken_here"] <= one["taken"] <= one["capacity"] for one in roles)


# --- the plan -----------------------------------------------------------------------------------------


def interventions(city: SimpleNamespace) -> list[dict[str, Any]]:
    names = "place kind service facility asset units cost hours newly lon lat"
    listed = rows(
        'select i."order", i.kind, s.code, i.facility_id, i.idle_asset_id, i.units, i.cost_fen, i.hours, i.people_newly_served,'
        " st_x(i.point), st_y(i.point) from planning_intervention i join facilities_servicetype s on s.id = i.service_id"
        " join planning_planversion v on v.id = i.version_id join planning_plan p on p.id = v.plan_id where p.ref = %s order by 1",
        city.plan["ref"],
    )  # fmt: skip
    return [dict(zip(names.split(), row, strict=True)) for row in listed]


def changed(
    city: SimpleNamespace, question: second.Question, steps: list[dict[str, Any]]
) -> list[dict[str, Any]]:
    """The roles after the plan."""
    roles = [dict(one) for one in question.roles]
    for one in roles:
        one["reason"] = "counts" if one["reason"] == "other_role" else one["reason"]
    for step in steps:
        if step["service"] not in question.standards:
            continue
        if step["asset"]:
            x, y = city.plane(step["lon"], step["lat"])
            roles.append(
                {"facility": -step["asset"], "service": step["service"], "units": step["units"], "capacity": step["units"], "hours": step["hours"],
                 "exclusive": False, "rank": 1, "reason": "counts", "x": x, "y": y, "door": 0.0, "opening": 0.0}
            )  # fmt: skip
            continue
        (role,) = (one for one in roles if (one["facility"], one["service"]) == (step["facility"], step["service"]))  # fmt: skip
        if step["kind"] == "extend":
            role["units"] = int(role["capacity"] + step["units"] + 1e-6)
            continue
        if step["kind"] == "convert":
            role["units"], role["hours"] = step["units"], step["hours"]
        else:
            known = [hours for hours in (role["hours"], step["hours"]) if hours is not None]
            role["hours"] = min(known) if known else None
        if role["reason"] in ("not_designated", "lapsed_agreement", "lapsed_certificate"):
            role["reason"] = "counts"
    totals = {service: int(need.sum()) for service, need in question.need.items()}
    second.count_roles(roles, question.standards, totals)
    return roles


def after_of(city: SimpleNamespace, ref: str) -> int:
    return rows(
        "select a.id from planning_run b join planning_run a on a.scenario_id = b.scenario_id and a.time_of_day = b.time_of_day"
        " and a.plan_version_id is not null where b.ref = %s", ref,
    )[0][0]  # fmt: skip


def test_a_plan_keeps_its_budget_and_takes_one_exclusive_role_at_a_place(city):
    steps, plan = interventions(city), city.plan
    assert 0 < sum(step["cost"] for step in steps) == plan["cost_fen"] <= plan["budget_fen"]
    assert 0 < plan["value"] <= plan["bound"] * (1 + 1e-12)
    assert plan["gap"] == pytest.approx((plan["bound"] - plan["value"]) / plan["bound"], abs=1e-12)
    exclusive = [
        (step["facility"], step["asset"])
        for step in steps
        if step["asset"]
        or (
            step["kind"] in ("convert", "upgrade")
            and rows(
                "select exclusive from facilities_capability c join facilities_servicetype s on s.id = c.service_id"
                " where facility_id = %s and s.code = %s",
                step["facility"],
                step["service"],
            )[0][0]
        )
    ]
    assert len(exclusive) == len(set(exclusive))


def test_what_a_plan_is_worth_is_what_a_linear_program_finds_before_and_after(city):
    steps, value, gains = interventions(city), 0.0, {}
    facts = rows("select facts from planning_planversion")[0][0]
    facts = facts if isinstance(facts, dict) else json.loads(facts)
    for run in city.nearest:
        question = city.questions[run["ref"]]
        roles = changed(city, question, steps)
        for service, rule in question.standards.items():
            found = [
                second.best_quantities(
                    question.need[service], *live_and_trips(city, question, which, service)
                )[0]
                for which in (question.roles, roles)
            ]
            gained = found[1] - found[0]
            gains.setdefault(service, []).append(gained)
            told_of = facts["newly_served_by_run"][run["ref"]]
            mine = [step["service"] == service for step in steps]
            assert sum(units for units, own in zip(told_of, mine, strict=True) if own) == gained
            value += gained * rule["weight"] / len(city.nearest)
    assert city.plan["value"] == pytest.approx(value, rel=1e-9)
    # each step is told by the run where it helps most, so their sum reaches at least the best run's
    for service, gained in gains.items():
        mine = sum(step["newly"] for step in steps if step["service"] == service)
        assert max(gained) <= mine <= sum(gained)


def test_what_each_intervention_is_worth_adds_up_to_the_value(city):
    facts = rows("select facts from planning_planversion")[0][0]
    facts = facts if isinstance(facts, dict) else json.loads(facts)
    assert sum(facts["worth"]) == pytest.approx(city.plan["value"], rel=1e-9)
    weight = {
        service: rule["weight"]
        for question in city.questions.values()
        for service, rule in question.standards.items()
    }
    for number, step in enumerate(interventions(city)):
        by_run = [units[number] for units in facts["newly_served_by_run"].values()]
        assert facts["worth"][number] == pytest.approx(
            sum(by_run) * weight[step["service"]] / len(city.nearest)
        )
        assert step["newly"] == max(by_run) <= step["units"]
    listed = signed_in().get("/plans/").content.decode()
    assert f"{round(city.plan['value']):,}" in listed


def test_the_runs_after_a_plan_are_those_of_the_changed_roles(city):
    steps = interventions(city)
    for run in city.nearest:
        question, after = city.questions[run["ref"]], after_of(city, run["ref"])
        roles = changed(city, question, steps)
        for service in question.standards:
            live, pairs = live_and_trips(city, question, roles, service)
            states, _by_role = second.nearest_first(question.need[service], live, pairs, question.cells)
            stored = stored_cells(question, after, service).sum(axis=0)
            assert stored[1:].tolist() == [int(states[name].sum()) for name in STATES], (run["ref"], service)


def test_scoring_the_edited_registry_gives_the_runs_after_the_plan(city):
    wanted = {
        (run["scenario"], run["time_of_day"]): after_totals(after_of(city, run["ref"]))
        for run in city.nearest
    }
    mark = transaction.savepoint()
    for step in interventions(city):
        edit_registry(city, step)
    edited = told("score", inline=True, json=True)["runs"]
    transaction.savepoint_rollback(mark)
    got = {(run["scenario"], run["time_of_day"]): run["services"] for run in edited}
    assert not {run["ref"] for run in edited} & {run["ref"] for run in city.nearest}
    assert got == wanted


def after_totals(run: int) -> list[dict[str, Any]]:
    totals = rows("select totals from planning_run where id = %s", run)[0][0]
    totals = totals if isinstance(totals, list) else json.loads(totals)
    return [{name: row[name] for name in ("service", "unit", "need", *STATES)} for row in totals]


def edit_registry(city: SimpleNamespace, step: dict[str, Any]) -> None:
    """One step of a plan done by hand. What revives a single role of a place whose papers have lapsed, or builds at an
    idle asset, becomes a place of its own there: renewed papers would bring back every role."""
    service = rows("select id from facilities_servicetype where code = %s", step["service"])[0][0]
    papers = step["facility"] and rows(
        "select 1 from facilities_agreement where facility_id = %s union all"
        " select 1 from facilities_certificate where facility_id = %s", step["facility"], step["facility"],
    )  # fmt: skip
    with connection.cursor() as cursor:
        if step["facility"] and (step["kind"] in ("extend", "stock") or not papers):
            cursor.execute(
                "update facilities_capability set status = 'active', capacity = case when %(kind)s = 'extend' then capacity + %(units)s"
                " when %(kind)s = 'convert' then %(units)s else capacity end, conversion_hours_observed = null, conversion_hours_declared ="
                " case when %(kind)s = 'extend' then coalesce(conversion_hours_observed, conversion_hours_declared) else %(hours)s end"
                " where facility_id = %(facility)s and service_id = %(service)s",
                step | {"service": service},
            )  # fmt: skip
            return
        use = rows("select id from facilities_peacetimeuse where code = 'other'")[0][0]
        cursor.execute(
            "insert into facilities_facility (ref, source_id, name, name_en, status, address, point, datum, original_x, original_y, owner,"
            " operator, contact, synthetic, version, created_at, updated_at, entry_minutes, readiness_minutes, city_id, use_id)"
            " values (%s, %s, 'x', '', 'active', '', st_setsrid(st_point(%s, %s), 4326), 'WGS-84', %s, %s, '', '', '', true, 1,"
            " now(), now(), 0, 0, %s, %s) returning id",
            [f"FA-E{step['place']:05d}", f"edit-{step['place']}", step["lon"], step["lat"], step["lon"], step["lat"], city.pk, use],
        )  # fmt: skip
        cursor.execute(
            "insert into facilities_capability (status, capacity, capacity_source, hazards, conversion_hours_declared, exclusive, rank,"
            " conditions, synthetic, facility_id, service_id) values ('active', %s, 'declared', '[]', %s, false, 1, '', true, %s, %s)",
            [step["units"], step["hours"], cursor.fetchone()[0], service],
        )  # fmt: skip


# --- one figure, one value ----------------------------------------------------------------------------


def signed_in() -> Client:
    user, _made = User.objects.get_or_create(
        username="sceptic", defaults={"is_superuser": True, "is_staff": True}
    )
    client = Client(HTTP_ACCEPT_LANGUAGE="en")
    client.force_login(user)
    return client


def table_rows(html: str) -> dict[str, str]:
    """First cell of every row of a page's tables, and all its words."""
    found = {}
    for row in re.findall(r"<tr.*?</tr>", html, re.S):
        words = [
            re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", cell)).strip()
            for cell in re.findall(r"<t[dh].*?</t[dh]>", row, re.S)
        ]
        if words:
            found[" | ".join(words[:2])] = " | ".join(words)
    return found


def test_api_csv_map_gaps_and_command_say_the_same(city):
    client, run = signed_in(), city.nearest[0]
    answer = client.get(f"/api/v1/runs/{run['ref']}/areas/", {"page_size": 500}).json()["results"]
    export = client.get(f"/api/v1/runs/{run['ref']}/areas/", {"format": "csv"})
    body = b"".join(export.streaming_content) if export.streaming else export.content  # type: ignore[arg-type]
    lines = body.decode("utf-8-sig").split("\r\n")
    head = lines[0].split(",")
    exported = {(row["code"], row["service"]): row for row in (dict(zip(head, line.split(","), strict=False)) for line in lines[1:] if line)}  # fmt: skip
    assert len(exported) == len(answer)
    for row in answer:
        own = exported[row["code"], row["service"]]
        assert all(int(own[name]) == row[name] for name in ("need", *STATES, "gap"))
        assert row["gap"] == row["late"] + row["no_room"] + row["out_of_reach"]
    for printed in run["services"]:
        whole = next(row for row in answer if row["level"] == 1 and row["service"] == printed["service"])
        assert {name: whole[name] for name in ("need", *STATES)} == {
            name: printed[name] for name in ("need", *STATES)
        }
        page = client.get("/map/", {"run": run["ref"], "service": printed["service"]}).content.decode()
        gaps = client.get("/gaps/", {"run": run["ref"], "service": printed["service"]}).content.decode()
        on_map, on_gaps = table_rows(page), table_rows(gaps)
        for row in answer:
            if row["level"] != 2 or row["service"] != printed["service"]:
                continue
            states = [f"{row[name]:,}" for name in ("need", *STATES, "gap")]
            (shown,) = (words for first, words in on_map.items() if first.startswith(row["name_en"] + " |"))
            assert f" | {' | '.join(states)} | " in shown, (row, shown)
            (listed,) = (words for first, words in on_gaps.items() if first.startswith(row["name_en"] + " |"))
            for name in ("late", "no_room", "out_of_reach", "gap", "need"):
                assert f"{row[name]:,}" in listed, (row, listed)


# --- coordinates --------------------------------------------------------------------------------------


def published_shift(lon: float, lat: float) -> tuple[float, float]:
    """The map services' offset at a WGS-84 point, term by term as it is passed around."""
    x, y = lon - 105.0, lat - 35.0

    def waves(v: float, pairs: tuple[tuple[float, float], ...]) -> float:
        return sum(height * math.sin(v * math.pi * turns) for height, turns in pairs) * 2 / 3

    fine = ((20, 6), (20, 2))
    east = 300 + x + 2 * y + 0.1 * x * x + 0.1 * x * y + 0.1 * math.sqrt(abs(x)) + waves(x, fine)
    east += waves(x, ((20, 1), (40, 1 / 3))) + waves(x, ((150, 1 / 12), (300, 1 / 30)))
    north = -100 + 2 * x + 3 * y + 0.2 * y * y + 0.1 * x * y + 0.2 * math.sqrt(abs(x)) + waves(x, fine)
    north += waves(y, ((20, 1), (40, 1 / 3))) + waves(y, ((160, 1 / 12), (320, 1 / 30)))
    sine = math.sin(math.radians(lat))
    magic = 1 - 0.00669342162296594323 * sine * sine
    a = 6378245.0
    per_lat = math.pi / 180 * a * (1 - 0.00669342162296594323) / (magic * math.sqrt(magic))
    per_lon = math.pi / 180 * a / math.sqrt(magic) * math.cos(math.radians(lat))
    return east / per_lon, north / per_lat


def test_hotels_declared_gcj02_stand_where_the_published_formula_takes_them(city):
    listed = rows("select original_x, original_y, st_x(point), st_y(point) from facilities_facility where datum = 'GCJ-02'")  # fmt: skip
    assert bool(listed) == (city.name == "chengdu")
    moved = []
    for there_lon, there_lat, lon, lat in listed:
        east, north = published_shift(lon, lat)
        assert abs(lon + east - there_lon) < 1e-8 and abs(lat + north - there_lat) < 1e-8
        moved.append(
            math.hypot((there_lon - lon) * 111_320 * math.cos(math.radians(lat)), (there_lat - lat) * 111_000)
        )
    if moved:
        assert 320 < float(np.median(moved)) < 390
