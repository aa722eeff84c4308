from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class ProjectsConfig(AppConfig):
    name = "projects"
    verbose_name = _("Projects")

    def ready(self) -> None:
        # Registers what the search over everything finds here.
        from core.context import register_waiting
        from planning.selectors.change_sets import register_follower

        # Listens for events that were committed, wherever they were written.
        from projects import tasks  # noqa: F401
        from projects.selectors import found, home_tasks, officers, record_panels  # noqa: F401
        from projects.selectors.plan_traces import projects_of_version

        register_follower(projects_of_version)
        register_waiting(officers.count_open_steps)
