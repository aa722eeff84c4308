from django.urls import URLPattern, path

from projects.views import cases, draws, handover, inbox, inspections, money, projects, works

urlpatterns: list[URLPattern] = [
    path("inbox/", inbox.inbox_page, name="inbox"),
    path("projects/", projects.project_list, name="projects"),
    path("projects/new/", projects.project_new, name="project_new"),
    path("projects/from-plan/<str:ref>/<int:number>/", projects.project_from_plan, name="project_from_plan"),
    *money.urlpatterns,
    *handover.urlpatterns,
    *works.urlpatterns,
    *inspections.urlpatterns,
    *draws.urlpatterns,
    path("projects/<str:ref>/", projects.project_record, name="project"),
    path("projects/<str:ref>/submit/", cases.project_submit, name="project_submit"),
    path("projects/<str:ref>/tranches/<int:number>/ask/", cases.tranche_ask, name="tranche_ask"),
    path("cases/<str:ref>/steps/<slug:task>/", cases.step_page, name="case_step"),
    path("cases/<str:ref>/answers/", cases.case_answers, name="case_answers"),
    path("cases/<str:ref>/withdraw/", cases.case_withdraw, name="case_withdraw"),
    path("conditions/<int:pk>/", cases.condition_page, name="condition"),
]
