"""What is asked about a facility that is not there."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from core.templatetags.pingji import local_name


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
