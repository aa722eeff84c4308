"""Webhooks on the API, and the events themselves for those who ask instead."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import mixins, viewsets
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from core import policies
from core.api.filtering import refuse_unknown_filters, refuse_unknown_orderings
from core.api.idempotency import Idempotent
from core.api.viewsets import PlainViewSet
from core.errors import DomainError
from core.models import City
from projects.api import webhook_serializers as forms
from projects.choices import DeliveryState, EventKind
from projects.models import Delivery, OutboxEvent, Webhook
from projects.selectors import webhooks as selectors
from projects.services import webhooks

NO_STORE = {"Cache-Control": "no-store"}


class WebhookViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, PlainViewSet):
    """Addresses that are told what happens. For administrators of a whole city."""

    queryset = Webhook.objects.all()
    serializer_class = forms.WebhookSerializer
    lookup_value_regex = r"\d{1,18}"

    def get_queryset(self) -> QuerySet:
        if getattr(self, "swagger_fake_view", False):
            return Webhook.objects.none()
        policies.demand(self.request.user, "webhook.edit")
        return selectors.with_counts(selectors.webhooks_for(self.request.user)).order_by("id")

    @extend_schema(request=forms.NewWebhookSerializer, responses={201: forms.ToldWebhookSerializer})
    def create(self, request: Request) -> Response:
        """A new address. The answer holds its secret, this once."""
        form = forms.NewWebhookSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        said = dict(form.validated_data)
        city = get_object_or_404(
            City.objects.filter(policies.visible_cities(request.user)), code=said.pop("city")
        )
        hook, secret = webhooks.add(user=request.user, city=city, **said)
        # A secret must not be kept anywhere, so this answer is never replayed.
        self._idempotency = None
        row = forms.WebhookSerializer(self.get_queryset().get(pk=hook.pk)).data
        return Response({**row, "secret": secret}, status=201, headers=NO_STORE)

    @extend_schema(request=forms.ChangeWebhookSerializer, responses=forms.WebhookSerializer)
    def partial_update(self, request: Request, pk: str) -> Response:
        """Change its name, address or kinds; switch it off or on."""
        hook = self.get_object()
        form = forms.ChangeWebhookSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        now = {"name": hook.name, "url": hook.url, "kinds": hook.kinds, "active": hook.active}
        webhooks.change(user=request.user, webhook=hook, **(now | dict(form.validated_data)))
        return Response(self.get_serializer(self.get_object()).data)

    @extend_schema(responses={204: None})
    def destroy(self, request: Request, pk: str) -> Response:
        webhooks.remove(user=request.user, webhook=self.get_object())
        return Response(status=204)

    @extend_schema(request=forms.RotateSerializer, responses=forms.SecretSerializer)
    @action(detail=True, methods=["post"])
    def rotate(self, request: Request, pk: str) -> Response:
        """A new secret, told only now; the one before signs beside it for some hours."""
        form = forms.RotateSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        secret = webhooks.rotate(user=request.user, webhook=self.get_object(), **form.validated_data)
        self._idempotency = None
        return Response({"secret": secret}, headers=NO_STORE)

    @extend_schema(request=None, responses={202: forms.EventSerializer})
    @action(detail=True, methods=["post"])
    def ping(self, request: Request, pk: str) -> Response:
        """Send a test message the way everything is sent; its delivery tells what became of it."""
        event = webhooks.ping(user=request.user, webhook=self.get_object())
        return Response(forms.EventSerializer(event).data, status=202)

    @extend_schema(
        responses=forms.DeliverySerializer(many=True),
        parameters=[OpenApiParameter("state", str, enum=DeliveryState.values)],
    )
    @action(detail=True, methods=["get"])
    def deliveries(self, request: Request, pk: str) -> Response:
        """Deliveries with every try, newest first; `state=dead` are those given up."""
        state = request.query_params.get("state", "")
        if state and state not in DeliveryState.values:
            raise DomainError("unknown-state", _("One of %(words)s.") % {"words": ", ".join(DeliveryState.values)}, status=400)  # fmt: skip
        rows = self.paginate_queryset(selectors.deliveries_of(self.get_object(), state=state))
        return self.get_paginated_response(forms.DeliverySerializer(rows, many=True).data)

    @extend_schema(request=None, responses=forms.CountSerializer)
    @action(detail=True, methods=["post"])
    def replay(self, request: Request, pk: str) -> Response:
        """Send everything that was given up again, with the same event ids."""
        return Response({"count": webhooks.replay_dead(user=request.user, webhook=self.get_object())})

    @extend_schema(
        request=None,
        responses=forms.DeliverySerializer,
        parameters=[OpenApiParameter("delivery", int, OpenApiParameter.PATH)],
    )
    @action(detail=True, methods=["post"], url_path=r"deliveries/(?P<delivery>\d{1,18})/replay")
    def replay_one(self, request: Request, pk: str, delivery: str) -> Response:
        """Send one delivery again, with the same event id."""
        row = get_object_or_404(
            Delivery.objects.select_related("webhook__city", "event"), pk=delivery, webhook=self.get_object()
        )
        return Response(forms.DeliverySerializer(webhooks.replay(user=request.user, delivery=row)).data)

    @extend_schema(request=forms.CatchUpSerializer, responses=forms.CountSerializer)
    @action(detail=True, methods=["post"], url_path="catch-up")
    def catch_up(self, request: Request, pk: str) -> Response:
        """Put in line every kept event behind a number that this address never had."""
        form = forms.CatchUpSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        count = webhooks.catch_up(user=request.user, webhook=self.get_object(), **form.validated_data)
        return Response({"count": count})


class EventViewSet(Idempotent, mixins.RetrieveModelMixin, viewsets.GenericViewSet):
    """What happened, in order, of the projects the caller may see: for those who ask instead of being told."""

    queryset = OutboxEvent.objects.all()
    serializer_class = forms.EventSerializer
    lookup_value_regex = r"[0-9a-fA-F-]{36}"
    pagination_class = None
    filter_backends: list[Any] = []

    def get_queryset(self) -> QuerySet:
        if getattr(self, "swagger_fake_view", False):
            return OutboxEvent.objects.none()
        return selectors.events_visible_to(self.request.user)

    @extend_schema(
        responses=forms.EventPageSerializer,
        parameters=[
            OpenApiParameter("after", OpenApiTypes.INT64, description="Number of the last event seen; 0 begins"),
            OpenApiParameter("kind", str, enum=EventKind.values, many=True),
            OpenApiParameter("project", str, description="Reference of a project"),
            OpenApiParameter("city", str, description="Code of a city"),
            OpenApiParameter("page_size", int, description="1 to 1000, 200 without it"),
        ],
    )  # fmt: skip
    def list(self, request: Request) -> Response:
        """Events behind `after`, oldest first."""
        asked = request.query_params
        refuse_unknown_orderings(asked.getlist("ordering"), [])
        refuse_unknown_filters(asked, {"after", "city", "format", "kind", "ordering", "page_size", "project"})
        after = _number(asked.get("after", "0"), "after", 0, 2**62)
        size = _number(asked.get("page_size", "200"), "page_size", 1, 1000)
        kinds = asked.getlist("kind")
        if unknown := sorted(set(kinds) - set(EventKind.values)):
            raise DomainError("unknown-event", _("There is no event %(words)s.") % {"words": ", ".join(unknown)}, status=400)  # fmt: skip
        rows = self.get_queryset().filter(number__gt=after).order_by("number")
        if kinds:
            rows = rows.filter(kind__in=kinds)
        for name, lookup in (("project", "project__ref"), ("city", "city__code")):
            if asked.get(name):
                rows = rows.filter(**{lookup: asked[name]})
        found = list(rows[: size + 1])
        shown = found[:size]
        return Response(
            {
                "results": self.get_serializer(shown, many=True).data,
                "next_after": shown[-1].number if shown else after,
                "more": len(found) > size,
            }
        )


def _number(text: str, name: str, least: int, most: int) -> int:
    if text.isascii() and text.isdigit() and len(text) < 20 and least <= int(text) <= most:
        return int(text)
    raise DomainError(
        "bad-number", _("%(name)s: a whole number from %(least)s to %(most)s.") % {"name": name, "least": least, "most": most}, status=400
    )  # fmt: skip
