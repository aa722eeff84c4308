"""The money of a project on the API: everything its pages do."""

from __future__ import annotations

from typing import Any

from django.shortcuts import get_object_or_404
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from core.api.viewsets import PlainViewSet
from projects.api import money_serializers as forms
from projects.api.case_serializers import CaseSerializer
from projects.models import Case, Condition, ConditionMove, Contract, Milestone, Payment, Project, Tranche
from projects.selectors import money_curve, pages
from projects.services import cases, contracts, money, money_plan, ties

NUMBER = [OpenApiParameter("number", int, OpenApiParameter.PATH, description="number of the tranche")]
PK = [OpenApiParameter("pk", int, OpenApiParameter.PATH)]


class ProjectMoneyViewSet(PlainViewSet):
    """Lines, tranches, contracts, payments and what holds a tranche."""

    queryset = Project.objects.all()
    serializer_class = forms.MoneySerializer
    lookup_field = "ref"
    lookup_value_regex = "[^/]+"
    pagination_class = None

    def project(self) -> Project:
        return get_object_or_404(pages.projects_visible_to(self.request.user), ref=self.kwargs["ref"])

    def tranche(self, project: Project, number: int) -> Tranche:
        return get_object_or_404(project.tranches.select_related("project__area"), number=number)

    def said(self, form: Any, request: Request) -> dict[str, Any]:
        filled = form(data=request.data)
        filled.is_valid(raise_exception=True)
        return dict(filled.validated_data)

    @extend_schema(methods=["GET"], responses=forms.MoneySerializer)
    @extend_schema(methods=["PUT"], request=forms.MoneyPlanSerializer, responses=forms.MoneySerializer)
    @action(detail=True, methods=["get", "put"])
    def money(self, request: Request, ref: str) -> Response:
        """Everything about the money. PUT replaces the lines, and with `tranches` those and the milestones of a draft."""
        project = self.project()
        if request.method == "PUT":
            said = self.said(forms.MoneyPlanSerializer, request)
            lines = [(row["year"], row["source"], row["amount_fen"]) for row in said["lines"]]
            if "tranches" in said:
                money_plan.set_plan(
                    user=request.user, project=project, lines=lines,
                    tranches=[(row["name"], row["amount_fen"]) for row in said["tranches"]],
                    milestones=[(row["name"], row["planned_on"], row["works_percent"]) for row in said["milestones"]],
                )  # fmt: skip
            else:
                money.set_lines(user=request.user, project=project, lines=lines)
        return Response(forms.money_answer(project))

    @extend_schema(responses=forms.CurveSerializer)
    @action(detail=True, methods=["get"], url_path="money-curve")
    def money_curve(self, request: Request, ref: str) -> Response:
        """Planned, released, paid and done by month, and what that says."""
        return Response(forms.curve_answer(money_curve.curve(self.project())))

    @extend_schema(request=None, responses={201: CaseSerializer}, parameters=NUMBER)
    @action(detail=True, methods=["post"], url_path=r"tranches/(?P<number>\d+)/ask")
    def ask(self, request: Request, ref: str, number: int) -> Response:
        """Ask for the release of a tranche."""
        case = cases.ask_release(user=request.user, tranche=self.tranche(self.project(), number))
        return Response(CaseSerializer(Case.objects.get(pk=case.pk)).data, status=201)

    @extend_schema(request=forms.TiesInSerializer, responses=forms.MoneySerializer, parameters=NUMBER)
    @action(detail=True, methods=["post"], url_path=r"tranches/(?P<number>\d+)/ties")
    def ties(self, request: Request, ref: str, number: int) -> Response:
        """Let conditions (ids) and milestones (numbers) hold the tranche too."""
        project = self.project()
        said = self.said(forms.TiesInSerializer, request)
        ties.tie_more(
            user=request.user, tranche=self.tranche(project, number),
            conditions=[get_object_or_404(Condition, pk=pk, project=project) for pk in said["conditions"]],
            milestones=[get_object_or_404(Milestone, number=one, project=project) for one in said["milestones"]],
        )  # fmt: skip
        return Response(forms.money_answer(project))

    @extend_schema(request=forms.MoveInSerializer, responses={201: forms.MoveSerializer})
    @action(detail=True, methods=["post"], url_path="condition-moves")
    def moves(self, request: Request, ref: str) -> Response:
        """Ask that an open condition holds another tranche. Somebody else answers."""
        project = self.project()
        said = self.said(forms.MoveInSerializer, request)
        move = ties.ask_move(
            user=request.user, condition=get_object_or_404(Condition, pk=said["condition"], project=project),
            from_tranche=self.tranche(project, said["from_tranche"]), to_tranche=self.tranche(project, said["to_tranche"]),
            reason=said["reason"],
        )  # fmt: skip
        return Response(forms.MoveSerializer(move).data, status=201)

    @extend_schema(request=forms.MoveAnswerInSerializer, responses=forms.MoveSerializer, parameters=PK)
    @action(detail=True, methods=["post"], url_path=r"condition-moves/(?P<pk>\d+)/answer")
    def answer_move(self, request: Request, ref: str, pk: int) -> Response:
        """Agree to a move of a condition, or refuse it."""
        found = ConditionMove.objects.select_related("condition__project__area", "from_tranche", "to_tranche")
        move = get_object_or_404(found, pk=pk, condition__project=self.project())
        answered = ties.answer_move(
            user=request.user, move=move, **self.said(forms.MoveAnswerInSerializer, request)
        )
        return Response(forms.MoveSerializer(answered).data)

    @extend_schema(methods=["GET"], responses=forms.ContractSerializer(many=True))
    @extend_schema(methods=["POST"], request=forms.ContractInSerializer, responses={201: forms.ContractSerializer})  # fmt: skip
    @action(detail=True, methods=["get", "post"])
    def contracts(self, request: Request, ref: str) -> Response:
        """Contracts; POST records one. The same number with the same words answers the one that is there."""
        project = self.project()
        if request.method == "GET":
            rows = project.contracts.prefetch_related("supplements")
            return Response(forms.ContractSerializer(rows, many=True).data)
        said = self.said(forms.ContractInSerializer, request)
        made = contracts.sign(user=request.user, project=project, **said)
        return Response(forms.ContractSerializer(made).data, status=201)

    @extend_schema(
        request=forms.SupplementInSerializer, responses={201: forms.ContractSerializer}, parameters=PK
    )
    @action(detail=True, methods=["post"], url_path=r"contracts/(?P<pk>\d+)/supplements")
    def supplements(self, request: Request, ref: str, pk: int) -> Response:
        """A supplementary agreement: the only way a contract's sum changes."""
        contract = get_object_or_404(
            Contract.objects.select_related("project__area"), pk=pk, project=self.project()
        )
        contracts.supplement(
            user=request.user, contract=contract, **self.said(forms.SupplementInSerializer, request)
        )
        return Response(forms.ContractSerializer(Contract.objects.get(pk=pk)).data, status=201)

    @extend_schema(methods=["GET"], responses=forms.PaymentSerializer(many=True))
    @extend_schema(methods=["POST"], request=forms.PaymentInSerializer, responses={201: forms.MoneySerializer})  # fmt: skip
    @action(detail=True, methods=["get", "post"])
    def payments(self, request: Request, ref: str) -> Response:
        """Payments; POST records one, and the same key again answers the payment that is there."""
        project = self.project()
        if request.method == "GET":
            rows = project.payments.select_related("tranche", "contract", "recorded_by")
            return Response(forms.PaymentSerializer(rows, many=True).data)
        said = self.said(forms.PaymentInSerializer, request)
        tranche = self.tranche(project, said.pop("tranche"))
        number = said.pop("contract")
        contract = get_object_or_404(Contract, project=project, number=number) if number else None
        money.pay(user=request.user, tranche=tranche, contract=contract, **said)
        return Response(forms.money_answer(project), status=201)

    @extend_schema(request=forms.TakeBackSerializer, responses={201: forms.MoneySerializer}, parameters=PK)
    @action(detail=True, methods=["post"], url_path=r"payments/(?P<pk>\d+)/take-back")
    def take_back(self, request: Request, ref: str, pk: int) -> Response:
        """Take a payment back, wholly (what is left of it) or in part, by a second row."""
        project = self.project()
        found = Payment.objects.select_related("project__area", "tranche", "contract")
        payment = get_object_or_404(found, pk=pk, project=project)
        money.take_back(user=request.user, payment=payment, **self.said(forms.TakeBackSerializer, request))
        return Response(forms.money_answer(project), status=201)
