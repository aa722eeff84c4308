from django.urls import URLPattern, path

from core.views import guides, jobs

urlpatterns: list[URLPattern] = [
    path("jobs/", jobs.job_list, name="jobs"),
    path("jobs/running/", jobs.jobs_running, name="jobs_running"),
    path("jobs/<str:ref>/", jobs.job_record, name="job"),
    path("jobs/<str:ref>/progress/", jobs.job_progress, name="job_progress"),
    path("jobs/<str:ref>/cancel/", jobs.job_cancel, name="job_cancel"),
    path("help/glossary/", guides.glossary, name="help_glossary"),
    path("help/methods/", guides.methods, name="help_methods"),
]
