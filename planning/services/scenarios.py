"""Writes scenarios. Every save is a version; a scenario that was run keeps what it ran with inside its runs."""

from __future__ import annotations

from typing import Any

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from core import policies
from core.errors import DomainError
from core.models import City
from core.services import audit
from core.services.refs import next_ref
from facilities.importers.problems import Problems
from planning.choices import Extent
from planning.models import PopulationLayer, Scenario
from planning.services.scenario_fields import (
    DEFAULTS,
    FIELDS,
    LISTS,
    check_fields,
    document_of,
    records_of,
    refusal,
    values_of,
)
from planning.services.scenario_preview import preview
from planning.services.scenario_versions import keep_version, version_of

# What decides whom a scenario touches; only when one of these changes are the people counted again.
_GROUND = {"extent", "areas", "hazard_layer", "drawn", "population_layers"}


def create_scenario(*, user: Any, city: City, note: str = "", **fields: Any) -> Scenario:
    """A new scenario from field values (`scenario_fields.DEFAULTS` and LISTS; records, not codes). Rates left open stay
    open: a run that needs them is refused and names them. Raises InvalidInput with everything that is wrong."""
    if user is not None:
        policies.demand(user, "scenario.edit", city)
    _known(fields)
    values = DEFAULTS | {name: [] for name in LISTS} | fields
    values = _checked(city, values | {name: list(values[name]) for name in LISTS}, set(values))
    with transaction.atomic():
        scenario = Scenario(city=city, ref=next_ref("S"), created_by=user if getattr(user, "is_authenticated", False) else None)  # fmt: skip
        _write(scenario, values)
        keep_version(scenario=scenario, user=user, note=note)
        audit.record(
            user=user,
            act="scenario.create",
            subject=scenario,
            after={"name": scenario.name, "hazard": scenario.hazard},
        )
    return scenario


def create_told(*, user: Any, city: City, told: dict[str, Any], note: str = "") -> Scenario:
    """The same from codes and references, as requests and files tell them."""
    if user is not None:
        policies.demand(user, "scenario.edit", city)
    problems = Problems()
    values = records_of(city=city, told=told, problems=problems)
    if problems.has_errors:
        check_fields(city=city, values=DEFAULTS | {name: [] for name in LISTS} | values, problems=problems)
        raise refusal(problems)
    return create_scenario(user=user, city=city, note=note, **values)


def update_scenario(
    *, user: Any, scenario: Scenario, version: int | None, changes: dict[str, Any], note: str = ""
) -> Scenario:
    """Change fields against the version the person has seen (None: whatever it is). Runs keep what they ran with."""
    if user is not None:
        policies.demand(user, "scenario.edit", scenario.city)
    _known(changes)
    with transaction.atomic():
        scenario = Scenario.objects.select_for_update().get(pk=scenario.pk)
        demand_version(scenario, version)
        said = values_of(scenario)
        new = said | changes
        new = _checked(scenario.city, new | {name: list(new[name]) for name in LISTS}, set(changes))
        changed = sorted(name for name in changes if _told(said[name]) != _told(new[name]))
        if not changed:
            return scenario
        # A scenario from before versions were kept gets its present one first, by whoever wrote it.
        keep_version(scenario=scenario, user=scenario.created_by)
        scenario.version += 1
        # From now on a person answers for the values; loading the pack again leaves them alone.
        if scenario.created_by_id is None and getattr(user, "is_authenticated", False):
            scenario.created_by = user
        _write(scenario, new)
        keep_version(scenario=scenario, user=user, note=note)
        audit.record(
            user=user, act="scenario.update", subject=scenario, reason=note,
            before={name: _told(said[name]) for name in changed}, after={name: _told(new[name]) for name in changed},
        )  # fmt: skip
    return scenario


def update_told(
    *, user: Any, scenario: Scenario, version: int | None, told: dict[str, Any], note: str = ""
) -> Scenario:
    """The same from codes and references. The version comes first: who saw an older one must read again anyway."""
    if user is not None:
        policies.demand(user, "scenario.edit", scenario.city)
    demand_version(scenario, version)
    problems = Problems()
    changes = records_of(city=scenario.city, told=told, problems=problems)
    if problems.has_errors:
        check_fields(city=scenario.city, values=values_of(scenario) | changes, problems=problems)
        raise refusal(problems)
    return update_scenario(user=user, scenario=scenario, version=version, changes=changes, note=note)


def demand_version(scenario: Scenario, version: int | None) -> None:
    """Refuse (412) when somebody changed the scenario after the person read it."""
    if version is not None and version != scenario.version:
        raise DomainError(
            "changed-meanwhile",
            _("The scenario was changed meanwhile; read it again."),
            status=412,
            version=scenario.version,
        )


def restore_version(
    *, user: Any, scenario: Scenario, number: int, version: int | None = None, note: str = ""
) -> Scenario:
    """What a stored version said, as a new version. Records that the city no longer has are named and nothing changes."""
    kept = version_of(scenario=scenario, number=number)
    told = {name: value for name, value in kept.document.items() if name != "ref"}
    blank = {name: value for name, value in DEFAULTS.items() if name not in told}
    words = note or str(_("as in version %(number)d") % {"number": number})
    return update_told(user=user, scenario=scenario, version=version, told=blank | told, note=words)


def copy_scenario(*, user: Any, scenario: Scenario, name: str = "", name_en: str = "") -> Scenario:
    """A scenario of one's own to change, with everything the other has."""
    kept = {field: value for field, value in values_of(scenario).items() if field not in ("name", "name_en")}
    return create_scenario(
        user=user, city=scenario.city, note=str(_("copied from %(ref)s") % {"ref": scenario.ref}),
        name=name or f"{scenario.name} (2)", name_en=name_en or (f"{scenario.name_en} (2)" if scenario.name_en else ""), **kept,
    )  # fmt: skip


def _known(fields: dict[str, Any]) -> None:
    if unknown := set(fields) - {*FIELDS, *LISTS}:
        raise DomainError(
            "unknown-field",
            _("%(words)s cannot be changed.") % {"words": ", ".join(sorted(unknown))},
            status=422,
        )


def _checked(city: City, values: dict[str, Any], changed: set[str]) -> dict[str, Any]:
    problems = Problems()
    values = check_fields(city=city, values=values, problems=problems)
    # Ground of another kind is forgotten, so that nothing that does not count stands in the document.
    if values["extent"] != Extent.AREAS:
        values["areas"] = []
    if values["extent"] != Extent.DRAWN:
        values["drawn"] = None
    if not problems.has_errors and changed & _GROUND and PopulationLayer.objects.filter(city=city).exists():
        # Counted without services: only whom it touches matters here.
        for problem in preview(city=city, document=document_of(values | {"services": []})).problems:
            if problem.code == "nobody_inside":
                column = {Extent.AREAS: "areas", Extent.ZONES: "hazard_layer", Extent.DRAWN: "drawn"}
                problems.add(problem.code, problem.message, column=column.get(values["extent"], "extent"))
    if problems.has_errors:
        raise refusal(problems)
    return values


def _write(scenario: Scenario, values: dict[str, Any]) -> None:
    for name in FIELDS:
        setattr(scenario, name, values[name])
    scenario.save()
    for name in LISTS:
        getattr(scenario, name).set(values[name])


def _told(value: Any) -> Any:
    """A field for the record of what was done: records by code, ground as text."""
    if isinstance(value, list):
        return [str(getattr(one, "ref", "") or getattr(one, "code", one)) for one in value]
    if hasattr(value, "geom_type"):
        return f"{value.geom_type}, {value.num_coords} corners"
    return getattr(value, "code", value)
