"""Forms of the planning pages. They check what was typed; services decide what may be done."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from core.choices import AreaLevel, TimeOfDay
from core.models import Area, City
from core.templatetags.pingji import is_chinese, local_name
from facilities.models import ServiceType
from planning.choices import Assignment, Extent, ProfileStatus
from planning.models import HazardLayer, Run, Scenario, StandardProfile


class LocalNames(forms.ModelChoiceField):
    def label_from_instance(self, obj: Any) -> str:
        return local_name(obj)


class LocalNamesMany(forms.ModelMultipleChoiceField):
    def label_from_instance(self, obj: Any) -> str:
        return local_name(obj)


class RunForm(forms.Form):
    """The settings beside the map."""

    scenario = LocalNames(queryset=Scenario.objects.none(), to_field_name="ref", label=_("Scenario"))
    profile = LocalNames(
        queryset=StandardProfile.objects.filter(status=ProfileStatus.PUBLISHED),
        to_field_name="code",
        label=_("Standard"),
    )
    service = LocalNames(
        queryset=ServiceType.objects.all(), to_field_name="code", required=False, label=_("Service")
    )
    reach = forms.FloatField(required=False, min_value=1, max_value=100000, label=_("Reach"))
    time_of_day = forms.ChoiceField(choices=TimeOfDay.choices, label=_("Time of day"))
    assignment = forms.ChoiceField(choices=Assignment.choices, label=_("Assignment"))

    def __init__(self, *args: Any, city: City, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["scenario"].queryset = Scenario.objects.filter(city=city)

    def reach_overrides(self) -> dict[str, float]:
        """{service code: limit} where the chosen limit is not the standard's own."""
        service, limit = self.cleaned_data.get("service"), self.cleaned_data.get("reach")
        if service is None or limit is None:
            return {}
        standard = self.cleaned_data["profile"].standards.filter(service=service).first()
        return {} if standard is None or standard.reach_limit == limit else {service.code: limit}


class ScenarioForm(forms.ModelForm):
    services = LocalNamesMany(
        queryset=ServiceType.objects.all(), widget=forms.CheckboxSelectMultiple, label=_("Services")
    )
    areas = LocalNamesMany(queryset=Area.objects.none(), required=False, label=_("Areas"))
    hazard_layer = LocalNames(queryset=HazardLayer.objects.none(), required=False, label=_("Hazard layer"))
    times_of_day = forms.MultipleChoiceField(
        choices=TimeOfDay.choices,
        widget=forms.CheckboxSelectMultiple,
        initial=["day", "night"],
        label=_("Times of day"),
    )
    affected_percent = forms.FloatField(
        min_value=0, max_value=100, required=False, label=_("People affected, of those present, %")
    )
    displaced_percent = forms.FloatField(
        min_value=0, max_value=100, required=False, label=_("Of these, leave home, %")
    )

    class Meta:
        model = Scenario
        fields = ["name", "name_en", "hazard", "extent", "areas", "hazard_layer", "services", "times_of_day", "rate_source", "rate_certainty", "notes"]  # fmt: skip

    def __init__(self, *args: Any, city: City, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["areas"].queryset = Area.objects.filter(
            city=city, level__lte=AreaLevel.STREET, level__gt=AreaLevel.CITY
        )
        self.fields["hazard_layer"].queryset = HazardLayer.objects.filter(city=city)

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        extent = data.get("extent")
        if extent == Extent.AREAS and not data.get("areas"):
            self.add_error("areas", _("Choose at least one area."))
        if extent == Extent.ZONES and not data.get("hazard_layer"):
            self.add_error("hazard_layer", _("Choose the hazard layer whose zones count."))
        for name in ("affected", "displaced"):
            percent = data.get(f"{name}_percent")
            data[f"{name}_share"] = None if percent is None else percent / 100
        return data


class SuggestForm(forms.Form):
    """One question: under which budget, for which needs?"""

    name = forms.CharField(max_length=120, label=_("Name of the plan"))
    budget = forms.DecimalField(min_value=0, max_digits=12, decimal_places=2, label=_("Budget"))
    runs = forms.ModelMultipleChoiceField(
        queryset=Run.objects.none(), to_field_name="ref", label=_("Runs to improve")
    )
    services = LocalNamesMany(
        queryset=ServiceType.objects.all(),
        to_field_name="code",
        widget=forms.CheckboxSelectMultiple,
        label=_("Services"),
    )
    time_limit_seconds = forms.IntegerField(
        min_value=5, max_value=1800, initial=60, label=_("Stop the search after, s")
    )

    def __init__(self, *args: Any, runs: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["runs"].queryset = runs

    def budget_fen(self) -> int:
        """The budget is typed in ¥ million in English and in 万元 in Chinese."""
        return int(self.cleaned_data["budget"] * (1_000_000 if is_chinese() else 100_000_000))
