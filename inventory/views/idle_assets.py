"""Idle assets: list, record, edit, options."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST

from core import policies
from core.choices import AreaLevel, Datum
from core.errors import DomainError, InvalidInput
from core.models import AuditEntry
from core.templatetags.pingji import is_chinese, local_name, num, unit, yuan
from core.views.pages import page
from core.views.tiles import tile_access, tile_city, tile_response
from facilities.errors import ChangedMeanwhile
from facilities.models import ServiceType
from facilities.selectors import places
from inventory.filters import IdleAssetFilter
from inventory.forms import IdleAssetForm, OptionForm
from inventory.models import IdleAsset
from inventory.selectors import idle_assets as selectors
from inventory.selectors.tiles import asset_tile
from inventory.services import idle_assets as services
from inventory.tables import IdleAssetTable


@page
def asset_list(request: HttpRequest) -> HttpResponse:
    if not request.city:
        return render(request, "facilities/no_city.html")
    table = IdleAssetTable(request=request, city=request.city)
    rows = table.page()
    facets = table.facets() if table.valid else []
    query = request.GET.copy()
    for name in ("page", "city"):
        query.pop(name, None)
    exact = query.urlencode()
    return render(
        request,
        "inventory/idle_list.html",
        {
            "page": rows, "sentence": table.sentence(rows.paginator.count), "facets": facets, "pills": table.pills(facets),
            "errors": table.filter.errors, "search": request.GET.get("search", ""),
            "kept": [(name, request.GET[name]) for name in ("near", "in_bbox", "cost_max", "ordering") if request.GET.get(name)],
            "api": f"/api/v1/idle-assets/?city={request.city.code}" + (f"&{exact}" if exact else ""),
            "name_key": "name" if is_chinese() else "name_en", "may_add": policies.allows(request.user, "idle_asset.edit"),
        },
    )  # fmt: skip


def _asset(request: HttpRequest, ref: str) -> IdleAsset:
    asset = get_object_or_404(selectors.assets_for(request.user).select_related("layer"), ref=ref)
    request.city = asset.city
    return asset


@page
def asset_record(request: HttpRequest, ref: str) -> HttpResponse:
    asset = _asset(request, ref)
    options = list(asset.options.select_related("service").order_by("service__sort_order", "kind"))
    entries = AuditEntry.objects.filter(
        subject_type="inventory.idleasset", subject_ref=asset.ref
    ).select_related("user")
    return render(
        request,
        "inventory/idle_record.html",
        {
            "asset": asset, "options": options, "stats": _stats(asset, options), "summary": _summary(asset),
            "config": _map_config(request, asset), "may_edit": policies.allows(request.user, "idle_asset.edit", asset),
            "history": entries.order_by("-id")[:10], "acts": ACTS,
        },
    )  # fmt: skip


ACTS = {
    "idle_asset.add": gettext_lazy("Added"), "idle_asset.change": gettext_lazy("Changed"),
    "idle_asset.option": gettext_lazy("Option set"), "idle_asset.option_removed": gettext_lazy("Option removed"),
}  # fmt: skip


def _stats(asset: IdleAsset, options: list[Any]) -> list[dict[str, Any]]:
    best = min(
        options, key=lambda one: one.cost_fen / one.capacity if one.capacity else float("inf"), default=None
    )
    stats = [
        {
            "label": _("Floor area"),
            "value": num(asset.floor_m2),
            "unit": "m²" if asset.floor_m2 is not None else "",
            "note": "",
        },
        {
            "label": _("Land area"),
            "value": num(asset.land_m2),
            "unit": "m²" if asset.land_m2 is not None else "",
            "note": "",
        },
        {"label": _("Options"), "value": num(len(options)), "unit": "", "note": _("one can be taken")},
    ]
    if best is not None and best.capacity:
        each = yuan(round(best.cost_fen / best.capacity))
        note = _("%(service)s, %(capacity)s %(unit)s") % {
            "service": local_name(best.service), "capacity": num(best.capacity), "unit": unit(best.service),
        }  # fmt: skip
        stats.append({"label": _("Cheapest per unit"), "value": each, "unit": "", "note": note})
    return stats


def _summary(asset: IdleAsset) -> list[dict[str, Any]]:
    shift = places.shift_of(asset)
    metric = asset.datum.startswith("EPSG:")
    original = (
        f"{asset.original_x:.2f}, {asset.original_y:.2f}"
        if metric
        else f"{asset.original_x:.6f}, {asset.original_y:.6f}"
    )
    moved = _("moved %(metres)s m to WGS-84") % {"metres": num(shift)} if shift and shift >= 1 else ""
    rows = [
        {
            "term": _("Reference"),
            "value": asset.ref,
            "mono": True,
            "note": asset.source_id and _("%(id)s in the source") % {"id": asset.source_id},
        },
        {"term": _("Kind"), "value": asset.get_kind_display(), "note": asset.former_use},
        {"term": _("Tenure"), "value": asset.get_tenure_display()},
        {
            "term": _("Address"),
            "value": asset.address or "—",
            "note": local_name(asset.area) if asset.area else _("outside every known area"),
        },
        {"term": _("Position"), "value": f"{asset.point.x:.5f}, {asset.point.y:.5f}", "note": "WGS-84"},
        {
            "term": _("As declared"),
            "value": original,
            "note": " · ".join(part for part in (asset.datum, moved) if part),
        },
        {"term": _("Constraints"), "value": asset.constraints_text or _("none on record")},
    ]
    if asset.layer:
        licence = asset.layer.licence or _("licence not stated")
        rows.append(
            {"term": _("Source"), "value": asset.layer.name, "note": f"{asset.layer.file_name} · {licence}"}
        )
    return rows


def _map_config(request: HttpRequest, asset: IdleAsset) -> dict[str, Any]:
    tile = f"/tiles/%s/{{z}}/{{x}}/{{y}}.pbf?city={asset.city.code}"
    lon, lat = asset.point.x, asset.point.y
    return {
        "mode": "place", "show": "none", "chinese": is_chinese(), "center": [lon, lat], "zoom": 13.5,
        "labels": places.labels_around(asset, request.user, english=not is_chinese()),
        "levels": {"district": int(AreaLevel.DISTRICT)},
        "tiles": {"areas": tile % "areas", "roads": tile % "roads", "water": tile % "water", "facilities": tile % "facilities"},
        "place": {"lon": lon, "lat": lat}, "big": 1, "label": _("Where %(name)s is") % {"name": local_name(asset)},
        "words": {"noMap": _("This browser cannot draw the map. The table holds every value.")},
    }  # fmt: skip


def _form_page(request: HttpRequest, form: IdleAssetForm, status: int = 0, **context: Any) -> HttpResponse:
    status = status or (422 if form.is_bound and form.errors else 200)
    return render(
        request, "inventory/idle_form.html", {"form": form, "datums": Datum.values, **context}, status=status
    )


@page
def asset_new(request: HttpRequest) -> HttpResponse:
    policies.demand(request.user, "idle_asset.edit")
    # a place found on the map comes along in the address
    place = {"original_x": request.GET.get("lon"), "original_y": request.GET.get("lat")}
    if place["original_x"]:
        place["datum"] = Datum.WGS84
    form = IdleAssetForm(
        request.POST if request.method == "POST" else None,
        initial={"status": "idle", "tenure": "unknown"} | place,
    )
    if request.method == "POST" and form.is_valid():
        try:
            made = services.create_asset(
                user=request.user,
                city=request.city,
                fields=form.changes(),
                reason=form.cleaned_data["reason"],
            )
            messages.success(
                request, _("%(name)s was added as %(ref)s.") % {"name": local_name(made), "ref": made.ref}
            )
            return redirect("idle_asset", ref=made.ref)
        except InvalidInput as error:
            form.take_problems(error)
    return _form_page(request, form, title=_("Add an idle asset"), button=_("Add"))


@page
def asset_edit(request: HttpRequest, ref: str) -> HttpResponse:
    asset = _asset(request, ref)
    policies.demand(request.user, "idle_asset.edit", asset)
    context = {
        "asset": asset,
        "title": _("Edit %(name)s") % {"name": local_name(asset)},
        "button": _("Save"),
        "crumb": _("Edit"),
    }
    if request.method != "POST":
        return _form_page(request, IdleAssetForm(initial=IdleAssetForm.values_of(asset)), **context)
    form = IdleAssetForm(request.POST)
    if form.is_valid():
        try:
            services.update_asset(
                user=request.user, asset=asset, version=form.cleaned_data["version"], fields=form.changes(),
                reason=form.cleaned_data["reason"],
            )  # fmt: skip
            messages.success(request, _("Saved."))
            return redirect("idle_asset", ref=ref)
        except ChangedMeanwhile as error:
            typed = request.POST.copy()
            typed["version"] = str(error.version)
            asset.refresh_from_db()
            theirs = [
                {"label": field.label, "theirs": getattr(asset, name), "yours": form.cleaned_data.get(name)}
                for name, field in form.fields.items()
                if hasattr(asset, name)
                and name != "version"
                and getattr(asset, name) != form.cleaned_data.get(name)
            ]
            return _form_page(
                request,
                IdleAssetForm(typed),
                status=409,
                conflict=theirs,
                conflict_words=error.message,
                **context,
            )
        except InvalidInput as error:
            form.take_problems(error)
    return _form_page(request, form, **context)


@page
def option_add(request: HttpRequest, ref: str) -> HttpResponse:
    """Add an option, or change the one with the same service and kind."""
    asset = _asset(request, ref)
    policies.demand(request.user, "idle_asset.edit", asset)
    form = OptionForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        said = dict(form.cleaned_data)
        service = get_object_or_404(ServiceType, code=said.pop("service"))
        said["cost_fen"] = int(said.pop("cost_yuan") * 100)
        try:
            services.set_option(user=request.user, asset=asset, service=service, **said)
            messages.success(request, _("Saved."))
            return redirect("idle_asset", ref=ref)
        except InvalidInput as error:
            form.take_problems(error)
    return render(
        request,
        "inventory/option_form.html",
        {"asset": asset, "form": form},
        status=422 if form.is_bound else 200,
    )


@require_POST
@page
def option_remove(request: HttpRequest, ref: str, number: int) -> HttpResponse:
    asset = _asset(request, ref)
    services.remove_option(
        user=request.user,
        option=get_object_or_404(asset.options.select_related("asset", "service"), pk=number),
    )
    return redirect("idle_asset", ref=ref)


@tile_access
def assets_layer(request: HttpRequest, z: int, x: int, y: int) -> HttpResponse:
    city = tile_city(request)
    filters = IdleAssetFilter(request.GET, queryset=IdleAsset.objects.none(), request=request)
    if not filters.is_valid():
        raise DomainError("bad-filter", _("A filter cannot be read."), status=400, errors=filters.errors)
    said = filters.form.cleaned_data
    services_asked, statuses = sorted(said.get("service") or []), sorted(said.get("status") or [])
    return tile_response(
        request,
        asset_tile(user=request.user, city=city, services=services_asked, statuses=statuses, z=z, x=x, y=y),
    )
