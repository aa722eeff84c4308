"""Forms of the registry. They read what was typed; whether it may be saved is the service's word."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from core.choices import Datum
from core.errors import InvalidInput
from core.templatetags.pingji import local_name
from facilities.choices import CapabilityStatus, FacilityStatus, Hazard
from facilities.models import Facility, PeacetimeUse

GROUPS = (
    (_("What it is"), ("name", "name_en", "use", "status", "confirmed_on")),
    (_("Where it is"), ("datum", "original_x", "original_y", "address")),
    (_("Size"), ("area_m2", "rooms", "beds", "units", "stars")),
    (_("How it is entered"), ("entry_minutes", "readiness_minutes")),
    (_("Who answers for it"), ("owner", "operator", "contact")),
)


def plain(value: Any) -> Any:
    """4466.0 as people write it: 4466. Other digits stay: a form sent back unchanged must change nothing."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


class StyledForm(forms.Form):
    """Adds the look's classes, and takes the problems that a service found."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("label_suffix", "")
        super().__init__(*args, **kwargs)
        for field in self.fields.values():
            widget = field.widget
            if isinstance(
                widget,
                forms.CheckboxInput | forms.CheckboxSelectMultiple | forms.RadioSelect | forms.HiddenInput,
            ):
                continue
            widget.attrs["class"] = "pick" if isinstance(widget, forms.Select) else "input"

    def take_problems(self, error: InvalidInput) -> None:
        """Put each problem beside its field; what has no field goes above the form."""
        for problem in error.problems:
            names = [name.strip() for name in problem.column.split(",")]
            known = [name for name in names if name in self.fields]
            if known:
                self.add_error(known[0], str(problem.message))
            else:
                self.add_error(None, str(problem.message))


def datum_choices() -> list[tuple[str, str]]:
    return [("", str(_("Choose the datum"))), *((value, str(label)) for value, label in Datum.choices)]


class FacilityForm(StyledForm):
    version = forms.IntegerField(required=False, widget=forms.HiddenInput)
    name = forms.CharField(label=_("Name"), max_length=200)
    name_en = forms.CharField(label=_("English name"), max_length=200, required=False)
    use = forms.ChoiceField(label=_("Peacetime use"))
    status = forms.ChoiceField(label=_("State of the place"), choices=FacilityStatus.choices, required=False)
    confirmed_on = forms.DateField(
        label=_("Last confirmed"),
        required=False,
        widget=forms.DateInput(format="%Y-%m-%d", attrs={"type": "date"}),
    )
    datum = forms.CharField(
        label=_("Datum of the coordinates"), max_length=16,
        help_text=_("WGS-84, CGCS2000, GCJ-02, BD-09 or an EPSG code. Map services in China give GCJ-02 or BD-09."),
        widget=forms.TextInput(attrs={"list": "datums"}),
    )  # fmt: skip
    original_x = forms.FloatField(
        label=_("Longitude or x"), widget=forms.TextInput(attrs={"inputmode": "decimal"})
    )
    original_y = forms.FloatField(
        label=_("Latitude or y"), widget=forms.TextInput(attrs={"inputmode": "decimal"})
    )
    address = forms.CharField(label=_("Address"), max_length=300, required=False)
    area_m2 = forms.FloatField(
        label=_("Area, m²"),
        required=False,
        min_value=0,
        widget=forms.TextInput(attrs={"inputmode": "decimal"}),
    )
    rooms = forms.IntegerField(label=_("Rooms"), required=False, min_value=0)
    beds = forms.IntegerField(label=_("Beds"), required=False, min_value=0)
    units = forms.FloatField(
        label=_("Units"), required=False, min_value=0, widget=forms.TextInput(attrs={"inputmode": "decimal"})
    )
    stars = forms.IntegerField(label=_("Stars"), required=False, min_value=0, max_value=7)
    entry_minutes = forms.FloatField(
        label=_("Minutes from the street to the door"), required=False, min_value=0, max_value=240,
        widget=forms.TextInput(attrs={"inputmode": "decimal"}), help_text=_("Added to every trip that is measured in minutes."),
    )  # fmt: skip
    readiness_minutes = forms.FloatField(
        label=_("Minutes until somebody opens"), required=False, min_value=0, max_value=14_400,
        widget=forms.TextInput(attrs={"inputmode": "decimal"}), help_text=_("Added to the hours of conversion."),
    )  # fmt: skip
    owner = forms.CharField(label=_("Owner"), max_length=120, required=False)
    operator = forms.CharField(label=_("Operator"), max_length=120, required=False)
    contact = forms.CharField(label=_("Contact"), max_length=120, required=False)
    reason = forms.CharField(
        label=_("Reason"),
        required=False,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text=_("Kept in the history."),
    )

    def __init__(self, *args: Any, new: bool = False, reason_needed: bool = False, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        uses = [(use.code, local_name(use)) for use in PeacetimeUse.objects.all()]
        self.fields["use"].choices = [("", str(_("Choose a use"))), *uses]  # type: ignore[attr-defined]
        self.fields["reason"].required = reason_needed
        if new:
            del self.fields["status"]

    def groups(self) -> list[tuple[str, list[Any]]]:
        return [
            (str(legend), [self[name] for name in names if name in self.fields]) for legend, names in GROUPS
        ]

    def changes(self) -> dict[str, Any]:
        """The fields as the services take them."""
        return {name: value for name, value in self.cleaned_data.items() if name not in {"version", "reason"}}

    @staticmethod
    def values_of(facility: Facility) -> dict[str, Any]:
        names = [name for _legend, names in GROUPS for name in names if name != "use"]
        return {
            **{name: plain(getattr(facility, name)) for name in names},
            "use": facility.use.code,
            "version": facility.version,
        }


class RoleForm(StyledForm):
    status = forms.ChoiceField(label=_("State of the role"), choices=CapabilityStatus.choices)
    capacity = forms.FloatField(
        label=_("Declared capacity"), required=False, min_value=0, widget=forms.TextInput(attrs={"inputmode": "decimal"}),
        help_text=_("Leave empty to let the rule say."),
    )  # fmt: skip
    barrier_free_capacity = forms.FloatField(
        label=_("Of it barrier-free"), required=False, min_value=0, widget=forms.TextInput(attrs={"inputmode": "decimal"}),
        help_text=_("Empty: not known, and then nothing is promised to people who need it."),
    )  # fmt: skip
    conversion_hours_declared = forms.FloatField(
        label=_("Conversion, declared, hours"),
        required=False,
        min_value=0,
        widget=forms.TextInput(attrs={"inputmode": "decimal"}),
    )
    conversion_hours_observed = forms.FloatField(
        label=_("Conversion, observed in the last drill, hours"),
        required=False,
        min_value=0,
        widget=forms.TextInput(attrs={"inputmode": "decimal"}),
    )
    cost_yuan = forms.DecimalField(
        label=_("Conversion cost, yuan"),
        required=False,
        min_value=0,
        decimal_places=2,
        max_digits=16,
        widget=forms.TextInput(attrs={"inputmode": "decimal"}),
    )
    hazards = forms.MultipleChoiceField(
        label=_("Hazards it may serve"),
        choices=Hazard.choices,
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text=_("None ticked: any hazard."),
    )
    exclusive = forms.BooleanField(label=_("Excludes other roles at the same time"), required=False)
    conditions = forms.CharField(label=_("Conditions"), max_length=300, required=False)
    reason = forms.CharField(label=_("Reason"), required=False, help_text=_("Kept in the history."))

    def changes(self) -> dict[str, Any]:
        said = dict(self.cleaned_data)
        said.pop("reason")
        yuan = said.pop("cost_yuan")
        said["conversion_cost_fen"] = None if yuan is None else int(yuan * 100)
        if said["capacity"] is None:
            said.pop("capacity")
            said["capacity_source"] = "rule"
        return said


class UploadForm(StyledForm):
    file = forms.FileField(label=_("File"), help_text=_("CSV, XLSX, GeoJSON or GeoPackage."))
    datum = forms.CharField(
        label=_("Datum of the coordinates"), max_length=16, widget=forms.TextInput(attrs={"list": "datums"}),
        help_text=_("Must be declared: a wrong guess moves every place by 500 m. Map services in China give GCJ-02 or BD-09."),
    )  # fmt: skip
    encoding = forms.ChoiceField(
        label=_("Text encoding"), required=False,
        choices=[("utf-8-sig", "UTF-8"), ("gb18030", "GB18030 (GBK, GB2312)")],
    )  # fmt: skip
    synthetic = forms.BooleanField(label=_("These rows are made up (synthetic)"), required=False)
