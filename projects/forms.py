from typing import Any

from django import forms
from django.contrib.auth import get_user_model
from django.utils.translation import gettext_lazy as _

from core.models import Area
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


# --- works on site ---------------------------------------------------------------------------------

_DAY = {"type": "date"}


class StartForm(forms.Form):
    started_on = forms.DateField(label=_("First day of the works"), widget=forms.DateInput(attrs=_DAY))
    reason = forms.CharField(
        label=_("Why without a contract, or why corrected"),
        required=False,
        widget=forms.Textarea(attrs={"rows": 2}),
    )


class ReportForm(forms.Form):
    works_percent = forms.FloatField(
        label=_("Works done by the end of the month, %"),
        min_value=0,
        max_value=100,
        widget=forms.NumberInput(attrs={"inputmode": "decimal", "step": "any"}),
    )
    text = forms.CharField(label=_("What was done"), widget=forms.Textarea(attrs={"rows": 4}))
    reason = forms.CharField(
        label=_("Why less than before, or why corrected"),
        required=False,
        widget=forms.Textarea(attrs={"rows": 2}),
    )


class MilestoneReportForm(forms.Form):
    reported_on = forms.DateField(label=_("Reached on"), widget=forms.DateInput(attrs=_DAY))
    text = forms.CharField(label=_("Note"), required=False, widget=forms.Textarea(attrs={"rows": 2}))


class MilestoneSeenForm(forms.Form):
    """Seen and there, or not there yet."""

    answer = forms.ChoiceField(
        label=_("Answer"),
        choices=[("seen", _("It is there: I saw it on site")), ("back", _("It is not there yet"))],
        widget=forms.RadioSelect,
    )
    reached_on = forms.DateField(
        label=_("Seen on site on"), required=False, widget=forms.DateInput(attrs=_DAY)
    )
    text = forms.CharField(
        label=_("What was seen, or what is missing"),
        required=False,
        widget=forms.Textarea(attrs={"rows": 3}),
    )


class MilestoneMoveForm(forms.Form):
    planned_on = forms.DateField(label=_("New day"), widget=forms.DateInput(attrs=_DAY))
    reason = forms.CharField(label=_("Reason"), widget=forms.Textarea(attrs={"rows": 3}))


class InspectionPlanForm(forms.Form):
    planned_on = forms.DateField(label=_("On"), widget=forms.DateInput(attrs=_DAY))
    inspectors = forms.ModelMultipleChoiceField(
        label=_("Inspectors"),
        queryset=get_user_model().objects.none(),
        required=False,
        help_text=_("Without a name it waits for everybody who may inspect there."),
    )
    note = forms.CharField(label=_("Note"), required=False, widget=forms.Textarea(attrs={"rows": 2}))

    def __init__(self, *args: Any, people: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["inspectors"].queryset = people  # type: ignore[attr-defined]


class InspectionForm(forms.Form):
    done_on = forms.DateField(label=_("On site on"), widget=forms.DateInput(attrs=_DAY))
    works_percent = forms.FloatField(
        label=_("Works seen, %"),
        min_value=0,
        max_value=100,
        widget=forms.NumberInput(attrs={"inputmode": "decimal", "step": "any"}),
    )
    note = forms.CharField(label=_("What was seen"), widget=forms.Textarea(attrs={"rows": 4}))
    inspectors = forms.ModelMultipleChoiceField(
        label=_("Who else was there"), queryset=get_user_model().objects.none(), required=False
    )

    def __init__(self, *args: Any, people: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["inspectors"].queryset = people  # type: ignore[attr-defined]


class ReasonForm(forms.Form):
    reason = forms.CharField(label=_("Reason"), widget=forms.Textarea(attrs={"rows": 2}))


class RectifyForm(forms.Form):
    text = forms.CharField(label=_("What was done"), widget=forms.Textarea(attrs={"rows": 4}))


class FindingCheckForm(forms.Form):
    """Accepted, or open again until another day."""

    answer = forms.ChoiceField(
        label=_("Answer"),
        choices=[("accept", _("It is put right: close the finding")), ("again", _("Not yet: open it again"))],
        widget=forms.RadioSelect,
    )
    text = forms.CharField(label=_("What was found"), widget=forms.Textarea(attrs={"rows": 3}))
    due_on = forms.DateField(
        label=_("New day"),
        required=False,
        widget=forms.DateInput(attrs=_DAY),
        help_text=_("Only where it is opened again; without one the usual period begins anew."),
    )


class AnnounceForm(forms.Form):
    area = forms.ModelChoiceField(
        label=_("Area"), queryset=Area.objects.none(), required=False, empty_label=_("Whole city")
    )
    count = forms.IntegerField(label=_("Projects to be drawn"), min_value=1, max_value=1000)
    seed_source = forms.CharField(
        label=_("Public event whose outcome will be the seed"),
        max_length=200,
        help_text=_(
            "One that everybody can look up and nobody here can choose: a state lottery with its number."
        ),
    )
    seed_expected_at = forms.DateTimeField(
        label=_("Its outcome is known from"), widget=forms.DateTimeInput(attrs={"type": "datetime-local"})
    )

    def __init__(self, *args: Any, areas: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["area"].queryset = areas  # type: ignore[attr-defined]


class SeedForm(forms.Form):
    seed = forms.CharField(
        label=_("Outcome"),
        max_length=200,
        help_text=_("As it was published, word for word; spaces count once."),
    )
