from django.urls import URLPattern, path

from projects.views import (
    case_page,
    cases,
    drafts,
    draws,
    duplicates,
    files,
    handover,
    inbox,
    inspections,
    money,
    programme,
    project_imports,
    projects,
    publications,
    steps,
    works,
)

urlpatterns: list[URLPattern] = [
    path("inbox/", inbox.inbox_page, name="inbox"),
    *programme.urlpatterns,
    *project_imports.urlpatterns,
    *drafts.urlpatterns,
    *duplicates.urlpatterns,
    path("projects/from-plan/<str:ref>/<int:number>/", projects.project_from_plan, name="project_from_plan"),
    *publications.urlpatterns,
    *files.urlpatterns,
    *money.urlpatterns,
    *handover.urlpatterns,
    *works.urlpatterns,
    *inspections.urlpatterns,
    *draws.urlpatterns,
    path("projects/<str:ref>/", case_page.project_record, name="project"),
    *cases.urlpatterns,
    *steps.urlpatterns,
]
