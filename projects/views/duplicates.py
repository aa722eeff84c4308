"""Nothing is built twice: what was found near a project, the reason, and the rules behind it."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import URLPattern, path
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from core import policies
from core.errors import DomainError
from core.views.pages import page
from projects.forms.drafts import DuplicateRuleForm
from projects.selectors import duplicates as near
from projects.services import drafts, duplicate_rules, duplicates
from projects.views.project_tabs import project_tabs
from projects.views.seen import project_seen


@page
def project_duplicates(request: HttpRequest, ref: str) -> HttpResponse:
    """What was found, and the reason that is asked for. POST `look`: look again; POST `reason`: write it."""
    project = project_seen(request, ref)
    error, reason, version = None, project.duplicate_reason, project.version
    if request.method == "POST":
        try:
            if "look" in request.POST:
                duplicates.check(user=request.user, project=project)
            else:
                reason = request.POST.get("duplicate_reason", "")
                version = int(request.POST.get("version") or 0)
                drafts.edit(user=request.user, project=project, version=version, duplicate_reason=reason)
                messages.success(request, _("Saved."))
            return redirect("project_duplicates", ref)
        except (DomainError, ValueError) as refused:
            error = (
                refused
                if isinstance(refused, DomainError)
                else DomainError("bad-version", _("The form is incomplete; open it again."), status=422)
            )
            version = error.extra.get("version", version)
    context = {
        "project": project, "duplicates": near.newest(project, request.user), "error": error, "reason": reason,
        "version": version, "tabs": project_tabs(project, "project"), "full": True,
        "may_edit": policies.allows(request.user, "project.edit", project) and project.state in drafts.EDITABLE,
    }  # fmt: skip
    return render(request, "projects/duplicates.html", context, status=error.status if error else 200)


@page
def rules(request: HttpRequest) -> HttpResponse:
    if not request.city:
        return render(request, "planning/no_city.html")
    form = DuplicateRuleForm(request.POST or None)
    error = None
    if request.method == "POST" and form.is_valid():
        try:
            duplicate_rules.draft(user=request.user, city=request.city, **form.cleaned_data)
            messages.success(request, _("Drafted. Somebody else publishes it."))
            return redirect("duplicate_rules")
        except DomainError as refused:
            error = refused
    may_publish = policies.allows(request.user, "duplicate_rule.publish", request.city)
    rows = list(near.rules_seen(request.city))
    for row in rows:
        here = row.city_id is not None and row.state == "draft"
        row.may_publish = here and may_publish and row.drafted_by_id != request.user.pk  # type: ignore[attr-defined]
        row.may_drop = here and policies.allows(request.user, "duplicate_rule.edit", request.city)  # type: ignore[attr-defined]
    context = {
        "form": form, "error": error, "rules": rows,
        "may_edit": policies.allows(request.user, "duplicate_rule.edit", request.city),
    }  # fmt: skip
    return render(
        request, "projects/duplicate_rules.html", context, status=422 if error or form.errors else 200
    )


@page
@require_POST
def rule_move(request: HttpRequest, pk: int) -> HttpResponse:
    """Publish a draft, or take it back."""
    rule = get_object_or_404(near.rules_seen(request.city), pk=pk)
    try:
        if request.POST.get("move") == "publish":
            duplicate_rules.publish(user=request.user, rule=rule)
            messages.success(request, _("Published. Checks go by it from now on."))
        else:
            duplicate_rules.drop(user=request.user, rule=rule)
    except DomainError as refused:
        messages.error(request, str(refused.message))
    return redirect("duplicate_rules")


urlpatterns: list[URLPattern] = [
    path("projects/<str:ref>/duplicates/", project_duplicates, name="project_duplicates"),
    path("rules/duplicates/", rules, name="duplicate_rules"),
    path("rules/duplicates/<int:pk>/", rule_move, name="duplicate_rule_move"),
]
