"""Forms of works, inspections, findings and draws."""

from typing import Any

from django import forms
from django.contrib.auth import get_user_model
from django.utils.translation import gettext_lazy as _

from core.models import Area
from core.templatetags.pingji import local_name

_DAY = {"type": "date"}


class PeopleField(forms.ModelMultipleChoiceField):
    """People to tick, by their names in the reader's language."""

    widget = forms.CheckboxSelectMultiple

    def label_from_instance(self, one: Any) -> str:
        return local_name(one) or one.get_username()


class StartForm(forms.Form):
    started_on = forms.DateField(
        label=_("First day of the works"), widget=forms.DateInput(format="%Y-%m-%d", attrs=_DAY)
    )
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
    reported_on = forms.DateField(
        label=_("Reached on"), widget=forms.DateInput(format="%Y-%m-%d", attrs=_DAY)
    )
    text = forms.CharField(label=_("Note"), required=False, widget=forms.Textarea(attrs={"rows": 2}))


class MilestoneSeenForm(forms.Form):
    """Seen and there, or not there yet."""

    answer = forms.ChoiceField(
        label=_("Answer"),
        choices=[("seen", _("It is there: I saw it on site")), ("back", _("It is not there yet"))],
        widget=forms.RadioSelect,
    )
    reached_on = forms.DateField(
        label=_("Seen on site on"), required=False, widget=forms.DateInput(format="%Y-%m-%d", attrs=_DAY)
    )
    text = forms.CharField(
        label=_("What was seen, or what is missing"),
        required=False,
        widget=forms.Textarea(attrs={"rows": 3}),
    )


class MilestoneMoveForm(forms.Form):
    planned_on = forms.DateField(label=_("New day"), widget=forms.DateInput(format="%Y-%m-%d", attrs=_DAY))
    reason = forms.CharField(label=_("Reason"), widget=forms.Textarea(attrs={"rows": 3}))


class InspectionPlanForm(forms.Form):
    planned_on = forms.DateField(label=_("On"), widget=forms.DateInput(format="%Y-%m-%d", attrs=_DAY))
    inspectors = PeopleField(
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
    done_on = forms.DateField(label=_("On site on"), widget=forms.DateInput(format="%Y-%m-%d", attrs=_DAY))
    works_percent = forms.FloatField(
        label=_("Works seen, %"),
        min_value=0,
        max_value=100,
        widget=forms.NumberInput(attrs={"inputmode": "decimal", "step": "any"}),
    )
    note = forms.CharField(label=_("What was seen"), widget=forms.Textarea(attrs={"rows": 4}))
    inspectors = PeopleField(
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
        widget=forms.DateInput(format="%Y-%m-%d", attrs=_DAY),
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
        label=_("Its outcome is known from"),
        widget=forms.DateTimeInput(format="%Y-%m-%dT%H:%M", attrs={"type": "datetime-local"}),
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
