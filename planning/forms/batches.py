"""What a batch is made of: scenarios and times of day, or one number of a scenario in steps."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from core.choices import TimeOfDay
from core.models import City
from planning.bridge.variations import is_share
from planning.choices import Assignment, ProfileStatus
from planning.forms.names import LocalNames, LocalNamesMany
from planning.models import Scenario, StandardProfile
from planning.services.sweeps import Sweep


class BatchForm(forms.Form):
    kind = forms.ChoiceField(
        choices=[("scenarios", _("Several scenarios")), ("sweep", _("One number of a scenario, in steps"))],
        initial="scenarios",
        widget=forms.RadioSelect,
        label=_("What to run"),
    )
    scenarios = LocalNamesMany(
        queryset=Scenario.objects.none(), to_field_name="ref", required=False, label=_("Scenarios"),
        widget=forms.CheckboxSelectMultiple,
    )  # fmt: skip
    scenario = LocalNames(
        queryset=Scenario.objects.none(), to_field_name="ref", required=False, label=_("Scenario")
    )
    path = forms.CharField(required=False, max_length=200, label=_("Number"))
    low = forms.FloatField(required=False, min_value=0, label=_("From"))
    high = forms.FloatField(required=False, min_value=0, label=_("To"))
    steps = forms.IntegerField(required=False, min_value=2, max_value=50, initial=6, label=_("Steps"))
    times_of_day = forms.MultipleChoiceField(
        choices=TimeOfDay.choices, required=False, widget=forms.CheckboxSelectMultiple, label=_("Times of day"),
        help_text=_("None ticked: those that each scenario names."),
    )  # fmt: skip
    profile = LocalNames(
        queryset=StandardProfile.objects.filter(status=ProfileStatus.PUBLISHED).order_by(
            "-is_default", "code"
        ),
        to_field_name="code",
        label=_("Standards"),
        empty_label=None,
    )
    assignment = forms.ChoiceField(choices=Assignment.choices, label=_("Assignment"))
    name = forms.CharField(
        required=False, max_length=120, label=_("Name"), help_text=_("Left empty: named after the scenarios.")
    )

    def __init__(self, *args: Any, city: City, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        own = Scenario.objects.filter(city=city).select_related("hazard_layer").order_by("ref")
        self.fields["scenarios"].queryset = self.fields["scenario"].queryset = own

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        if data.get("kind") == "sweep":
            for name in ("scenario", "path", "low", "high", "steps"):
                if data.get(name) in (None, "") and name not in self.errors:
                    self.add_error(name, _("Needed for a number in steps."))
        elif data.get("kind") == "scenarios" and not data.get("scenarios") and "scenarios" not in self.errors:
            self.add_error("scenarios", _("Choose at least one scenario."))
        return data

    def asked(self) -> dict[str, Any]:
        """What the service is asked: scenarios, or a sweep whose shares were typed in per cent."""
        data = self.cleaned_data
        told = {name: data[name] for name in ("name", "times_of_day", "profile", "assignment")}
        if data["kind"] == "scenarios":
            return told | {"scenarios": data["scenarios"]}
        scale = 100.0 if is_share(data["path"]) else 1.0
        return told | {
            "sweep": Sweep(
                data["scenario"], data["path"], data["low"] / scale, data["high"] / scale, data["steps"]
            )
        }
