"""What waits among projects, on the first page: overdue first; the rest is one line that leads to the inbox."""

from typing import Any

from django.urls import reverse
from django.utils.translation import get_language, ngettext
from django.utils.translation import gettext as _

from core.models import City
from core.templatetags.pingji import local_name
from planning.selectors.home import Task, register_tasks
from projects.selectors.inbox import Waiting, waiting_for

SHOWN = 5


def _words(row: Waiting) -> str:
    english = not (get_language() or "").startswith("zh")
    return str(row.title_en if english and row.title_en else row.title)


def _late(row: Waiting) -> tuple[str, str]:
    if not row.overdue_days:
        return "", ""
    late = ngettext("%(days)d day overdue", "%(days)d days overdue", row.overdue_days)
    return late % {"days": row.overdue_days}, "bad"


@register_tasks
def project_tasks(*, user: Any, city: City) -> list[Task]:
    rows = waiting_for(user, city)
    shown = [
        Task(_words(row), f"{local_name(row.project)}, {row.project_ref}", row.href, row.due_on, *_late(row))
        for row in rows[:SHOWN]
    ]
    more = len(rows) - len(shown)
    if more:
        words = ngettext("%(count)d more in the inbox", "%(count)d more in the inbox", more)
        shown.append(Task(words % {"count": more}, _("cases, works and money"), reverse("inbox")))
    return shown
