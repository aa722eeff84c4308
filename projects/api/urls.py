from rest_framework.routers import BaseRouter

from projects.api import cases, projects


def register(router: BaseRouter) -> None:
    router.register("projects", projects.ProjectViewSet, basename="project")
    router.register("cases", cases.CaseViewSet, basename="case")
    router.register("inbox", cases.InboxViewSet, basename="inbox")
