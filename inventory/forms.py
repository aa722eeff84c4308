"""Forms of the inventory. They read what was typed; whether it may be saved is the service's word."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from core.templatetags.pingji import local_name
from facilities.forms import StyledForm, plain
from facilities.models import ServiceType
from inventory.choices import AssetKind, AssetStatus, InterventionKind, MovementKind, Tenure
from inventory.models import IdleAsset, ItemType

DECIMAL = {"inputmode": "decimal"}
GROUPS = (
    (_("What it is"), ("name", "name_en", "kind", "status", "former_use", "tenure")),
    (_("Where it is"), ("datum", "original_x", "original_y", "address")),
    (_("Size and limits"), ("floor_m2", "land_m2", "constraints_text")),
)


class IdleAssetForm(StyledForm):
    version = forms.IntegerField(required=False, widget=forms.HiddenInput)
    name = forms.CharField(label=_("Name"), max_length=200)
    name_en = forms.CharField(label=_("English name"), max_length=200, required=False)
    kind = forms.ChoiceField(label=_("Kind"), choices=AssetKind.choices)
    status = forms.ChoiceField(label=_("State"), choices=AssetStatus.choices)
    former_use = forms.CharField(label=_("Former use"), max_length=80, required=False)
    tenure = forms.ChoiceField(label=_("Tenure"), choices=Tenure.choices)
    datum = forms.CharField(
        label=_("Datum of the coordinates"), max_length=16, widget=forms.TextInput(attrs={"list": "datums"})
    )
    original_x = forms.FloatField(label=_("Longitude or x"), widget=forms.TextInput(attrs=DECIMAL))
    original_y = forms.FloatField(label=_("Latitude or y"), widget=forms.TextInput(attrs=DECIMAL))
    address = forms.CharField(label=_("Address"), max_length=300, required=False)
    floor_m2 = forms.FloatField(
        label=_("Floor area, m²"), required=False, min_value=0, widget=forms.TextInput(attrs=DECIMAL)
    )
    land_m2 = forms.FloatField(
        label=_("Land area, m²"), required=False, min_value=0, widget=forms.TextInput(attrs=DECIMAL)
    )
    constraints_text = forms.CharField(label=_("Constraints"), max_length=300, required=False)
    reason = forms.CharField(label=_("Reason"), required=False, help_text=_("Kept in the history."))

    def groups(self) -> list[tuple[str, list[Any]]]:
        return [(str(legend), [self[name] for name in names]) for legend, names in GROUPS]

    def changes(self) -> dict[str, Any]:
        return {name: value for name, value in self.cleaned_data.items() if name not in {"version", "reason"}}

    @staticmethod
    def values_of(asset: IdleAsset) -> dict[str, Any]:
        names = [name for _legend, names in GROUPS for name in names]
        return {**{name: plain(getattr(asset, name)) for name in names}, "version": asset.version}


class OptionForm(StyledForm):
    service = forms.ChoiceField(label=_("Service"))
    kind = forms.ChoiceField(label=_("Intervention"), choices=InterventionKind.choices)
    capacity = forms.FloatField(
        label=_("Capacity gained"), min_value=0, widget=forms.TextInput(attrs=DECIMAL)
    )
    cost_yuan = forms.DecimalField(
        label=_("Cost, yuan"),
        min_value=0,
        decimal_places=2,
        max_digits=16,
        widget=forms.TextInput(attrs=DECIMAL),
    )
    conversion_hours = forms.FloatField(
        label=_("Conversion hours afterwards"),
        min_value=0,
        required=False,
        widget=forms.TextInput(attrs=DECIMAL),
    )
    lead_months = forms.IntegerField(label=_("Lead time, months"), min_value=0, max_value=600, initial=6)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["service"].choices = [(one.code, local_name(one)) for one in ServiceType.objects.all()]  # type: ignore[attr-defined]


class MovementForm(StyledForm):
    facility = forms.CharField(label=_("Facility, reference"), max_length=24)
    item = forms.ChoiceField(label=_("Item"))
    kind = forms.ChoiceField(label=_("Movement"), choices=MovementKind.choices)
    quantity = forms.IntegerField(label=_("Quantity"), help_text=_("Signed only for a correction."))
    lot_number = forms.CharField(label=_("Lot number"), max_length=60, required=False)
    expires_on = forms.DateField(
        label=_("Expires"), required=False, widget=forms.DateInput(format="%Y-%m-%d", attrs={"type": "date"})
    )
    reason = forms.CharField(label=_("Reason"), max_length=200, required=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["item"].choices = [
            (one.code, f"{local_name(one)} ({one.unit})") for one in ItemType.objects.all()
        ]  # type: ignore[attr-defined]
