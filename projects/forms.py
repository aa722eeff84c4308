from datetime import date
from typing import Any

from django import forms
from django.contrib.auth import get_user_model
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from core.choices import Certainty
from core.errors import DomainError
from core.models import Area
from core.templatetags.pingji import local_name, yuan
from facilities.models import ServiceType
from inventory.choices import InterventionKind
from projects.choices import OUTCOMES, ConditionState, Outcome
from projects.models import Condition, Contract, Milestone, Project, Tranche
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


class StepForm(forms.Form):
    """One question: what to say to a task, and why. Items and conditions come in rows of their own (getlist), so that each
    condition has its own day and no line break is taken for another item."""

    outcome = forms.ChoiceField(label=_("Answer"), widget=forms.RadioSelect)
    reason = forms.CharField(label=_("Reason"), required=False, widget=forms.Textarea(attrs={"rows": 4}))

    def __init__(self, *args: Any, kind: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.kind = kind
        self.may_ask_changes = Outcome.RETURN in OUTCOMES[kind]
        self.may_ask_conditions = Outcome.CONDITIONS in OUTCOMES[kind]
        choices = [(one, Outcome(one).label) for one in OUTCOMES[kind]]
        self.fields["outcome"].choices = choices  # type: ignore[attr-defined]
        # What was typed, row by row, whatever becomes of it.
        self.items: list[str] = self._listed("item")
        days = self._listed("condition_due")
        texts = self._listed("condition")
        self.conditions: list[tuple[str, str]] = [
            (text, days[place] if place < len(days) else "") for place, text in enumerate(texts)
        ]

    def _listed(self, name: str) -> list[str]:
        data = self.data
        return [str(one) for one in data.getlist(name)] if hasattr(data, "getlist") else []

    def clean(self) -> dict[str, Any]:
        """The days of conditions, each told by its row."""
        said = super().clean() or {}
        found: list[tuple[str, date | None]] = []
        if said.get("outcome") == Outcome.CONDITIONS:
            for number, (text, day) in enumerate(self.conditions, start=1):
                if not text.strip() and not day.strip():
                    continue
                due = _parse_day(day)
                if day.strip() and due is None:
                    self.add_error(
                        None,
                        _("Condition %(number)s: “%(text)s” is no date.") % {"number": number, "text": day},
                    )
                elif due is not None and due < timezone.localdate():
                    self.add_error(None, _("Condition %(number)s is due before today.") % {"number": number})
                elif not text.strip():
                    self.add_error(
                        None, _("Condition %(number)s has a day and no words.") % {"number": number}
                    )
                else:
                    found.append((text.strip(), due))
        said["conditions"] = found
        return said

    def said(self) -> dict[str, Any]:
        """The arguments of the service. What belongs to another choice than the one made is left out."""
        data = self.cleaned_data
        items = self.items if data["outcome"] == Outcome.RETURN else []
        return {
            "outcome": data["outcome"],
            "reason": data["reason"],
            "items": [one.strip() for one in items if one.strip()],
            "conditions": data["conditions"],
        }


def _parse_day(text: str) -> date | None:
    try:
        return date.fromisoformat(text.strip())
    except ValueError:
        return None


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


class YuanField(forms.CharField):
    """An amount in yuan as it is written, cleaned to whole fen. `signed`: a minus in front is taken."""

    widget = forms.TextInput(attrs={"inputmode": "decimal"})

    def __init__(self, *, signed: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.signed = signed

    def clean(self, value: Any) -> Any:
        text = super().clean(value).strip()
        if not text:
            return None
        minus = self.signed and text[0] in "-−－"
        try:
            fen = amounts.fen_of(text[1:] if minus else text.removeprefix("+") if self.signed else text)
        except DomainError as refused:
            raise forms.ValidationError(str(refused.message)) from None
        return -fen if minus else fen


def _day_field(label: Any) -> forms.DateField:
    return forms.DateField(label=label, widget=forms.DateInput(format="%Y-%m-%d", attrs={"type": "date"}))


class ContractForm(forms.Form):
    number = forms.CharField(label=_("Number"), max_length=60)
    payee = forms.CharField(label=_("Payee"), max_length=160)
    payee_code = forms.CharField(
        label=_("Unified social credit code"), required=False, max_length=24,
        help_text=_("18 digits and capitals; the last one is checked (GB 32100-2015)."),
    )  # fmt: skip
    amount_fen = YuanField(label=_("Amount, yuan"))
    signed_on = _day_field(_("Signed"))
    note = forms.CharField(label=_("Note"), required=False, max_length=300)


class SupplementForm(forms.Form):
    number = forms.CharField(label=_("Number"), max_length=60)
    amount_fen = YuanField(
        label=_("More or less, yuan"), signed=True, help_text=_("With a minus in front where the contract holds less.")
    )  # fmt: skip
    signed_on = _day_field(_("Signed"))
    reason = forms.CharField(label=_("Reason"), max_length=300, widget=forms.Textarea(attrs={"rows": 3}))


class PaymentForm(forms.Form):
    """`key` was made when the page was: however often it is sent, it is one payment."""

    tranche = forms.ModelChoiceField(
        label=_("Tranche"), queryset=Tranche.objects.none(), to_field_name="number"
    )
    contract = forms.ModelChoiceField(
        label=_("Contract"), queryset=Contract.objects.none(), required=False, empty_label=_("On no contract")
    )  # fmt: skip
    payee = forms.CharField(
        label=_("Payee"), max_length=160, required=False, help_text=_("Empty: the payee of the contract.")
    )  # fmt: skip
    amount_fen = YuanField(label=_("Amount, yuan"))
    paid_on = _day_field(_("Paid on"))
    note = forms.CharField(label=_("Note"), required=False, max_length=300)
    key = forms.CharField(widget=forms.HiddenInput, max_length=80)

    def __init__(self, *args: Any, project: Project, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        tranche, contract = self.fields["tranche"], self.fields["contract"]
        tranche.queryset = project.tranches.filter(release__isnull=False)  # type: ignore[attr-defined]
        tranche.label_from_instance = lambda one: f"{one.number}. {local_name(one)}, {yuan(one.amount_fen)}"  # type: ignore[attr-defined]
        contract.queryset = project.contracts.all()  # type: ignore[attr-defined]
        contract.label_from_instance = lambda one: f"{one.number}, {one.payee}"  # type: ignore[attr-defined]


class TakeBackForm(forms.Form):
    amount_fen = YuanField(
        label=_("Amount, yuan"), required=False, help_text=_("Empty: all that is left of the payment.")
    )  # fmt: skip
    reason = forms.CharField(label=_("Reason"), max_length=300, widget=forms.Textarea(attrs={"rows": 3}))
    key = forms.CharField(widget=forms.HiddenInput, max_length=80)


class TieForm(forms.Form):
    """What a tranche shall wait for, beside what it waits for already."""

    conditions = forms.ModelMultipleChoiceField(
        label=_("Conditions"), queryset=Condition.objects.none(), required=False, widget=forms.CheckboxSelectMultiple
    )  # fmt: skip
    milestones = forms.ModelMultipleChoiceField(
        label=_("Milestones"), queryset=Milestone.objects.none(), required=False, widget=forms.CheckboxSelectMultiple
    )  # fmt: skip

    def __init__(self, *args: Any, tranche: Tranche, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        project = tranche.project
        conditions, milestones = self.fields["conditions"], self.fields["milestones"]
        conditions.queryset = project.conditions.filter(state=ConditionState.OPEN).exclude(tranches=tranche)  # type: ignore[attr-defined]
        conditions.label_from_instance = lambda one: one.text  # type: ignore[attr-defined]
        milestones.queryset = project.milestones.filter(reached_on=None).exclude(tranches=tranche)  # type: ignore[attr-defined]
        milestones.label_from_instance = lambda one: f"{one.number}. {local_name(one)}"  # type: ignore[attr-defined]


class MoveForm(forms.Form):
    condition = forms.ModelChoiceField(label=_("Condition"), queryset=Condition.objects.none())
    to_tranche = forms.ModelChoiceField(
        label=_("Holds instead"), queryset=Tranche.objects.none(), to_field_name="number"
    )
    reason = forms.CharField(label=_("Reason"), widget=forms.Textarea(attrs={"rows": 3}))

    def __init__(self, *args: Any, tranche: Tranche, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        condition, to = self.fields["condition"], self.fields["to_tranche"]
        condition.queryset = tranche.conditions.filter(state=ConditionState.OPEN)  # type: ignore[attr-defined]
        condition.label_from_instance = lambda one: one.text  # type: ignore[attr-defined]
        to.queryset = tranche.project.tranches.filter(release=None).exclude(pk=tranche.pk)  # type: ignore[attr-defined]
        to.label_from_instance = lambda one: f"{one.number}. {local_name(one)}"  # type: ignore[attr-defined]


class AnswerMoveForm(forms.Form):
    answer = forms.ChoiceField(
        label=_("Answer"), choices=[("agree", _("Agree")), ("refuse", _("Refuse"))], widget=forms.RadioSelect
    )  # fmt: skip
    words = forms.CharField(label=_("Reason"), widget=forms.Textarea(attrs={"rows": 3}))
