from rest_framework.routers import BaseRouter

from projects.api import alerts, cases, files, money, projects


def register(router: BaseRouter) -> None:
    router.register("projects", projects.ProjectViewSet, basename="project")
    router.register("projects", money.ProjectMoneyViewSet, basename="project-money")
    router.register("cases", cases.CaseViewSet, basename="case")
    router.register("inbox", cases.InboxViewSet, basename="inbox")
    router.register(
        r"projects/(?P<project_ref>[^/]+)/dossier", files.DossierViewSet, basename="project-dossier"
    )
    router.register("publications", files.PublicationViewSet, basename="publication")
    router.register("alerts", alerts.AlertViewSet, basename="alert")
    router.register("alert-rules", alerts.AlertRuleViewSet, basename="alert-rule")
    router.register("supervision-runs", alerts.SupervisionRunViewSet, basename="supervision-run")
