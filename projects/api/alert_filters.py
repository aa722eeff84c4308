"""What alerts and their rules can be narrowed by on the API."""

import django_filters
from django.db.models import Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from core.filters import AreaFilter
from projects.choices import AlertState, RouteState
from projects.models import AlertRule, SupervisionAlert


class AlertFilter(django_filters.FilterSet):
    """Alerts by what the board can be narrowed by."""

    city = django_filters.CharFilter(field_name="project__city__code", label=_("City"))
    project = django_filters.CharFilter(field_name="project__ref", label=_("Project"))
    area = AreaFilter(field_name="project__area")
    state = django_filters.MultipleChoiceFilter(choices=AlertState.choices, label=_("State"))
    rule = django_filters.AllValuesMultipleFilter(field_name="code", label=_("Rule"))
    owner = django_filters.CharFilter(field_name="owner__username", label=_("To be explained by"))
    overdue = django_filters.BooleanFilter(method="by_overdue", label=_("Overdue"))
    escalated = django_filters.BooleanFilter(
        field_name="escalated_at", lookup_expr="isnull", exclude=True, label=_("Told to the one above")
    )

    class Meta:
        model = SupervisionAlert
        fields: list[str] = []

    def by_overdue(self, rows: QuerySet, name: str, value: bool) -> QuerySet:
        late = Q(state=AlertState.OPEN, due_on__lt=timezone.localdate())
        return rows.filter(late) if value else rows.exclude(late)


class AlertRuleFilter(django_filters.FilterSet):
    state = django_filters.MultipleChoiceFilter(choices=RouteState.choices, label=_("State"))
    code = django_filters.CharFilter(label=_("Rule"))

    class Meta:
        model = AlertRule
        fields: list[str] = []
