"""Deputies, working days and routes on the API."""

from __future__ import annotations

from typing import Any

from django.contrib.auth import get_user_model
from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_field
from rest_framework import mixins, serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from core import policies
from core.api.viewsets import PlainViewSet
from core.models import City
from projects.models import CalendarDay, CalendarYear, Deputy, Route
from projects.selectors import calendar as calendar_selectors
from projects.selectors import deputies as deputy_selectors
from projects.selectors import routes as route_selectors
from projects.services import calendar_years, deputies, routes


class DeputySerializer(serializers.ModelSerializer):
    principal: Any = serializers.SlugRelatedField(slug_field="username", read_only=True)
    deputy: Any = serializers.SlugRelatedField(slug_field="username", read_only=True)
    named_by: Any = serializers.SlugRelatedField(slug_field="username", read_only=True, allow_null=True)
    ended_by: Any = serializers.SlugRelatedField(slug_field="username", read_only=True, allow_null=True)
    in_force = serializers.SerializerMethodField()

    class Meta:
        model = Deputy
        fields = [
            "id", "principal", "deputy", "valid_from", "valid_to", "reason", "named_by", "ended_at", "ended_by", "in_force",
        ]  # fmt: skip

    def get_in_force(self, row: Deputy) -> bool:
        return row.ended_at is None and row.valid_from <= timezone.localdate() <= row.valid_to


class NewDeputySerializer(serializers.Serializer):
    principal = serializers.CharField(required=False, help_text="User name; without it oneself")
    deputy = serializers.CharField()
    valid_from = serializers.DateField()
    valid_to = serializers.DateField()
    reason = serializers.CharField(max_length=200)


class NamedDeputySerializer(DeputySerializer):
    also = serializers.ListField(
        child=serializers.CharField(), read_only=True, help_text="Who else stands in for the same person then"
    )

    class Meta(DeputySerializer.Meta):
        fields = [*DeputySerializer.Meta.fields, "also"]


class DeputyViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, PlainViewSet):
    """Who acts for whom. Everybody sees their own; who may name deputies sees those of the people below."""

    queryset = Deputy.objects.all()
    serializer_class = DeputySerializer
    lookup_value_regex = r"\d{1,18}"

    def get_queryset(self) -> QuerySet:
        if getattr(self, "swagger_fake_view", False):
            return Deputy.objects.none()
        return deputy_selectors.deputies_visible_to(self.request.user)

    @extend_schema(request=NewDeputySerializer, responses={201: NamedDeputySerializer})
    def create(self, request: Request) -> Response:
        """Name a deputy for a time."""
        form = NewDeputySerializer(data=request.data)
        form.is_valid(raise_exception=True)
        said = dict(form.validated_data)
        # Only people of one's own cities can be found, so nobody learns who else there is.
        cities = City.objects.filter(policies.visible_cities(request.user))
        people = get_user_model().objects.filter(memberships__area__city__in=cities, is_active=True).distinct()  # fmt: skip
        principal = (
            get_object_or_404(people, username=said.pop("principal")) if "principal" in said else request.user
        )
        deputy = get_object_or_404(people, username=said.pop("deputy"))
        row, others = deputies.name_deputy(user=request.user, principal=principal, deputy=deputy, **said)
        also = [one.deputy.get_username() for one in others]
        return Response({**DeputySerializer(row).data, "also": also}, status=201)

    @extend_schema(request=None, responses=DeputySerializer)
    @action(detail=True, methods=["post"])
    def end(self, request: Request, pk: str) -> Response:
        """End it now."""
        return Response(DeputySerializer(deputies.end(user=request.user, deputy=self.get_object())).data)


class CalendarDaySerializer(serializers.ModelSerializer):
    class Meta:
        model = CalendarDay
        fields = ["date", "working", "name", "name_en"]
        # The service says it in words.
        extra_kwargs = {"date": {"validators": []}}


class CalendarYearSerializer(serializers.ModelSerializer):
    class Meta:
        model = CalendarYear
        fields = ["year", "announced", "source"]


class OneYearSerializer(CalendarYearSerializer):
    working_days = serializers.IntegerField(read_only=True)
    days = CalendarDaySerializer(many=True, help_text="Every day that differs from its weekday")

    class Meta(CalendarYearSerializer.Meta):
        fields = [*CalendarYearSerializer.Meta.fields, "working_days", "days"]


class EnteredYearSerializer(OneYearSerializer):
    moved_tasks = serializers.IntegerField(read_only=True, help_text="Open tasks that are due later now")

    class Meta(OneYearSerializer.Meta):
        fields = [*OneYearSerializer.Meta.fields, "moved_tasks"]


class YearInSerializer(serializers.Serializer):
    announced = serializers.BooleanField()
    source = serializers.CharField(max_length=200, allow_blank=True, default="")
    days = CalendarDaySerializer(many=True)


def _year_answer(number: int) -> dict[str, Any]:
    view = calendar_selectors.year_view(number)
    row = view.year or get_object_or_404(CalendarYear, year=number)
    return {
        **CalendarYearSerializer(row).data, "working_days": view.working,
        "days": CalendarDaySerializer(view.days, many=True).data,
    }  # fmt: skip


class CalendarViewSet(mixins.ListModelMixin, PlainViewSet):
    """Working days by year, as announced or not yet."""

    queryset = CalendarYear.objects.order_by("year")
    serializer_class = CalendarYearSerializer
    lookup_field = "year"
    lookup_value_regex = r"\d{4}"

    @extend_schema(responses=OneYearSerializer)
    def retrieve(self, request: Request, year: str) -> Response:
        return Response(_year_answer(int(year)))

    @extend_schema(request=YearInSerializer, responses=EnteredYearSerializer)
    def update(self, request: Request, year: str) -> Response:
        """Enter a year's notice, whole. Open tasks are due later where it has more holidays."""
        policies.demand(request.user, "calendar.edit")
        form = YearInSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        said = form.validated_data
        days = [(row["date"], row["working"], row.get("name", ""), row.get("name_en", "")) for row in said["days"]]  # fmt: skip
        done = calendar_years.enter_year(
            user=request.user, year=int(year), days=days, announced=said["announced"], source=said["source"]
        )
        return Response({**_year_answer(int(year)), "moved_tasks": done.moved})


class RouteSerializer(serializers.ModelSerializer):
    drafted_by: Any = serializers.SlugRelatedField(slug_field="username", read_only=True, allow_null=True)
    published_by: Any = serializers.SlugRelatedField(slug_field="username", read_only=True, allow_null=True)
    running = serializers.IntegerField(read_only=True, help_text="Cases that run on this version")
    cases_all = serializers.IntegerField(read_only=True)

    class Meta:
        model = Route
        fields = [
            "code", "version", "name", "name_en", "kind", "for_tranche", "state", "source", "certainty", "sha256", "drafted_by",
            "published_at", "published_by", "running", "cases_all",
        ]  # fmt: skip


class OneRouteSerializer(RouteSerializer):
    document = serializers.SerializerMethodField()

    class Meta(RouteSerializer.Meta):
        fields = [*RouteSerializer.Meta.fields, "document"]

    @extend_schema_field(OpenApiTypes.OBJECT)
    def get_document(self, row: Route) -> Any:
        """Stages and tasks, as they were drafted."""
        return row.document


class RouteInSerializer(serializers.Serializer):
    document = serializers.JSONField(required=False, help_text="The route as JSON")
    yaml = serializers.CharField(required=False, help_text="Or as YAML text")


VERSION = OpenApiParameter("version", int, OpenApiParameter.PATH)


class RouteViewSet(mixins.ListModelMixin, PlainViewSet):
    """Routes of cases, every version. New cases go by the published one; running cases keep theirs."""

    queryset = Route.objects.all()
    serializer_class = RouteSerializer
    lookup_field = "code"
    lookup_value_regex = r"[-\w]+"

    def get_queryset(self) -> QuerySet:
        if getattr(self, "swagger_fake_view", False):
            return Route.objects.none()
        return route_selectors.routes()

    def _one(self, code: str, version: str) -> Route:
        return get_object_or_404(self.get_queryset(), code=code, version=int(version))

    @extend_schema(request=RouteInSerializer, responses={201: OneRouteSerializer})
    def create(self, request: Request) -> Response:
        """Store the draft of the next version of the route with this code. Everything wrong with it is told at once."""
        policies.demand(request.user, "route.edit")
        form = RouteInSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        said = form.validated_data
        document = routes.read_document(said["yaml"]) if "yaml" in said else said.get("document")
        made = routes.store_draft(user=request.user, document=document)
        return Response(OneRouteSerializer(self._one(made.code, str(made.version))).data, status=201)

    @extend_schema(responses=OneRouteSerializer, parameters=[VERSION])
    @action(detail=True, methods=["get"], url_path=r"versions/(?P<version>\d{1,4})")
    def version(self, request: Request, code: str, version: str) -> Response:
        return Response(OneRouteSerializer(self._one(code, version)).data)

    @extend_schema(request=None, responses=OneRouteSerializer, parameters=[VERSION])
    @action(detail=True, methods=["post"], url_path=r"versions/(?P<version>\d{1,4})/publish")
    def publish(self, request: Request, code: str, version: str) -> Response:
        """From now on new cases go this way. By somebody else than who drafted it."""
        routes.publish(user=request.user, route=self._one(code, version))
        return Response(OneRouteSerializer(self._one(code, version)).data)

    @extend_schema(request=None, responses=OneRouteSerializer, parameters=[VERSION])
    @action(detail=True, methods=["post"], url_path=r"versions/(?P<version>\d{1,4})/retire")
    def retire(self, request: Request, code: str, version: str) -> Response:
        """No new case goes this way; running ones end on it."""
        routes.retire(user=request.user, route=self._one(code, version))
        return Response(OneRouteSerializer(self._one(code, version)).data)

    @extend_schema(request=None, responses={204: None}, parameters=[VERSION])
    @action(detail=True, methods=["post"], url_path=r"versions/(?P<version>\d{1,4})/drop")
    def drop(self, request: Request, code: str, version: str) -> Response:
        """Throw a draft away."""
        routes.drop_draft(user=request.user, route=self._one(code, version))
        return Response(status=204)
