"""The import wizard: choose a file and declare its datum, map its columns, check, apply."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from core import policies
from core.choices import Datum
from core.errors import DomainError
from core.views.pages import page, page_of
from facilities.choices import BatchState
from facilities.forms import UploadForm
from facilities.importers.registry import FIELDS
from facilities.models import Facility, PeacetimeUse
from facilities.selectors.facilities import imports_for
from facilities.services import intake

LABELS = {
    "id": gettext_lazy("Id in the source"),
    "lon": gettext_lazy("Longitude or x"),
    "lat": gettext_lazy("Latitude or y"),
}


@page
def import_start(request: HttpRequest) -> HttpResponse:
    policies.demand(request.user, "facility.import", request.city or None)
    form = UploadForm(request.POST or None, request.FILES or None)
    if request.method == "POST" and form.is_valid():
        said = form.cleaned_data
        try:
            token = intake.keep_upload(
                user=request.user, city=request.city, upload=said["file"], datum=said["datum"], encoding=said["encoding"],
                synthetic=said["synthetic"],
            )  # fmt: skip
            return redirect("facility_import_map", token=token)
        except DomainError as error:
            form.add_error("datum" if error.code == "unknown-datum" else "file", str(error.message))
    recent = imports_for(request.user).filter(city=request.city or None)[:10]
    context = {"form": form, "datums": Datum.values, "recent": recent}
    return render(request, "facilities/import_start.html", context, status=422 if form.is_bound else 200)


def _label(field: str) -> str:
    return str(LABELS.get(field) or Facility._meta.get_field(field).verbose_name)


@page
def import_map(request: HttpRequest, token: str) -> HttpResponse:
    kept = intake.open_upload(user=request.user, token=token)
    header = intake.header_of(kept)
    chosen = (
        {field: request.POST.get(f"column-{field}", "") for field in FIELDS}
        if request.method == "POST"
        else intake.guess(header)
    )
    use = request.POST.get("use", "")
    if request.method == "POST":
        apply = request.POST.get("step") == "apply"
        batch = intake.run_upload(
            user=request.user, city=request.city, token=token, columns=chosen, use=use, apply=apply
        )
        if batch.state == BatchState.APPLIED:
            messages.success(request, _("%(rows)d rows were brought in.") % {"rows": batch.rows})
            return redirect("import", ref=batch.ref)
        return redirect(f"{reverse('import', kwargs={'ref': batch.ref})}?upload={token}")
    fields = [
        {"name": field, "label": _label(field), "required": column.required, "chosen": chosen.get(field, "")}
        for field, column in FIELDS.items()
    ]
    context = {
        "kept": kept,
        "header": header,
        "fields": fields,
        "uses": PeacetimeUse.objects.all(),
        "use": use,
        "token": token,
    }
    return render(request, "facilities/import_map.html", context)


@page
def import_record(request: HttpRequest, ref: str) -> HttpResponse:
    batch = get_object_or_404(imports_for(request.user).select_related("layer"), ref=ref)
    token = request.GET.get("upload", "")
    shown = page_of(request, batch.issues.order_by("id"), 100)
    columns = batch.mapping.get("columns", {})
    context = {
        "batch": batch,
        "page": shown,
        "token": token,
        "columns": columns,
        "use": batch.mapping.get("use", ""),
    }
    return render(request, "facilities/import_record.html", context)
