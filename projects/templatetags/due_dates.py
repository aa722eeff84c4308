"""Due dates of projects, with a word where the calendar they were counted with may still change."""

from __future__ import annotations

from datetime import date
from typing import Any

from django import template
from django.utils.html import format_html
from django.utils.translation import gettext as _

from core.templatetags.pingji import day
from projects.models import CalendarYear

register = template.Library()


@register.simple_tag(takes_context=True)
def due(context: Any, when: date | None) -> str:
    """The day in words, and “not yet announced” beside it where the holidays of its year are not announced: until the
    notice is entered, a count of working days may still move. The announced years are read once a page."""
    if not when:
        return day(None)
    page = context.get("request")
    announced = getattr(page, "announced_years", None)
    if announced is None:
        announced = set(CalendarYear.objects.filter(announced=True).values_list("year", flat=True))
        if page is not None:
            page.announced_years = announced
    if when.year in announced:
        return day(when)
    return format_html(
        '{} <small class="unannounced" title="{}">{}</small>',
        day(when),
        _("The holidays of this year are not announced yet; the day may still move."),
        _("not yet announced"),
    )
