from rest_framework.routers import BaseRouter

from projects.api import projects


def register(router: BaseRouter) -> None:
    router.register("projects", projects.ProjectViewSet, basename="project")
    router.register("cases", projects.CaseViewSet, basename="case")
    router.register("inbox", projects.InboxViewSet, basename="inbox")
