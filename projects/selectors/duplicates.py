"""What stands or is planned near a project and could do the same: who is there, which rule holds, what was found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.db import connection
from django.db.models import Q, QuerySet
from django.urls import reverse
from django.utils.translation import gettext as _

from core import policies
from core.models import City
from facilities.choices import CapabilityStatus
from facilities.models import Facility, ServiceType
from inventory.choices import InterventionKind
from inventory.models import IdleAsset
from planning.choices import RunState, SupplyReason
from planning.models import Run, Standard
from planning.selectors.standards import profiles_on_offer, standard_for
from projects.choices import ProjectState, RouteState
from projects.models import DuplicateCheck, DuplicateRule, Project

# What adds places. An upgrade or a drill makes those of a place that stands ready sooner; nothing is built twice by it.
BUILDING = (InterventionKind.BUILD, InterventionKind.CONVERT, InterventionKind.EXTEND)
PLANNED = (
    ProjectState.DRAFT, ProjectState.REVIEW, ProjectState.RETURNED, ProjectState.APPROVED, ProjectState.WORKS,
)  # fmt: skip
# Of each kind the nearest so many are weighed; the check says how many more there are.
MOST = 200

_FIND = """
with here as (select st_setsrid(st_makepoint(%(lon)s, %(lat)s), 4326) as point),
frozen as (
    select distinct on (v.plan_id) v.id, v.number, p.ref from planning_planversion v
    join planning_plan p on p.id = v.plan_id
    where p.city_id = %(city)s and v.state = 'frozen' order by v.plan_id, v.number desc),
near as (
    select 'facility' as kind, f.id, f.ref, f.name, f.name_en, f.area_id, f.point, c.capacity, 'active' as state,
        f.id as facility_id, '' as part
    from facilities_facility f join facilities_capability c on c.facility_id = f.id
    where f.city_id = %(city)s and c.service_id = %(service)s and c.status = 'active' and f.status = 'active'
        and f.id is distinct from %(facility)s
    union all
    select 'project', p.id, p.ref, p.name, p.name_en, p.area_id, p.point, p.units, p.state, coalesce(p.facility_id, -1), ''
    from projects_project p
    where p.city_id = %(city)s and p.service_id = %(service)s and p.id <> %(project)s and p.state = any(%(planned)s)
        and p.kind = any(%(building)s)
    union all
    select 'intervention', i.id, v.ref, i.name, i.name_en, i.area_id, i.point, i.units, 'chosen',
        coalesce(i.facility_id, -1), v.number || '/' || i."order"
    from planning_intervention i join frozen v on v.id = i.version_id cross join here
    where i.service_id = %(service)s and i.kind = any(%(building)s)
        and not exists (select 1 from projects_project p where p.intervention_id = i.id)
        -- the same place in another plan is this proposal over again, not another one
        and coalesce(i.facility_id, -1) <> coalesce(%(facility)s, -2) and coalesce(i.idle_asset_id, -1) <> coalesce(%(asset)s, -2)
        and not st_dwithin(i.point::geography, here.point::geography, 1)
        and not exists (select 1 from projects_project p
            where p.city_id = %(city)s and p.service_id = %(service)s and p.state = any(%(planned)s)
                and (p.facility_id = i.facility_id or p.idle_asset_id = i.idle_asset_id))),
ranked as (
    select n.*, st_distance(n.point::geography, here.point::geography) as distance_m,
        row_number() over (partition by n.kind order by n.point <-> here.point, n.id) as place,
        count(*) over (partition by n.kind) as total
    from near n cross join here
    where %(within)s::float8 is null or st_dwithin(n.point::geography, here.point::geography, %(within)s))
select r.kind, r.id, r.ref, r.name, r.name_en, a.name, a.name_en, a.path, st_x(r.point), st_y(r.point), r.distance_m, r.capacity,
    r.state, r.facility_id, r.part, r.total
from ranked r left join core_area a on a.id = r.area_id where r.place <= %(most)s order by r.distance_m, r.kind, r.id
"""
_COLUMNS = (
    "kind", "id", "ref", "name", "name_en", "area", "area_en", "area_path", "lon", "lat", "distance_m", "capacity", "state",
    "facility_id", "part", "total",
)  # fmt: skip
_IDLE = """
select 'idle' as kind, x.id, x.ref, x.name, x.name_en, a.name, a.name_en, a.path, st_x(x.point), st_y(x.point),
    st_distance(x.point::geography, h.point::geography) as distance_m, o.capacity, o.kind as state, -1, '', 0, o.cost_fen,
    o.conversion_hours
from inventory_idleasset x
join lateral (select * from inventory_assetoption o where o.asset_id = x.id and o.service_id = %(service)s
    order by o.capacity desc, o.id limit 1) o on true
cross join (select st_setsrid(st_makepoint(%(lon)s, %(lat)s), 4326) as point) h
left join core_area a on a.id = x.area_id
where x.city_id = %(city)s and x.status = 'idle' and x.id is distinct from %(asset)s
    and st_dwithin(x.point::geography, h.point::geography, %(radius)s)
order by distance_m, x.id
"""


def _asked(project: Project) -> dict[str, Any]:
    return {
        "city": project.city_id, "service": project.service_id, "project": project.pk, "facility": project.facility_id,
        "asset": project.idle_asset_id, "lon": project.point.x, "lat": project.point.y, "planned": [str(one) for one in PLANNED],
        "building": [str(one) for one in BUILDING], "most": MOST,
    }  # fmt: skip


def same_service_near(project: Project, within_m: float | None) -> list[dict[str, Any]]:
    """Facilities with a designated role of the service, planned projects, chosen interventions of each plan's newest
    frozen version; nearest first. `total`: how many of its kind there are within the distance."""
    with connection.cursor() as cursor:
        cursor.execute(_FIND, _asked(project) | {"within": within_m})
        return [dict(zip(_COLUMNS, row, strict=True)) for row in cursor.fetchall()]


def idle_near(project: Project, radius_m: float) -> list[dict[str, Any]]:
    """Idle assets that could take the service instead, nearest first, each with its largest option."""
    with connection.cursor() as cursor:
        cursor.execute(_IDLE, _asked(project) | {"radius": radius_m})
        names = (*_COLUMNS, "cost_fen", "hours")
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def rule_for(city: City, service: ServiceType) -> DuplicateRule | None:
    """The published rule: the city's for the service, the city's for all, then the same two for every city."""
    rows = DuplicateRule.objects.filter(
        Q(city=city) | Q(city=None), Q(service=service) | Q(service=None), state=RouteState.PUBLISHED
    ).select_related("city", "service")
    return min(rows, key=lambda row: (row.city_id is None, row.service_id is None), default=None)


def reach_standard(city: City, service: ServiceType) -> Standard | None:
    """The row of the city's standards that says how far the service reaches."""
    profile = profiles_on_offer(city).first()
    return standard_for(profile, service) if profile is not None else None


def newest_run(city: City, service: ServiceType) -> Run | None:
    """The newest finished run of things as they are that counts the service."""
    return (
        Run.objects.filter(city=city, state=RunState.DONE, plan_version=None, variation={}, area_results__service=service)
        .select_related("snapshot", "scenario")
        .order_by("-id")
        .first()
    )  # fmt: skip


def gap_in_cells(run: Run, service: ServiceType, cell_id: list[int]) -> dict[str, int]:
    """Units of need in these cells by state, as the run has them."""
    with connection.cursor() as cursor:
        cursor.execute(
            "select coalesce(sum(need), 0), coalesce(sum(served), 0), coalesce(sum(late), 0), coalesce(sum(no_room), 0),"
            " coalesce(sum(out_of_reach), 0) from planning_cellresult where run_id = %s and service_id = %s"
            " and cell_id = any(%s)",
            [run.pk, service.pk, cell_id],
        )
        found = [int(one) for one in cursor.fetchone() or ()]
    states = dict(zip(("need", "served", "late", "no_room", "out_of_reach"), found, strict=True))
    return states | {"gap": states["late"] + states["no_room"] + states["out_of_reach"]}


def free_units(run: Run, service: ServiceType, facility_ids: list[int]) -> dict[int, tuple[int, str]]:
    """{facility: (places nobody took in the run, why it supplies what it supplies)}."""
    rows = run.facility_results.filter(service=service, facility_id__in=facility_ids)
    return {
        row.facility_id: (row.capacity - row.served - row.late, row.reason)
        for row in rows
        if row.facility_id is not None
    }


@dataclass(frozen=True)
class Duplicates:
    """A check as pages show it. `rows`, `idle`: as stored, each with `href` ("" where the reader may not see it, and then
    its name is left out too), `above` (beyond the rule)."""

    project: Project
    check: DuplicateCheck | None
    rule: DuplicateRule | None
    rows: list[dict[str, Any]]
    idle: list[dict[str, Any]]

    @property
    def above(self) -> int:
        return sum(1 for row in self.rows if row["above"]) + len(self.idle)

    @property
    def asks(self) -> bool:
        """Is a reason still to be written?"""
        return bool(self.check and self.check.needs_reason and not self.project.duplicate_reason.strip())


def newest(project: Project, user: Any = None) -> Duplicates:
    """The newest check of a project, ready to be shown by parts/duplicate_found.html. `user`: what lies in districts that
    this person may not see is told without name and link; None (a machine, a dossier): everything."""
    check = project.duplicate_checks.select_related("rule__service", "rule__city", "checked_by").first()
    if check is None:
        return Duplicates(project, None, rule_for(project.city, project.service), [], [])
    rows = [dict(row) for row in check.found.get("rows", [])]
    idle = [dict(row) for row in check.found.get("idle", [])]
    seen = None if user is None else _seen(user, project.city, [*rows, *idle])
    for row in [*rows, *idle]:
        hidden = seen is not None and (row["kind"], row["id"]) not in seen
        row["href"] = "" if hidden else _href(row)
        row["hidden"] = hidden
        row["words"] = _state_of(row)
        if hidden:
            row["name"] = row["name_en"] = row["ref"] = ""
    return Duplicates(project, check, check.rule, rows, idle)


def said(project: Project, user: Any) -> dict[str, Any]:
    """The newest check as the API and the command say it."""
    found = newest(project, user)
    kept = found.check.found if found.check else {}
    return {
        "project": project.ref, "checked_at": found.check.checked_at if found.check else None,
        "needs_reason": bool(found.check and found.check.needs_reason), "reason": project.duplicate_reason,
        "overlap_percent": found.check.overlap_percent if found.check else None, "rule_percent": kept.get("rule_percent"),
        "idle_radius_m": kept.get("idle_radius_m"), "basis": kept.get("basis"), "people": kept.get("people"),
        "gap": kept.get("gap"), "counts": kept.get("counts", {}), "rows": found.rows, "idle": found.idle,
    }  # fmt: skip


def _state_of(row: dict[str, Any]) -> str:
    """What stands or is planned there, in words."""
    if row["kind"] == "facility":
        reason = row.get("reason")
        if reason and reason != SupplyReason.COUNTS:
            return str(SupplyReason(reason).label)
        return str(CapabilityStatus.ACTIVE.label)
    if row["kind"] == "project":
        return _("Project: %(state)s") % {"state": ProjectState(row["state"]).label}
    if row["kind"] == "intervention":
        if row["hidden"]:
            return _("Chosen in a plan")
        return _("Chosen in %(plan)s, version %(number)s") % {
            "plan": row["ref"],
            "number": row["part"].split("/")[0],
        }
    return _("Idle: %(kind)s") % {"kind": InterventionKind(row["state"]).label}


def _seen(user: Any, city: City, rows: list[dict[str, Any]]) -> set[tuple[str, int]]:
    found: set[tuple[str, int]] = set()
    paths = policies.visible_paths(user, city.pk)
    models: dict[str, Any] = {"facility": Facility, "project": Project, "idle": IdleAsset}
    for kind, model in models.items():
        wanted = [row["id"] for row in rows if row["kind"] == kind]
        if wanted:
            here = model.objects.filter(policies.visible(user), pk__in=wanted)
            found |= {(kind, pk) for pk in here.values_list("pk", flat=True)}
    for row in rows:
        path = row.get("area_path") or ""
        if row["kind"] == "intervention" and (paths is None or any(path.startswith(one) for one in paths)):
            found.add(("intervention", row["id"]))
    return found


def _href(row: dict[str, Any]) -> str:
    if row["kind"] == "intervention":
        return f"{reverse('plan', args=[row['ref']])}?version={row['part'].split('/')[0]}"
    return reverse({"facility": "facility", "project": "project", "idle": "idle_asset"}[row["kind"]], args=[row["ref"]])  # fmt: skip


def rules_seen(city: City | None) -> QuerySet[DuplicateRule]:
    """Rules of the city and of every city, newest versions first."""
    here = Q(city=None) | Q(city=city) if city is not None else Q(city=None)
    return DuplicateRule.objects.filter(here).select_related("city", "service", "drafted_by", "published_by")
