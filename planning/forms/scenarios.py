"""A scenario as planners compose it."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from core.choices import AreaLevel, TimeOfDay
from core.models import Area, City
from facilities.models import ServiceType
from planning.choices import Extent
from planning.forms.names import LocalNames, LocalNamesMany
from planning.models import HazardLayer, Scenario


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
