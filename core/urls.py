from django.urls import URLPattern, path

from core.views import account, audit, developers, guides, jobs, search, tiles

urlpatterns: list[URLPattern] = [
    path("jobs/", jobs.job_list, name="jobs"),
    path("jobs/running/", jobs.jobs_running, name="jobs_running"),
    path("jobs/<str:ref>/", jobs.job_record, name="job"),
    path("jobs/<str:ref>/progress/", jobs.job_progress, name="job_progress"),
    path("jobs/<str:ref>/cancel/", jobs.job_cancel, name="job_cancel"),
    path("account/", account.account, name="account"),
    path("account/tokens/", account.tokens, name="tokens"),
    path("account/tokens/<int:pk>/revoke/", account.token_revoke, name="token_revoke"),
    path("audit/", audit.audit_list, name="audit"),
    path("audit/check/", audit.audit_check, name="audit_check"),
    path("search/", search.search_page, name="search"),
    path("developers/", developers.developers, name="developers"),
    *(
        path(
            f"tiles/{layer}/<int:z>/<int:x>/<int:y>.pbf",
            tiles.base_map,
            {"layer": layer},
            name=f"tiles_{layer}",
        )
        for layer in ("areas", "roads", "water", "green")
    ),
    path("help/glossary/", guides.glossary, name="help_glossary"),
    path("help/methods/", guides.methods, name="help_methods"),
]
