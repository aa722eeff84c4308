"""Files and record of a plan's version: downloads, what was frozen by whom with its hash, and the history of versions."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import URLPattern, path

from core.views.pages import page
from planning.choices import VersionState
from planning.selectors.plan_history import version_history
from planning.services.plan_freeze import content_sha256
from planning.views.plan_pages import version_asked, version_context


@page
def plan_files(request: HttpRequest, ref: str) -> HttpResponse:
    version = version_asked(request, ref, computed=False)
    context = version_context(request, version, "plan_files")
    digest = content_sha256(version) if context["ready"] else ""
    context |= {
        "always": True, "digest": digest, "frozen": version.state == VersionState.FROZEN,
        "holds": version.content_sha256 == digest if version.content_sha256 else None,
        "history": version_history(version.plan, user=request.user),
    }  # fmt: skip
    return render(request, "planning/plan_files.html", context)


urlpatterns: list[URLPattern] = [path("plans/<str:ref>/files/", plan_files, name="plan_files")]
