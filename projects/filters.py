"""What lists of projects and cases can be narrowed by, on pages and the API alike."""

import django_filters
from django.db.models import Q, QuerySet
from django.utils.translation import gettext_lazy as _

from core.filters import AreaFilter
from projects.choices import CaseState, ProjectState
from projects.models import Case, Project


class ProjectFilter(django_filters.FilterSet):
    city = django_filters.CharFilter(field_name="city__code", label=_("City"))
    area = AreaFilter()
    service = django_filters.CharFilter(field_name="service__code", label=_("Service"))
    state = django_filters.MultipleChoiceFilter(choices=ProjectState.choices, label=_("State"))
    plan = django_filters.CharFilter(field_name="intervention__version__plan__ref", label=_("Plan"))
    search = django_filters.CharFilter(method="by_words", label=_("Search"))

    class Meta:
        model = Project
        fields: list[str] = []

    def by_words(self, rows: QuerySet, name: str, value: str) -> QuerySet:
        words = value.strip()
        return rows.filter(
            Q(name__icontains=words)
            | Q(name_en__icontains=words)
            | Q(ref__iexact=words)
            | Q(investment_code=words)
        )


class CaseFilter(django_filters.FilterSet):
    project = django_filters.CharFilter(field_name="project__ref", label=_("Project"))
    state = django_filters.MultipleChoiceFilter(choices=CaseState.choices, label=_("State"))

    class Meta:
        model = Case
        fields: list[str] = []
