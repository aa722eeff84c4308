"""Versions of a scenario: what differs between two, and going back to one."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from core import policies
from core.views.pages import page
from planning.selectors import scenarios as selectors
from planning.services import scenarios as services
from planning.services.scenario_versions import compare_versions, version_of
from planning.views.scenarios import changes_told, seen


@page
def scenario_versions(request: HttpRequest, ref: str) -> HttpResponse:
    """Two versions side by side, field by field; the newest two unless others are asked for."""
    scenario = seen(request, ref)
    listed = selectors.versions_of(scenario)
    numbers = [row["number"] for row in listed]
    newer = _asked(request, "newer", numbers, numbers[0])
    older = _asked(request, "older", numbers, next((n for n in numbers if n < newer), newer))
    return render(
        request, "planning/scenario_versions.html",
        {
            "scenario": scenario, "versions": listed, "newer": version_of(scenario=scenario, number=newer), "older": version_of(scenario=scenario, number=older),
            "changes": changes_told(compare_versions(scenario=scenario, older=older, newer=newer)),
            "may_edit": policies.allows(request.user, "scenario.edit", scenario.city),
        },
    )  # fmt: skip


def _asked(request: HttpRequest, name: str, numbers: list[int], otherwise: int) -> int:
    word = request.GET.get(name, "")
    return int(word) if word.isdecimal() and int(word) in numbers else otherwise


@require_POST
@page
def scenario_restore(request: HttpRequest, ref: str, number: int) -> HttpResponse:
    """What the version said, as a new version."""
    scenario = seen(request, ref)
    version = request.POST.get("version", "")
    services.restore_version(
        user=request.user,
        scenario=scenario,
        number=number,
        version=int(version) if version.isdecimal() else 0,
    )
    messages.success(request, _("Restored as a new version."))
    return redirect("scenario", ref=ref)
