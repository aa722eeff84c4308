"""Forms of contracts, payments and what holds a tranche."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from core.errors import DomainError
from core.templatetags.pingji import local_name, yuan
from projects.choices import ConditionState
from projects.models import Condition, Contract, Milestone, Project, Tranche
from projects.services import amounts


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
