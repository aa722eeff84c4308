"""One question: how many units will it have now, and why?"""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import path
from django.utils.translation import gettext as _

from core import policies
from core.errors import DomainError
from core.views.pages import page
from projects.services import scope
from projects.views.projects import project_seen


@page
def scope_page(request: HttpRequest, ref: str) -> HttpResponse:
    project = project_seen(request, ref)
    policies.demand(request.user, "project.edit", project)
    error, typed = None, {"units": str(project.units), "reason": ""}
    if request.method == "POST":
        typed = {key: request.POST.get(key, "") for key in typed}
        try:
            text = typed["units"].strip().replace(",", "")
            units = int(text) if text.isascii() and text.isdigit() else 0
            scope.change(user=request.user, project=project, units=units, reason=typed["reason"])
            messages.success(request, _("The scope was changed; what was approved stays on record."))
            return redirect("project", project.ref)
        except DomainError as refused:
            error = refused
    return render(
        request, "projects/scope.html", {"project": project, "error": error, "typed": typed},
        status=error.status if error else 200,
    )  # fmt: skip


urlpatterns = [path("projects/<str:ref>/scope/", scope_page, name="project_scope")]
