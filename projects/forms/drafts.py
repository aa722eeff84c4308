"""Forms of drafts, of lists of projects and of rules against building twice."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from core.choices import Certainty
from facilities.models import ServiceType
from inventory.choices import InterventionKind
from projects.models import Project
from projects.services import amounts


class ProjectForm(forms.Form):
    """What may be said of a draft. `planned`: place, service and kind are the plan's and are not asked for."""

    name = forms.CharField(label=_("Name"), max_length=200)
    name_en = forms.CharField(label=_("English name"), max_length=200, required=False)
    kind = forms.ChoiceField(label=_("Intervention"), choices=InterventionKind.choices)
    service = forms.ModelChoiceField(
        label=_("Service"), queryset=ServiceType.objects.all(), to_field_name="code"
    )
    site = forms.CharField(label=_("Site in words"), max_length=200, required=False)
    longitude = forms.FloatField(label=_("Longitude, WGS-84"), min_value=-180, max_value=180)
    latitude = forms.FloatField(label=_("Latitude, WGS-84"), min_value=-90, max_value=90)
    units = forms.IntegerField(label=_("Units gained"), min_value=1, max_value=10**9)
    cost_yuan = forms.DecimalField(label=_("Cost, yuan"), min_value=0, decimal_places=2, max_digits=15)
    conversion_hours = forms.FloatField(
        label=_("Ready after, h"), min_value=0, max_value=100_000, required=False
    )
    land_m2 = forms.FloatField(label=_("Land, m²"), min_value=0, max_value=10**9, required=False)
    builder = forms.CharField(label=_("Builder"), max_length=160, required=False)
    lead_department = forms.CharField(label=_("Department in the lead"), max_length=120, required=False)
    stage = forms.CharField(label=_("Stage, as the list has it"), max_length=60, required=False)
    investment_code = forms.CharField(label=_("National investment code"), required=False, max_length=40)
    # A field of the kind "date" takes ISO days in every language.
    starts_on = forms.DateField(
        label=_("Planned start"), required=False, widget=forms.DateInput(format="%Y-%m-%d", attrs={"type": "date"})
    )  # fmt: skip
    ends_on = forms.DateField(
        label=_("Planned end"), required=False, widget=forms.DateInput(format="%Y-%m-%d", attrs={"type": "date"})
    )  # fmt: skip
    description = forms.CharField(
        label=_("What is done"), required=False, max_length=10_000, widget=forms.Textarea(attrs={"rows": 4})
    )
    duplicate_reason = forms.CharField(
        label=_("Why it is built although others are near"), required=False, max_length=10_000,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text=_("Needed at hand-in when the check against building twice asks for it."),
    )  # fmt: skip

    def __init__(self, *args: Any, planned: bool = False, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if planned:
            for name in ("kind", "service", "longitude", "latitude"):
                del self.fields[name]

    def fields_for_service(self) -> dict[str, Any]:
        said = dict(self.cleaned_data)
        said["cost_fen"] = int(said.pop("cost_yuan") * 100)
        return said

    @staticmethod
    def of(project: Project) -> dict[str, Any]:
        """What stands, as the form shows it."""
        names = (
            "name", "name_en", "kind", "site", "units", "conversion_hours", "land_m2", "builder", "lead_department", "stage",
            "investment_code", "starts_on", "ends_on", "description", "duplicate_reason",
        )  # fmt: skip
        return {name: getattr(project, name) for name in names} | {
            "service": project.service.code, "longitude": round(project.point.x, 6), "latitude": round(project.point.y, 6),
            "cost_yuan": amounts.yuan_text(project.cost_fen),
        }  # fmt: skip


class ProjectListForm(forms.Form):
    """A list of projects and the datum its coordinates are in: declared, never guessed."""

    file = forms.FileField(
        label=_("File"), help_text=_("XLSX or CSV"), widget=forms.ClearableFileInput(attrs={"accept": ".xlsx,.csv"})
    )  # fmt: skip
    datum = forms.ChoiceField(
        label=_("Datum of the coordinates"),
        choices=[("", _("Choose")), *[(one, one) for one in ("CGCS2000", "WGS-84", "GCJ-02", "BD-09")]],
    )


class DuplicateRuleForm(forms.Form):
    service = forms.ModelChoiceField(
        label=_("Service"), queryset=ServiceType.objects.all(), to_field_name="code", required=False,
        empty_label=_("All that have no rule of their own"),
    )  # fmt: skip
    overlap_percent = forms.FloatField(
        label=_("Overlap of catchments above which a reason is needed, %"), min_value=0, max_value=100,
        help_text=_("100: never for this service."),
    )  # fmt: skip
    idle_radius_m = forms.FloatField(label=_("Idle assets within, m"), min_value=0, max_value=50_000)
    reason = forms.CharField(
        label=_("Why these numbers"), max_length=2000, widget=forms.Textarea(attrs={"rows": 3})
    )
    source = forms.CharField(label=_("Source"), max_length=300, required=False)
    certainty = forms.ChoiceField(label=_("Certainty"), choices=Certainty.choices, initial=Certainty.D)
