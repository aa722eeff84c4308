"""What the API says of money, and what it takes. Amounts are whole fen, keys end in `_fen`."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from planning.choices import FundSource
from projects.models import ConditionMove, Contract, Payment, Project, SupplementaryAgreement
from projects.selectors import money_page
from projects.selectors.money_curve import MoneyCurve


class LineSerializer(serializers.Serializer):
    year = serializers.IntegerField()
    source = serializers.ChoiceField(choices=FundSource.choices)
    amount_fen = serializers.IntegerField(min_value=1)


class TrancheInSerializer(serializers.Serializer):
    name = serializers.CharField(max_length=160)
    amount_fen = serializers.IntegerField(min_value=1)


class MilestoneInSerializer(serializers.Serializer):
    name = serializers.CharField(max_length=120)
    planned_on = serializers.DateField()
    works_percent = serializers.IntegerField(min_value=0, max_value=100, default=0)


class MoneyPlanSerializer(serializers.Serializer):
    lines = LineSerializer(many=True)
    tranches = TrancheInSerializer(many=True, required=False)
    milestones = MilestoneInSerializer(many=True, required=False, default=list)


class PaymentInSerializer(serializers.Serializer):
    tranche = serializers.IntegerField()
    amount_fen = serializers.IntegerField(min_value=1)
    payee = serializers.CharField(max_length=160, required=False, allow_blank=True, default="")
    paid_on = serializers.DateField()
    key = serializers.CharField(max_length=80)
    contract = serializers.CharField(required=False, allow_blank=True, default="")
    note = serializers.CharField(required=False, allow_blank=True, default="", max_length=300)


class TakeBackSerializer(serializers.Serializer):
    amount_fen = serializers.IntegerField(min_value=1, required=False, allow_null=True, default=None)
    reason = serializers.CharField(max_length=300)
    key = serializers.CharField(max_length=80)


class ContractInSerializer(serializers.Serializer):
    number = serializers.CharField(max_length=60)
    payee = serializers.CharField(max_length=160)
    payee_code = serializers.CharField(max_length=24, required=False, allow_blank=True, default="")
    amount_fen = serializers.IntegerField(min_value=1)
    signed_on = serializers.DateField()
    note = serializers.CharField(required=False, allow_blank=True, default="", max_length=300)


class SupplementInSerializer(serializers.Serializer):
    number = serializers.CharField(max_length=60)
    amount_fen = serializers.IntegerField(help_text="more (above 0) or less (below 0) than before")
    signed_on = serializers.DateField()
    reason = serializers.CharField(max_length=300)


class TiesInSerializer(serializers.Serializer):
    conditions = serializers.ListField(child=serializers.IntegerField(), required=False, default=list)
    milestones = serializers.ListField(
        child=serializers.IntegerField(), required=False, default=list, help_text="numbers of milestones"
    )


class MoveInSerializer(serializers.Serializer):
    condition = serializers.IntegerField()
    from_tranche = serializers.IntegerField()
    to_tranche = serializers.IntegerField()
    reason = serializers.CharField()


class MoveAnswerInSerializer(serializers.Serializer):
    agree = serializers.BooleanField()
    words = serializers.CharField()


class SupplementSerializer(serializers.ModelSerializer):
    class Meta:
        model = SupplementaryAgreement
        fields = ["number", "amount_fen", "signed_on", "reason"]


class ContractSerializer(serializers.ModelSerializer):
    supplements = SupplementSerializer(many=True, read_only=True)

    class Meta:
        model = Contract
        fields = ["id", "number", "payee", "payee_code", "amount_fen", "signed_on", "note", "supplements"]


class PaymentSerializer(serializers.ModelSerializer):
    tranche = serializers.IntegerField(source="tranche.number")
    contract = serializers.CharField(source="contract.number", default="")
    recorded_by = serializers.SlugRelatedField(slug_field="username", read_only=True, allow_null=True)

    class Meta:
        model = Payment
        fields = ["id", "tranche", "contract", "payee", "amount_fen", "paid_on", "corrects", "note", "key", "recorded_by", "recorded_at"]  # fmt: skip


class MoveSerializer(serializers.ModelSerializer):
    condition_text = serializers.CharField(source="condition.text", read_only=True)
    from_tranche = serializers.IntegerField(source="from_tranche.number")
    to_tranche = serializers.IntegerField(source="to_tranche.number")
    asked_by = serializers.SlugRelatedField(slug_field="username", read_only=True)
    answered_by = serializers.SlugRelatedField(slug_field="username", read_only=True, allow_null=True)

    class Meta:
        model = ConditionMove
        fields = [
            "id", "condition", "condition_text", "from_tranche", "to_tranche", "reason", "asked_by", "asked_at", "agreed",
            "answered_by", "answered_at", "answer",
        ]  # fmt: skip


class TieSerializer(serializers.Serializer):
    """What holds a tranche. `state` of a condition: open, met, waived; `reached_on` of a milestone: seen on site."""

    id = serializers.IntegerField()
    text = serializers.CharField()
    state = serializers.CharField()


class TrancheTieSerializer(serializers.Serializer):
    number = serializers.IntegerField()
    name = serializers.CharField()
    reached_on = serializers.DateField(allow_null=True)


class TrancheSerializer(serializers.Serializer):
    number = serializers.IntegerField()
    name = serializers.CharField()
    amount_fen = serializers.IntegerField()
    final = serializers.BooleanField(help_text="needs the capacity as built and a passed conversion check")
    due_on = serializers.DateField(allow_null=True)
    state = serializers.ChoiceField(choices=["not-approved", "blocked", "free", "asked", "released"])
    released = serializers.BooleanField()
    released_fen = serializers.IntegerField()
    paid_fen = serializers.IntegerField()
    blocked_by = serializers.ListField(child=serializers.CharField())
    recommended_by = serializers.CharField(allow_null=True)
    decided_by = serializers.CharField(allow_null=True)
    override_reason = serializers.CharField(allow_blank=True)
    conditions = TieSerializer(many=True)
    milestones = TrancheTieSerializer(many=True)


class ContractStandSerializer(ContractSerializer):
    total_fen = serializers.IntegerField()
    paid_fen = serializers.IntegerField()
    over_fen = serializers.IntegerField(help_text="paid above what the contract holds: needs explanation")

    class Meta(ContractSerializer.Meta):
        fields = [*ContractSerializer.Meta.fields, "total_fen", "paid_fen", "over_fen"]


class PaymentStandSerializer(PaymentSerializer):
    on_contract = serializers.BooleanField()
    left_fen = serializers.IntegerField()

    class Meta(PaymentSerializer.Meta):
        fields = [*PaymentSerializer.Meta.fields, "on_contract", "left_fen"]


class MoneySerializer(serializers.Serializer):
    """Sums, lines, tranches with what blocks them, contracts, payments, moves of conditions."""

    approved_fen = serializers.IntegerField()
    budget_fen = serializers.IntegerField()
    released_fen = serializers.IntegerField()
    paid_fen = serializers.IntegerField()
    account_fen = serializers.IntegerField()
    contracts_fen = serializers.IntegerField()
    days_at_this_pace = serializers.IntegerField(allow_null=True)
    lines = LineSerializer(many=True)
    tranches = TrancheSerializer(many=True)
    contracts = ContractStandSerializer(many=True)
    payments = PaymentStandSerializer(many=True)
    moves = MoveSerializer(many=True)


def money_answer(project: Project) -> dict[str, Any]:
    """What `MoneySerializer` describes."""
    page = money_page.read(project)
    sums = page.sums
    return {
        "approved_fen": sums.approved_fen, "budget_fen": sums.budget_fen, "released_fen": sums.released_fen,
        "paid_fen": sums.paid_fen, "account_fen": sums.account_fen, "contracts_fen": sums.contracts_fen,
        "days_at_this_pace": sums.days, "lines": list(project.budget_lines.values("year", "source", "amount_fen")),
        "tranches": [_tranche(row) for row in page.tranches],
        "contracts": [
            dict(ContractSerializer(row.contract).data)
            | {"total_fen": row.total_fen, "paid_fen": row.paid_fen, "over_fen": row.over_fen}
            for row in page.contracts
        ],
        "payments": [
            dict(PaymentSerializer(row.payment).data) | {"on_contract": row.on_contract, "left_fen": row.left_fen}
            for row in page.payments
        ],
        "moves": MoveSerializer(page.moves, many=True).data,
    }  # fmt: skip


def _tranche(row: money_page.TrancheRow) -> dict[str, Any]:
    one, release = row.tranche, row.release
    return {
        "number": one.number, "name": one.name, "amount_fen": one.amount_fen, "final": row.last, "due_on": row.due_on,
        "state": row.state, "released": release is not None, "released_fen": row.released_fen, "paid_fen": row.paid_fen,
        "blocked_by": row.reasons, "recommended_by": release.recommended_by.username if release else None,
        "decided_by": release.decided_by.username if release else None,
        "override_reason": release.override_reason if release else "",
        "conditions": [{"id": tied.pk, "text": tied.text, "state": tied.state} for tied in one.conditions.all()],
        "milestones": [{"number": tied.number, "name": tied.name, "reached_on": tied.reached_on} for tied in one.milestones.all()],
    }  # fmt: skip


class CurveMonthSerializer(serializers.Serializer):
    """Sums at the end of the month; null where it is not known."""

    month = serializers.DateField()
    planned_fen = serializers.IntegerField(allow_null=True)
    released_fen = serializers.IntegerField(allow_null=True)
    paid_fen = serializers.IntegerField(allow_null=True)
    works_fen = serializers.IntegerField(allow_null=True)
    works_percent = serializers.FloatField(allow_null=True)
    reported_percent = serializers.FloatField(allow_null=True)


class CurveSerializer(serializers.Serializer):
    today = serializers.DateField()
    base_fen = serializers.IntegerField(help_text="what 100 % of the works is worth")
    finding = serializers.ChoiceField(choices=["nothing-paid", "works-unknown", "behind", "ahead"])
    sentence = serializers.CharField()
    months = CurveMonthSerializer(many=True)


def curve_answer(curve: MoneyCurve) -> dict[str, Any]:
    """What `CurveSerializer` describes."""
    return {
        "today": curve.today, "base_fen": curve.base_fen, "finding": curve.finding, "sentence": curve.sentence,
        "months": [
            {
                "month": row.first, "planned_fen": row.planned_fen, "released_fen": row.released_fen, "paid_fen": row.paid_fen,
                "works_fen": row.works_fen, "works_percent": row.works_percent, "reported_percent": row.said_percent,
            }
            for row in curve.months
        ],
    }  # fmt: skip
