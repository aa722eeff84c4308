"""What is asked about plans: suggestions, and a facility that is not there."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from core.templatetags.pingji import is_chinese, local_name
from facilities.models import ServiceType
from planning.forms.names import LocalNamesMany
from planning.models import Run


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


class WhatIfForm(forms.Form):
    """A facility that is not there. `pin` is longitude,latitude, as the map writes it; the page has two fields."""

    service = forms.ChoiceField(label=_("Service"), required=False)
    pin = forms.CharField(required=False, widget=forms.HiddenInput)
    lon = forms.FloatField(required=False, min_value=-180, max_value=180, label=_("Longitude"))
    lat = forms.FloatField(required=False, min_value=-90, max_value=90, label=_("Latitude"))
    cap = forms.IntegerField(min_value=1, max_value=10_000_000, label=_("Capacity"))
    free = forms.IntegerField(required=False, min_value=0, label=_("Of it barrier-free"))
    opens = forms.FloatField(required=False, min_value=0, max_value=10_000, label=_("Opens after, h"))

    def __init__(self, *args: Any, services: list[Any], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.services = {service.code: service for service in services}
        self.fields["service"].choices = [(one.code, local_name(one)) for one in services]  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        if data.get("pin"):
            try:
                data["lon"], data["lat"] = (float(word) for word in data["pin"].split(","))
            except ValueError:
                self.add_error("pin", _("Give a longitude and a latitude, in this order."))
        if data.get("lon") is None or data.get("lat") is None:
            self.add_error("lon", _("Say where: longitude and latitude."))
        if (data.get("free") or 0) > (data.get("cap") or 0):
            self.add_error("free", _("Barrier-free places are a part of the capacity."))
        return data
