"""Settings of a run."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from core.choices import TimeOfDay
from core.models import City
from facilities.models import ServiceType
from planning.choices import Assignment
from planning.forms.names import LocalNames
from planning.models import Scenario, SpeedProfile, StandardProfile
from planning.selectors.standards import profiles_on_offer, standard_for


class RunForm(forms.Form):
    """The settings beside the map."""

    scenario = LocalNames(queryset=Scenario.objects.none(), to_field_name="ref", label=_("Scenario"))
    profile = LocalNames(
        queryset=StandardProfile.objects.none(),
        to_field_name="code",
        label=_("Standard"),
    )
    service = LocalNames(
        queryset=ServiceType.objects.all(), to_field_name="code", required=False, label=_("Service")
    )
    reach = forms.FloatField(required=False, min_value=1, max_value=100000, label=_("Reach"))
    time_of_day = forms.ChoiceField(choices=TimeOfDay.choices, label=_("Time of day"))
    assignment = forms.ChoiceField(choices=Assignment.choices, label=_("Assignment"))
    speeds = LocalNames(
        queryset=SpeedProfile.objects.all(), to_field_name="code", required=False, label=_("Speeds")
    )

    def __init__(self, *args: Any, city: City, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["scenario"].queryset = Scenario.objects.filter(city=city)
        self.fields["profile"].queryset = profiles_on_offer(city, drafts=True)

    def reach_overrides(self) -> dict[str, float]:
        """{service code: limit} where the chosen limit is not the standard's own."""
        service, limit = self.cleaned_data.get("service"), self.cleaned_data.get("reach")
        if service is None or limit is None:
            return {}
        standard = standard_for(self.cleaned_data["profile"], service)
        return {} if standard is None or standard.reach_limit == limit else {service.code: limit}
