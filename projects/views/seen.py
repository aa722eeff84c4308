"""A project or a case that the reader may see, or 404: shared by every page about one."""

from django.http import HttpRequest
from django.shortcuts import get_object_or_404

from projects.models import Case, Project
from projects.selectors import pages


def project_seen(request: HttpRequest, ref: str) -> Project:
    return get_object_or_404(pages.projects_visible_to(request.user), ref=ref)


def case_seen(request: HttpRequest, ref: str) -> Case:
    rows = Case.objects.select_related(
        "project__area", "project__city", "project__service", "route", "tranche", "drafter"
    )
    return get_object_or_404(rows, ref=ref, project__in=pages.projects_visible_to(request.user))
