"""Batches: the list, a new one, and one with its runs ranked, its services side by side and the worst of each district."""

from typing import Any
from urllib.parse import urlencode

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext as _

from core import policies
from core.errors import DomainError
from core.selectors.jobs import jobs_visible_to
from core.views.pages import page, page_of
from facilities.models import ServiceType
from planning.bridge.variations import is_share, numbers_of
from planning.choices import RunState
from planning.forms import BatchForm
from planning.models import Batch, Scenario
from planning.selectors.batches import (
    MEASURES,
    BatchRow,
    batch_rows,
    batches_visible_to,
    ranked,
    services_of,
    worst_by_district,
)
from planning.services.batch_answers import missing_of
from planning.services.batch_tables import FORMS, batch_table
from planning.services.batches import start_batch
from planning.views.number_words import number_name, value_words

VIEWS = ("rank", "services", "districts")


@page
def batch_list(request: HttpRequest) -> HttpResponse:
    if not request.city:
        return render(request, "planning/no_city.html")
    context = {
        "page": page_of(request, batches_visible_to(request.user, request.city)),
        "may_start": policies.allows(request.user, "run.start", request.city),
    }
    return render(request, "planning/batches.html", context)


@page
def batch_new(request: HttpRequest) -> HttpResponse:
    policies.demand(request.user, "run.start", request.city)
    form = BatchForm(request.POST or None, city=request.city, initial={"scenarios": _named(request)})
    if request.method == "POST" and form.is_valid():
        try:
            batch = start_batch(user=request.user, city=request.city, **form.asked())
        except DomainError as refused:
            form.add_error(None, str(refused.message))
        else:
            return redirect("batch", ref=batch.ref)
    chosen = form["scenario"].value()
    scenario = Scenario.objects.filter(city=request.city, ref=chosen or "").first()
    context = {"form": form, "numbers": _numbers(scenario), "path": form["path"].value() or ""}
    return render(request, "planning/batch_new.html", context, status=422 if form.errors else 200)


def _named(request: HttpRequest) -> list[str]:
    """Ticked from the start: those the address names, else every scenario."""
    own = Scenario.objects.filter(city=request.city).order_by("ref").values_list("ref", flat=True)
    asked = request.GET.getlist("scenario")
    return [ref for ref in own if not asked or ref in asked]


@page
def batch_numbers(request: HttpRequest) -> HttpResponse:
    """The numbers of the chosen scenario that may be varied, for the form."""
    policies.demand(request.user, "run.start", request.city)
    scenario = Scenario.objects.filter(city=request.city, ref=request.GET.get("scenario", "")).first()
    context = {"numbers": _numbers(scenario), "path": request.GET.get("path", "")}
    return render(request, "planning/parts/batch_numbers.html", context)


def _numbers(scenario: Scenario | None) -> list[dict[str, Any]]:
    if scenario is None:
        return []
    return [
        {
            "path": place,
            "label": number_name(place),
            "now": value_words(place, value) if value is not None else "",
            "share": is_share(place),
        }
        for place, value in numbers_of(scenario).items()
    ]


def _batch(request: HttpRequest, ref: str) -> Batch:
    return get_object_or_404(batches_visible_to(request.user), ref=ref)


@page
def batch_record(request: HttpRequest, ref: str) -> HttpResponse:
    batch, ask = _batch(request, ref), request.GET.get
    if ask("a") and ask("b"):
        return redirect(reverse("compare_runs", args=[ask("a")]) + "?" + urlencode({"with": ask("b")}))
    context = _shown(request, batch)
    part = "planning/parts/batch_found.html"
    return render(request, part if request.htmx else "planning/batch.html", context)


def _shown(request: HttpRequest, batch: Batch) -> dict[str, Any]:
    ask, user = request.GET.get, request.user
    measure = ask("measure") if ask("measure") in MEASURES else "gap"
    rows = batch_rows(batch, user=user)
    services = services_of(rows)
    service = next((one for one in services if one.code == ask("service")), None) or _telling(rows, services)
    rows = ranked(rows, service.code if service else "", measure if service else "coverage")
    finished = [row for row in rows if row.run.state == RunState.DONE]
    view = ask("view") if ask("view") in VIEWS else VIEWS[0]
    found: dict[str, Any] = {
        "batch": batch, "rows": rows, "finished": finished, "services": services, "service": service, "measure": measure, "view": view,
        "without": [
            {"row": row, "missing": missing_of(row.run)}
            for row in rows
            if row.run.state in (RunState.REFUSED, RunState.FAILED)
        ],
        "measures": measure_words(), "measure_label": dict(measure_words())[measure],
        "alive": batch.job is not None and not batch.job.over,
        "waits": any(row.run.state == RunState.WAITING for row in rows),
        "may_see_job": batch.job is not None and jobs_visible_to(user).filter(pk=batch.job_id).exists(),
        "may_start": policies.allows(user, "run.start", batch.city),
        "sweep_name": number_name(batch.sweep["path"]) if batch.sweep else "",
        "first": finished[0] if finished else None,
        "query": urlencode({"service": service.code if service else "", "measure": measure}),
    }  # fmt: skip
    if batch.sweep:
        found["values"] = {row.position: value_words(batch.sweep["path"], row.value) for row in rows}
    if service is not None:
        found["ranges"] = any(
            row.services[service.code].gap_range for row in finished if service.code in row.services
        )
        if view == "districts":
            found["districts"] = worst_by_district(rows, service, user=user)
    return found


def _telling(rows: list[BatchRow], services: list[ServiceType]) -> ServiceType | None:
    """The service to open on: the one that most runs count, and of those the one whose gap differs most between them."""

    def told(service: ServiceType) -> tuple[int, float]:
        gaps = [row.services[service.code].totals.gap for row in rows if service.code in row.services]
        return len(gaps), (max(gaps) - min(gaps)) / max(max(gaps), 1)

    return max(services, key=told, default=None)


def measure_words() -> list[tuple[str, str]]:
    words = (
        _("Gap"), _("Need"), _("Served"), _("Late"), _("No room"), _("Out of reach"), _("Coverage"),
    )  # fmt: skip
    return list(zip(MEASURES, words, strict=True))


@page
def batch_file(request: HttpRequest, ref: str, form: str) -> HttpResponse:
    """The ranked rows as CSV or XLSX, one line for each run and service."""
    batch = _batch(request, ref)
    if form not in FORMS:
        raise Http404
    service, measure = request.GET.get("service", ""), request.GET.get("measure", "gap")
    rows = batch_rows(
        batch, user=request.user, service=service, measure=measure if measure in MEASURES else "gap"
    )
    answer = HttpResponse(batch_table(batch=batch, rows=rows, form=form), content_type=FORMS[form])
    answer["Content-Disposition"] = f'attachment; filename="{batch.ref}.{form}"'
    answer["Cache-Control"] = "private, no-store"
    return answer


urlpatterns: list[URLPattern] = [
    path("batches/", batch_list, name="batches"),
    path("batches/new/", batch_new, name="batch_new"),
    path("batches/new/numbers/", batch_numbers, name="batch_numbers"),
    path("batches/<str:ref>/", batch_record, name="batch"),
    path("batches/<str:ref>/table.<str:form>", batch_file, name="batch_file"),
]
