"""What lists of projects and cases can be narrowed by, on pages and the API alike."""

import django_filters
from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from core.filters import PageFilter, PlaceFilter, SharedFilter
from facilities.choices import BatchState
from facilities.filters import AreasFilter, WordsFilter
from facilities.models import ImportBatch
from inventory.choices import InterventionKind
from projects.choices import CaseState, FindingState, Origin, ProjectState, RouteState, Severity
from projects.models import Case, DuplicateRule, Finding, Inspection, Photo, Project
from projects.selectors.programme import overdue


class ProjectFilter(PlaceFilter):
    """`area`, `service`, `state`, `kind`, `origin` may be repeated or joined by commas."""

    search_fields = ("name", "name_en", "ref", "investment_code", "site", "builder")
    area = AreasFilter(field_name="area", label=_("area codes, each with everything below it"))
    service = WordsFilter(field_name="service__code", label=_("service"))
    state = WordsFilter(field_name="state", choices=ProjectState.choices, label=_("state"))
    kind = WordsFilter(field_name="kind", choices=InterventionKind.choices, label=_("intervention"))
    origin = WordsFilter(field_name="origin", choices=Origin.choices, label=_("where it comes from"))
    plan = django_filters.CharFilter(
        field_name="intervention__version__plan__ref", label=_("reference of the plan")
    )
    cost_min = django_filters.NumberFilter(
        field_name="cost_fen", lookup_expr="gte", min_value=0, label=_("costs at least so many fen")
    )
    cost_max = django_filters.NumberFilter(
        field_name="cost_fen", lookup_expr="lte", min_value=0, label=_("costs at most so many fen")
    )
    overdue = django_filters.BooleanFilter(method="by_overdue", label=_("a day that was set has passed"))

    class Meta:
        model = Project
        fields: list[str] = []

    def by_overdue(self, rows: QuerySet, name: str, value: bool) -> QuerySet:
        late = overdue()
        return rows.filter(late) if value else rows.exclude(late)


class CaseFilter(django_filters.FilterSet):
    project = django_filters.CharFilter(field_name="project__ref", label=_("Project"))
    state = django_filters.MultipleChoiceFilter(choices=CaseState.choices, label=_("State"))

    class Meta:
        model = Case
        fields: list[str] = []


class InspectionFilter(django_filters.FilterSet):
    project = django_filters.CharFilter(field_name="project__ref", label=_("Project"))
    draw = django_filters.CharFilter(field_name="drawn__ref", label=_("Draw"))
    done = django_filters.BooleanFilter(
        field_name="done_on", lookup_expr="isnull", exclude=True, label=_("Made")
    )

    class Meta:
        model = Inspection
        fields: list[str] = []


class FindingFilter(django_filters.FilterSet):
    project = django_filters.CharFilter(field_name="inspection__project__ref", label=_("Project"))
    inspection = django_filters.CharFilter(field_name="inspection__ref", label=_("Inspection"))
    state = django_filters.MultipleChoiceFilter(choices=FindingState.choices, label=_("State"))
    severity = django_filters.MultipleChoiceFilter(choices=Severity.choices, label=_("Severity"))
    due_before = django_filters.DateFilter(field_name="due_on", lookup_expr="lt", label=_("Due before"))

    class Meta:
        model = Finding
        fields: list[str] = []


class PhotoFilter(django_filters.FilterSet):
    project = django_filters.CharFilter(field_name="project__ref", label=_("Project"))
    sha256 = django_filters.CharFilter(label="SHA-256")
    marked = django_filters.BooleanFilter(method="by_marks", label=_("Needs a look"))

    class Meta:
        model = Photo
        fields: list[str] = []

    def by_marks(self, rows: QuerySet, name: str, value: bool) -> QuerySet:
        return rows.exclude(problems=[]) if value else rows.filter(problems=[])


class DuplicateRuleFilter(PageFilter):
    city = django_filters.CharFilter(field_name="city__code", label=_("city code"))
    service = django_filters.CharFilter(field_name="service__code", label=_("service"))
    state = WordsFilter(field_name="state", choices=RouteState.choices, label=_("state"))

    class Meta:
        model = DuplicateRule
        fields: list[str] = []


class ProjectImportFilter(SharedFilter):
    search_fields = ("ref", "file_name")
    state = WordsFilter(field_name="state", choices=BatchState.choices, label=_("state"))

    class Meta:
        model = ImportBatch
        fields: list[str] = []
