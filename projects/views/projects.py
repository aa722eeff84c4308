"""Projects from the interventions of a plan."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from core import policies
from core.models import City
from core.views.pages import page
from planning.models import PlanVersion
from projects.services import drafts
from projects.views.seen import project_seen

__all__ = ["project_from_plan", "project_seen"]


@page
@require_POST
def project_from_plan(request: HttpRequest, ref: str, number: int) -> HttpResponse:
    cities = City.objects.filter(policies.visible_cities(request.user))
    version = get_object_or_404(
        PlanVersion.objects.select_related("plan__city"), plan__ref=ref, number=number, plan__city__in=cities
    )
    orders = [int(one) for one in request.POST.getlist("order") if one.isdigit()]
    made = drafts.from_plan(user=request.user, version=version, orders=orders)
    messages.success(request, _("%(count)s project drafts stand ready.") % {"count": len(made)})
    return redirect("project", made[0].ref) if len(made) == 1 else redirect("projects")
