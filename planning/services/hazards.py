"""Hazard layers: their ground written as a whole, their facts corrected, and those that nothing stands on deleted.

Scenarios point to a layer and name its classes. So a layer keeps its identity when new ground comes in, and new ground
is refused while it lacks a class that a scenario counts on. Past runs keep the numbers that were frozen with them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from typing import Any

import shapely
from django.db import connection, transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from core import policies
from core.choices import Certainty
from core.errors import DomainError, InvalidInput, Problem
from core.models import City, PackLayer
from core.services import audit
from core.templatetags.pingji import local_name
from facilities.importers.problems import Problems
from facilities.services.bulk import copy_rows
from planning.importers.hazards import ZoneRows
from planning.importers.packs import Layer
from planning.models import HazardLayer
from planning.selectors.hazards import classes_used, scenarios_on
from planning.services.pack_areas import ewkb_hex

# what a person may say about a layer; its ground only changes by an import
FACTS = ("name", "name_en", "return_period_years", "source", "certainty", "unit")
_LONGEST = {"name": 120, "name_en": 120, "source": 300, "unit": 20}


def write_layer(
    *, city: City, rows: ZoneRows, declared: Layer, record: PackLayer | None, user: Any = None
) -> HazardLayer:
    """Write or replace one hazard layer under `declared.name`; runs in the caller's transaction."""
    said = declared.options
    digest = hashlib.sha256()
    for klass, severity, shape in zip(rows.klass, rows.severity, shapely.to_wkb(rows.shape), strict=True):
        digest.update(f"{klass}|{severity}|".encode() + shape)
    layer, made = HazardLayer.objects.select_for_update().update_or_create(
        city=city, code=declared.name,
        defaults={
            "name": str(said.get("title") or declared.name), "name_en": str(said.get("title_en", "")),
            "hazard": said["hazard"], "return_period_years": said.get("return_period_years"),
            "source": declared.source, "certainty": str(said.get("certainty", "D")), "layer": record,
            "synthetic": declared.synthetic, "unit": str(said.get("unit", "")), "cut_offs": rows.cut_offs,
            "facts": {
                **rows.facts, "file": declared.label, "sha256": digest.hexdigest(), "shift_m": rows.shift_m,
                "licence": declared.licence,
            },
        },
    )  # fmt: skip
    if made and user is not None:
        layer.created_by = user
        layer.save(update_fields=["created_by"])
    shapes = ewkb_hex(rows.shape)
    with connection.cursor() as cursor:
        cursor.execute("delete from planning_hazardzone where layer_id = %s", [layer.pk])
        lines = ((layer.pk, rows.klass[i], int(rows.severity[i]), shapes[i]) for i in range(len(shapes)))
        copy_rows(cursor, "planning_hazardzone", ["layer_id", "klass", "severity", "geometry"], lines)
    return layer


def keep_used_classes(
    layer: HazardLayer, problems: Problems, *, label: str, classes: Collection[str] | None = None,
    brought: Collection[str] = (),
) -> None:  # fmt: skip
    """Add a problem for every class that scenarios count on and the new ground (`classes`, else the layer's own as
    written) lacks. `brought`: codes of scenarios that come with the same pack; unless somebody edited them, they bring
    their own rates."""
    here = set(classes) if classes is not None else set(layer.zones.values_list("klass", flat=True))
    for klass, scenarios in sorted(classes_used(layer).items()):
        kept = [one for one in scenarios if one.created_by_id is not None or one.code not in brought]
        if klass in here or not kept:
            continue
        names = ", ".join(f"{one.ref} {local_name(one)}" for one in kept)
        text = gettext_lazy(
            'The class "%(cell)s" is missing, and these scenarios count on it: %(scenarios)s. Keep the class, or change'
            " the scenarios first."
        )
        problems.add("class_in_use", text, file=label, column="class", cell=klass, scenarios=names)


def edit_facts(*, user: Any, layer: HazardLayer, **changes: Any) -> HazardLayer:
    """Correct what is said about a layer (`FACTS`). Raises InvalidInput with everything that is wrong."""
    if user is not None:
        policies.demand(user, "hazard.import", layer.city)
    clean = _checked_facts(changes)
    before = {name: getattr(layer, name) for name in clean}
    changed = {name: value for name, value in clean.items() if before[name] != value}
    if not changed:
        return layer
    with transaction.atomic():
        for name, value in changed.items():
            setattr(layer, name, value)
        layer.save(update_fields=list(changed))
        audit.record(
            user=user, act="hazard.edit", subject=layer, ref=layer.code, after=changed,
            before={name: before[name] for name in changed},
        )  # fmt: skip
    return layer


def _checked_facts(changes: dict[str, Any]) -> dict[str, Any]:
    problems: list[Problem] = []
    clean: dict[str, Any] = {}
    for name, value in changes.items():
        if name not in FACTS:
            text = _("The key is not known. Known: %(known)s.") % {"known": ", ".join(FACTS)}
            problems.append(Problem("key_unknown", text, column=name))
        elif name == "return_period_years":
            if value in ("", None):
                clean[name] = None
            elif isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= 1_000_000:
                clean[name] = value
            else:
                text = _('The return period is a whole number of years from 1 on, not "%(cell)s".')
                problems.append(Problem("not_whole", text % {"cell": value}, column=name, value=str(value)))
        elif name == "certainty":
            clean[name] = value
            if value not in Certainty.values:
                text = _('"%(cell)s" is not one of: %(known)s.')
                known = {"cell": value, "known": ", ".join(Certainty.values)}
                problems.append(Problem("choice_unknown", text % known, column=name, value=str(value)))
        else:
            clean[name] = str(value or "").strip()
            if len(clean[name]) > _LONGEST[name]:
                text = _("The text is longer than %(most)d characters.") % {"most": _LONGEST[name]}
                problems.append(Problem("text_too_long", text, column=name))
    if clean.get("name") == "":
        problems.append(Problem("value_missing", _("A layer needs a name."), column="name"))
    if problems:
        raise InvalidInput(_("These facts cannot be kept."), problems)
    return clean


def delete_layer(*, user: Any, layer: HazardLayer) -> None:
    """Delete a layer that no scenario stands on. Past runs keep their frozen ground; a layer of a city pack comes back
    when the pack is loaded anew."""
    if user is not None:
        policies.demand(user, "hazard.import", layer.city)
    with transaction.atomic():
        layer = HazardLayer.objects.select_for_update().get(pk=layer.pk)
        used = scenarios_on(layer)
        if used:
            names = ", ".join(f"{one.ref} {local_name(one)}" for one in used)
            text = _("These scenarios stand on the layer: %(scenarios)s. Change or delete them first.")
            refs = [one.ref for one in used]
            raise DomainError("layer-in-use", text % {"scenarios": names}, scenarios=refs)
        before = {"code": layer.code, "name": layer.name, "classes": layer.facts.get("classes", [])}
        audit.record(user=user, act="hazard.delete", subject=layer, ref=layer.code, before=before)
        layer.delete()
