"""What the pages of one plan version share: which version is asked for, and the words above its tables."""

from typing import Any

from django.http import Http404, HttpRequest
from django.shortcuts import get_object_or_404

from core import policies
from planning.models import Plan, PlanVersion
from planning.selectors import change_sets
from planning.selectors.plan_comparisons import COMPUTED
from planning.views.plan_tabs import plan_tabs


def version_asked(request: HttpRequest, ref: str, *, computed: bool = True) -> PlanVersion:
    """The version of `?version=`, else the newest; 404 for a plan the person may not see. `computed`: the newest one that
    has a result where none is named."""
    plan = get_object_or_404(change_sets.plans_visible_to(request.user, request.city), ref=ref)
    asked = request.POST.get("version", "") or request.GET.get("version", "")
    if asked.isdigit() and int(asked) < 32768:
        version = change_sets.version_of(plan, int(asked))
    else:
        newest = plan.versions.filter(state__in=COMPUTED).order_by("-number").first() if computed else None
        version = change_sets.version_of(plan, newest.number if newest else None)
    if version is None:
        raise Http404
    return version


def version_context(request: HttpRequest, version: PlanVersion, current: str) -> dict[str, Any]:
    """Plan, version, tabs and the other versions, for the head that these pages share."""
    plan: Plan = version.plan
    return {
        "plan": plan,
        "version": version,
        "versions": list(plan.versions.order_by("-number")),
        "tabs": plan_tabs(version, current, user=request.user),
        "tab": current,
        "ready": version.state in COMPUTED,
        "may_edit": policies.allows(request.user, "plan.edit", request.city),
        "query": f"version={version.number}",
    }
