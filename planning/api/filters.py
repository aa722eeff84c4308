"""Filters of planning's nouns: the shared names (`city area service in_bbox near search`) mean here what they mean
everywhere."""

from __future__ import annotations

import django_filters
from django.utils.translation import gettext_lazy as _

from core.choices import AreaLevel, TimeOfDay
from core.filters import AreaFilter, BboxFilter, NearFilter, SharedFilter
from facilities.choices import Hazard
from inventory.choices import InterventionKind
from planning.choices import (
    Aim,
    Assignment,
    Extent,
    PeopleGroup,
    Rule,
    RunState,
    ScenarioTemplate,
    SupplyReason,
    VersionState,
)
from planning.models import (
    AreaGroupResult,
    AreaResult,
    CellResult,
    CostRate,
    FacilityResult,
    HazardLayer,
    HazardZone,
    Intervention,
    MinimumNeed,
    Plan,
    PlanVersion,
    PopulationLayer,
    RoadNetwork,
    Run,
    Scenario,
    Snapshot,
    Standard,
    StandardProfile,
)


def by_code(field: str, label: str) -> django_filters.CharFilter:
    return django_filters.CharFilter(field_name=f"{field}__code", label=label)


class PopulationLayerFilter(SharedFilter):
    search_fields = ("code", "name", "name_en")
    time_of_day = django_filters.ChoiceFilter(choices=TimeOfDay.choices)

    class Meta:
        model = PopulationLayer
        fields = ["current", "method"]


class StandardFilter(django_filters.FilterSet):
    profile = by_code("profile", _("code of the profile"))
    service = by_code("service", _("code of the service"))

    class Meta:
        model = Standard
        fields = ["driver"]


class StandardProfileFilter(django_filters.FilterSet):
    class Meta:
        model = StandardProfile
        fields = ["status", "is_default", "family", "level"]


class MinimumNeedFilter(django_filters.FilterSet):
    profile = by_code("profile", _("code of the profile"))

    class Meta:
        model = MinimumNeed
        fields = ["code", "phase", "basis"]


class CostRateFilter(django_filters.FilterSet):
    service = by_code("service", _("code of the service"))
    use = by_code("use", _("code of the peacetime use"))
    kind = django_filters.MultipleChoiceFilter(choices=InterventionKind.choices)

    class Meta:
        model = CostRate
        fields: list[str] = []


class HazardLayerFilter(SharedFilter):
    search_fields = ("code", "name", "name_en")
    hazard = django_filters.ChoiceFilter(choices=Hazard.choices)

    class Meta:
        model = HazardLayer
        fields: list[str] = []


class HazardZoneFilter(django_filters.FilterSet):
    city = django_filters.CharFilter(field_name="layer__city__code", label=_("city code"))
    layer = by_code("layer", _("code of the hazard layer"))
    in_bbox = BboxFilter(field_name="geometry", label=_("west,south,east,north"))

    class Meta:
        model = HazardZone
        fields = ["klass"]


class RoadNetworkFilter(SharedFilter):
    search_fields = ("ref", "sha256")

    class Meta:
        model = RoadNetwork
        fields = ["current"]


class SnapshotFilter(SharedFilter):
    search_fields = ("sha256",)

    class Meta:
        model = Snapshot
        fields: list[str] = []


class ScenarioFilter(SharedFilter):
    search_fields = ("ref", "code", "name", "name_en")
    hazard = django_filters.ChoiceFilter(choices=Hazard.choices)
    extent = django_filters.ChoiceFilter(choices=Extent.choices)
    template = django_filters.ChoiceFilter(choices=ScenarioTemplate.choices)
    service = by_code("services", _("code of the service"))

    class Meta:
        model = Scenario
        fields: list[str] = []


class RunFilter(SharedFilter):
    search_fields = ("ref", "scenario__ref", "scenario__name", "scenario__name_en")
    scenario = django_filters.CharFilter(field_name="scenario__ref", label=_("reference of the scenario"))
    profile = by_code("profile", _("code of the profile"))
    plan = django_filters.CharFilter(field_name="plan_version__plan__ref", label=_("reference of the plan"))
    time_of_day = django_filters.ChoiceFilter(choices=TimeOfDay.choices)
    assignment = django_filters.ChoiceFilter(choices=Assignment.choices)
    state = django_filters.MultipleChoiceFilter(choices=RunState.choices)

    class Meta:
        model = Run
        fields: list[str] = []


class AreaResultFilter(django_filters.FilterSet):
    service = by_code("service", _("code of the service"))
    area = AreaFilter(field_name="area", label=_("area code, with everything below it"))
    level = django_filters.MultipleChoiceFilter(field_name="area__level", choices=AreaLevel.choices)

    class Meta:
        model = AreaResult
        fields: list[str] = []


class AreaGroupResultFilter(AreaResultFilter):
    group = django_filters.ChoiceFilter(choices=PeopleGroup.choices)

    class Meta:
        model = AreaGroupResult
        fields: list[str] = []


class CellResultFilter(django_filters.FilterSet):
    service = by_code("service", _("code of the service"))
    area = AreaFilter(field_name="cell__area", label=_("area code, with everything below it"))
    in_bbox = BboxFilter(field_name="cell__point", label=_("west,south,east,north"))

    class Meta:
        model = CellResult
        fields: list[str] = []


class FacilityResultFilter(django_filters.FilterSet):
    service = by_code("service", _("code of the service"))
    area = AreaFilter(field_name="facility__area", label=_("area code, with everything below it"))
    in_bbox = BboxFilter(field_name="facility__point", label=_("west,south,east,north"))
    near = NearFilter(field_name="facility__point", label=_("longitude,latitude,metres"))
    reason = django_filters.MultipleChoiceFilter(choices=SupplyReason.choices)

    class Meta:
        model = FacilityResult
        fields: list[str] = []


class PlanFilter(SharedFilter):
    """Plans with at least one version of that aim, that rule and that state."""

    search_fields = ("ref", "name", "name_en")
    aim = django_filters.MultipleChoiceFilter(
        field_name="versions__aim", choices=Aim.choices, label=_("aim of a version")
    )
    rule = django_filters.MultipleChoiceFilter(
        field_name="versions__rule", choices=Rule.choices, label=_("rule of a version")
    )
    state = django_filters.MultipleChoiceFilter(
        field_name="versions__state", choices=VersionState.choices, label=_("state of a version")
    )

    class Meta:
        model = Plan
        fields: list[str] = []


class VersionFilter(django_filters.FilterSet):
    aim = django_filters.MultipleChoiceFilter(choices=Aim.choices)
    rule = django_filters.MultipleChoiceFilter(choices=Rule.choices)
    state = django_filters.MultipleChoiceFilter(choices=VersionState.choices)

    class Meta:
        model = PlanVersion
        fields: list[str] = []


class InterventionFilter(django_filters.FilterSet):
    service = by_code("service", _("code of the service"))
    area = AreaFilter(field_name="area", label=_("area code, with everything below it"))
    kind = django_filters.MultipleChoiceFilter(choices=InterventionKind.choices)
    in_bbox = BboxFilter(field_name="point", label=_("west,south,east,north"))

    class Meta:
        model = Intervention
        fields: list[str] = []
