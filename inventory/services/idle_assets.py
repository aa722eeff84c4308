"""Idle assets and what they may become, written by a person or a program."""

from __future__ import annotations

import math
from typing import Any

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from core import policies
from core.errors import DomainError, InvalidInput, Problem
from core.models import City
from core.services import audit
from core.services.refs import registry_refs
from facilities.errors import ChangedMeanwhile
from facilities.models import ServiceType
from facilities.services.facilities import place
from inventory.choices import AssetKind, AssetStatus, InterventionKind, Tenure
from inventory.models import AssetOption, IdleAsset

TEXTS = {"name": 200, "name_en": 200, "former_use": 80, "address": 300, "constraints_text": 300}
SIZES = ("floor_m2", "land_m2")
POSITION = {"datum", "original_x", "original_y"}
CHOICES = {"kind": AssetKind, "status": AssetStatus, "tenure": Tenure}
FIELDS = {*TEXTS, *SIZES, *POSITION, *CHOICES}
LARGEST_FEN = 9_000_000_000_000_000


def state(asset: IdleAsset) -> dict[str, Any]:
    return {name: getattr(asset, name) for name in sorted(FIELDS)}


def _number(value: Any, *, largest: float = 1e12) -> bool:
    return (
        isinstance(value, int | float)
        and not isinstance(value, bool)
        and math.isfinite(value)
        and 0 <= value <= largest
    )


def clean(fields: dict[str, Any], *, new: bool) -> dict[str, Any]:
    """Fields as the model takes them; every problem at once."""
    problems = [
        Problem("unknown-field", _("There is no such field."), column=name) for name in set(fields) - FIELDS
    ]
    out: dict[str, Any] = {}
    for name, longest in TEXTS.items():
        if name in fields:
            out[name] = str(fields[name] or "").replace("\x00", "").strip()
            if len(out[name]) > longest:
                problems.append(
                    Problem("too-long", _("At most %(count)d characters.") % {"count": longest}, column=name)
                )
    if (new or "name" in fields) and not out.get("name"):
        problems.append(Problem("required", _("A name is needed."), column="name"))
    for name, choices in CHOICES.items():
        if name in fields:
            out[name] = fields[name]
            if out[name] not in choices.values:
                problems.append(
                    Problem("unknown-choice", _("Choose one of the list."), column=name, value=str(out[name]))
                )
    if new and "kind" not in fields:
        problems.append(Problem("required", _("Say whether it is premises or land."), column="kind"))
    for name in SIZES:
        if name in fields:
            out[name] = None if fields[name] in (None, "") else fields[name]
            if out[name] is not None and not _number(out[name]):
                problems.append(
                    Problem(
                        "bad-number",
                        _("A number that is not negative is needed."),
                        column=name,
                        value=str(fields[name]),
                    )
                )
    given = POSITION & set(fields)
    if (new or given) and given != POSITION:
        words = _("A position is two coordinates and the datum they are in.")
        problems.append(Problem("incomplete-position", words, column=", ".join(sorted(POSITION - given))))
    for name in given & {"original_x", "original_y"}:
        if not isinstance(fields[name], int | float) or isinstance(fields[name], bool):
            problems.append(
                Problem(
                    "bad-number",
                    _("A coordinate in degrees or metres is needed."),
                    column=name,
                    value=str(fields[name]),
                )
            )
    out.update({name: fields[name] for name in given})
    if problems:
        raise InvalidInput(_("The idle asset cannot be saved."), problems)
    return out


def _put(asset: IdleAsset, cleaned: dict[str, Any]) -> None:
    if set(cleaned) >= POSITION:
        x, y, datum = float(cleaned["original_x"]), float(cleaned["original_y"]), str(cleaned["datum"])
        if asset.pk is None or (x, y, datum) != (asset.original_x, asset.original_y, asset.datum):
            asset.point, asset.area = place(city=asset.city, x=x, y=y, datum=datum)
    for name, value in cleaned.items():
        setattr(asset, name, value)


@transaction.atomic
def create_asset(*, user: Any, city: City, fields: dict[str, Any], reason: str = "") -> IdleAsset:
    policies.demand(user, "idle_asset.edit")
    asset = IdleAsset(city=city)
    _put(asset, clean(fields, new=True))
    policies.demand(user, "idle_asset.edit", asset)
    asset.ref = registry_refs("IA", 1)[0]
    asset.save()
    audit.record(
        user=user, act="idle_asset.add", subject=asset, after={**state(asset), "version": 1}, reason=reason
    )
    return asset


@transaction.atomic
def update_asset(
    *, user: Any, asset: IdleAsset, version: int | None, fields: dict[str, Any], reason: str = ""
) -> IdleAsset:
    """Change what is in `fields`; ChangedMeanwhile when someone saved after the version the person saw."""
    kept = IdleAsset.objects.select_for_update(of=("self",)).select_related("area", "city").get(pk=asset.pk)
    policies.demand(user, "idle_asset.edit", kept)
    if version is not None and version != kept.version:
        raise ChangedMeanwhile(version=kept.version, changes=[])
    before = state(kept)
    _put(kept, clean(fields, new=False))
    policies.demand(user, "idle_asset.edit", kept)
    after = state(kept)
    changed = [name for name in after if after[name] != before[name]]
    if changed:
        kept.version += 1
        kept.save()
        audit.record(
            user=user, act="idle_asset.change", subject=kept,
            before={name: before[name] for name in changed} | {"version": kept.version - 1},
            after={name: after[name] for name in changed} | {"version": kept.version}, reason=reason,
        )  # fmt: skip
    return kept


@transaction.atomic
def mark_used(*, user: Any, asset: IdleAsset, reason: str) -> IdleAsset:
    """An idle asset has become a facility and is offered no longer. No policy: for a service whose own right was asked."""
    kept = IdleAsset.objects.select_for_update(of=("self",)).get(pk=asset.pk)
    if kept.status != AssetStatus.USED:
        before, kept.status = kept.status, AssetStatus.USED
        kept.version += 1
        kept.save(update_fields=["status", "version", "updated_at"])
        audit.record(
            user=user, act="idle_asset.change", subject=kept, before={"status": before, "version": kept.version - 1},
            after={"status": kept.status, "version": kept.version}, reason=reason,
        )  # fmt: skip
    return kept


def _told(option: AssetOption) -> dict[str, Any]:
    return {
        "service": option.service.code, "kind": option.kind, "capacity": option.capacity, "cost_fen": option.cost_fen,
        "conversion_hours": option.conversion_hours, "lead_months": option.lead_months,
    }  # fmt: skip


@transaction.atomic
def set_option(
    *, user: Any, asset: IdleAsset, service: ServiceType, kind: str, capacity: float, cost_fen: int,
    conversion_hours: float | None = None, lead_months: int = 6,
) -> AssetOption:  # fmt: skip
    """Add or change one thing the asset may become."""
    policies.demand(user, "idle_asset.edit", asset)
    problems = []
    if kind not in InterventionKind.values:
        problems.append(
            Problem("unknown-choice", _("Choose one of the list."), column="kind", value=str(kind))
        )
    for name, value, largest in (
        ("capacity", capacity, 1e9),
        ("cost_fen", cost_fen, LARGEST_FEN),
        ("lead_months", lead_months, 600),
    ):
        if not _number(value, largest=largest):
            problems.append(
                Problem(
                    "bad-number", _("A number that is not negative is needed."), column=name, value=str(value)
                )
            )
    if conversion_hours is not None and not _number(conversion_hours, largest=1e5):
        problems.append(
            Problem("bad-number", _("A number that is not negative is needed."), column="conversion_hours")
        )
    if problems:
        raise InvalidInput(_("The option cannot be saved."), problems)
    option = (
        AssetOption.objects.select_related("service").filter(asset=asset, service=service, kind=kind).first()
    )
    before = _told(option) if option else None
    option = option or AssetOption(asset=asset, service=service, kind=kind)
    option.capacity, option.cost_fen, option.lead_months = float(capacity), int(cost_fen), int(lead_months)
    option.conversion_hours = conversion_hours
    option.save()
    _touch(asset)
    audit.record(user=user, act="idle_asset.option", subject=asset, before=before, after=_told(option))
    return option


@transaction.atomic
def remove_option(*, user: Any, option: AssetOption) -> None:
    policies.demand(user, "idle_asset.edit", option.asset)
    _touch(option.asset)
    audit.record(user=user, act="idle_asset.option_removed", subject=option.asset, before=_told(option))
    try:
        option.delete()
    except Exception as error:  # a plan that cites the option protects it
        raise DomainError("option-in-use", _("A plan uses this option; it cannot be removed.")) from error


def _touch(asset: IdleAsset) -> None:
    IdleAsset.objects.filter(pk=asset.pk).update(updated_at=timezone.now())
