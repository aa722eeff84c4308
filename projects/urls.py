from django.urls import URLPattern, path

from projects.views import (
    case_page,
    cases,
    draws,
    files,
    handover,
    inbox,
    inspections,
    money,
    projects,
    publications,
    steps,
    works,
)

urlpatterns: list[URLPattern] = [
    path("inbox/", inbox.inbox_page, name="inbox"),
    path("projects/", projects.project_list, name="projects"),
    path("projects/new/", projects.project_new, name="project_new"),
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
