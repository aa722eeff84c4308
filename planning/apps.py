from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class PlanningConfig(AppConfig):
    name = "planning"
    verbose_name = _("Planning")

    def ready(self) -> None:
        # Job kinds and what tidies up after them must be known wherever a job may end: worker, web and command.
        from planning import tasks  # noqa: F401

        # Registers what the search over everything finds here, and what records of facilities show of runs.
        from planning.selectors import found, panels  # noqa: F401
