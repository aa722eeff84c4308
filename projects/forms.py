from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from facilities.models import ServiceType
from inventory.choices import InterventionKind
from projects.choices import OUTCOMES, Outcome, TaskKind


class ProjectForm(forms.Form):
    name = forms.CharField(label=_("Name"), max_length=200)
    name_en = forms.CharField(label=_("English name"), max_length=200, required=False)
    kind = forms.ChoiceField(label=_("Intervention"), choices=InterventionKind.choices)
    service = forms.ModelChoiceField(
        label=_("Service"), queryset=ServiceType.objects.all(), to_field_name="code"
    )
    longitude = forms.FloatField(label=_("Longitude, WGS-84"), min_value=-180, max_value=180)
    latitude = forms.FloatField(label=_("Latitude, WGS-84"), min_value=-90, max_value=90)
    units = forms.IntegerField(label=_("Units gained"), min_value=1)
    cost_yuan = forms.DecimalField(label=_("Cost, yuan"), min_value=0, decimal_places=2, max_digits=15)
    conversion_hours = forms.FloatField(label=_("Ready after, h"), min_value=0, required=False)
    investment_code = forms.CharField(label=_("National investment code"), required=False, max_length=40)
    starts_on = forms.DateField(
        label=_("Start"), required=False, widget=forms.DateInput(attrs={"type": "date"})
    )
    ends_on = forms.DateField(label=_("End"), required=False, widget=forms.DateInput(attrs={"type": "date"}))
    description = forms.CharField(
        label=_("What is done"), required=False, widget=forms.Textarea(attrs={"rows": 4})
    )

    def fields_for_service(self) -> dict[str, Any]:
        said = dict(self.cleaned_data)
        said["cost_fen"] = int(said.pop("cost_yuan") * 100)
        return said


class StepForm(forms.Form):
    """One question: what to say to a task, and why."""

    outcome = forms.ChoiceField(label=_("Answer"), widget=forms.RadioSelect)
    items = forms.CharField(
        label=_("What has to change, one item a line"),
        required=False,
        widget=forms.Textarea(attrs={"rows": 4}),
    )
    conditions = forms.CharField(
        label=_("Conditions, one a line"), required=False, widget=forms.Textarea(attrs={"rows": 3})
    )
    conditions_due = forms.DateField(
        label=_("To be met by"), required=False, widget=forms.DateInput(attrs={"type": "date"})
    )
    reason = forms.CharField(label=_("Reason"), required=False, widget=forms.Textarea(attrs={"rows": 4}))

    def __init__(self, *args: Any, kind: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.kind = kind
        choices = [(one, Outcome(one).label) for one in OUTCOMES[kind]]
        self.fields["outcome"].choices = choices  # type: ignore[attr-defined]
        if Outcome.RETURN not in OUTCOMES[kind]:
            del self.fields["items"]
        if Outcome.CONDITIONS not in OUTCOMES[kind] or kind == TaskKind.RECOMMEND:
            del self.fields["conditions"], self.fields["conditions_due"]

    def said(self) -> dict[str, Any]:
        data = self.cleaned_data
        due = data.get("conditions_due")
        return {
            "outcome": data["outcome"],
            "reason": data["reason"],
            "items": [line.strip() for line in data.get("items", "").splitlines() if line.strip()],
            "conditions": [
                (line.strip(), due) for line in data.get("conditions", "").splitlines() if line.strip()
            ],
        }
