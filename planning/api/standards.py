"""Standards on the API: profiles through their life, their rows, what differs, what a draft would change, and what
sheltered people need. Every write is one service call."""

from __future__ import annotations

from typing import Any

from django.db.models import Prefetch, QuerySet
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext_lazy as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from core import policies
from core.api.responses import job_url
from core.api.viewsets import ReadViewSet
from core.errors import DomainError
from core.models import Area, City
from facilities.models import ServiceType
from planning.api import filters
from planning.api import standard_serializers as forms
from planning.api.scenarios import IF_MATCH
from planning.choices import RunState
from planning.models import MinimumNeed, Scenario, Standard, StandardProfile
from planning.selectors import gaps
from planning.selectors.deviations import deviations, root_of
from planning.selectors.standards import (
    effective_standards,
    former_version,
    profiles_visible_to,
    revision_of,
    seen_by,
)
from planning.services import standard_files, standard_rows, standards
from planning.services.minimum_needs import SEEKING, SERVED, minimum_needs, sheltered_people
from planning.services.needs_answer import needs_answer
from planning.services.standards_what_if import start_what_if, what_if_answer

AGAINST = OpenApiParameter(
    "against",
    str,
    description="parent (the profile above; the default), root, former (the version before), or a code.",
)


def profile_named(user: Any, code: str) -> StandardProfile:
    return get_object_or_404(profiles_visible_to(user), code=code)


class Revised(ReadViewSet):
    """The ETag is the record's revision, which changes whenever the record does."""

    def answer(self, record: Any, status: int = 200) -> Response:
        found = self.get_queryset().get(pk=record.pk)
        headers = {"ETag": f'"{revision_of(found)}"'}
        if status == 201:
            headers["Location"] = f"{self.request.path}{getattr(found, self.lookup_field)}/"
        return Response(self.get_serializer(found).data, status=status, headers=headers)

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Any:
        response = super().finalize_response(request, response, *args, **kwargs)
        said = getattr(response, "data", None)
        if response.status_code < 300 and isinstance(said, dict) and isinstance(said.get("revision"), int):
            response["ETag"] = f'"{said["revision"]}"'
        return response


class StandardProfileViewSet(Revised):
    """Sets of standards used together, each number with its source, clause and certainty. Drafts are changed, then
    published by somebody else; a published one never changes."""

    queryset = StandardProfile.objects.select_related(
        "parent", "area", "area__city", "created_by", "reviewed_by"
    ).prefetch_related(
        Prefetch(
            "standards", Standard.objects.select_related("service", "profile", "changed_by", "reviewed_by")
        )
    )
    serializer_class = forms.StandardProfileSerializer
    filterset_class = filters.StandardProfileFilter
    ordering_fields = ["code"]
    lookup_field = "code"

    def visible_to(self, user: Any, queryset: QuerySet) -> QuerySet:
        return queryset.filter(seen_by(user))

    def _resolved(self, request: Request, fields: dict[str, Any]) -> dict[str, Any]:
        """Codes of a request as records that the person may see."""
        city = fields.pop("city", None)
        if fields.get("parent"):
            found = profiles_visible_to(request.user).filter(code=fields["parent"]).first()
            if found is None:
                raise serializers.ValidationError({"parent": [f"unknown: {fields['parent']}"]})
            fields["parent"] = found
        if fields.get("area"):
            cities = City.objects.filter(policies.visible_cities(request.user))
            areas = Area.objects.filter(city__in=cities, code=fields["area"])
            areas = areas.filter(city__code=city) if city else areas
            if areas.count() != 1:
                raise serializers.ValidationError(
                    {"area": [f"unknown, or in several cities: {fields['area']}"]}
                )
            fields["area"] = areas.get()
        return fields

    @extend_schema(request=forms.NewProfileSerializer, responses={201: forms.StandardProfileSerializer})
    def create(self, request: Request) -> Response:
        """Draft a profile, from scratch or derived from `parent`."""
        form = forms.NewProfileSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        fields = self._resolved(request, dict(form.validated_data))
        return self.answer(standards.draft_profile(user=request.user, **fields), 201)

    @extend_schema(
        request=forms.ProfileFields, responses=forms.StandardProfileSerializer, parameters=[IF_MATCH]
    )
    def partial_update(self, request: Request, code: str) -> Response:
        """Change what a draft is called, where it holds and what it derives from."""
        profile = self.get_object()
        form = forms.ProfileFields(data=request.data)
        form.is_valid(raise_exception=True)
        changes = self._resolved(request, dict(form.validated_data))
        revision = self.expected_version(request)
        return self.answer(
            standards.update_profile(user=request.user, profile=profile, revision=revision, changes=changes)
        )

    @extend_schema(parameters=[IF_MATCH], responses={204: None})
    def destroy(self, request: Request, code: str) -> Response:
        """Throw a draft away. One that runs or other profiles rest on is kept."""
        standards.discard_draft(
            user=request.user, profile=self.get_object(), revision=self.expected_version(request)
        )
        return Response(status=204)

    @extend_schema(
        request=forms.PublishSerializer, responses=forms.StandardProfileSerializer, parameters=[IF_MATCH]
    )
    @action(detail=True, methods=["post"])
    def publish(self, request: Request, code: str) -> Response:
        """Put a draft in force; the version before it is retired. Not by who drafted it or changed a row."""
        form = forms.PublishSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        revision = self.expected_version(request)
        done = standards.publish_profile(
            user=request.user, profile=self.get_object(), revision=revision, **form.validated_data
        )
        return self.answer(done)

    @extend_schema(request=forms.RetireSerializer, responses=forms.StandardProfileSerializer)
    @action(detail=True, methods=["post"])
    def retire(self, request: Request, code: str) -> Response:
        """Take a published profile out of use."""
        form = forms.RetireSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        return self.answer(
            standards.retire_profile(user=request.user, profile=self.get_object(), **form.validated_data)
        )

    @extend_schema(request=None, responses=forms.StandardProfileSerializer)
    @action(detail=True, methods=["post"], url_path="make-default")
    def make_default(self, request: Request, code: str) -> Response:
        """Let runs use these standards where nobody names others."""
        return self.answer(standards.make_default(user=request.user, profile=self.get_object()))

    @extend_schema(request=None, responses={201: forms.StandardProfileSerializer})
    @action(detail=True, methods=["post"], url_path="next-version")
    def next_version(self, request: Request, code: str) -> Response:
        """A draft with all rows of this profile, to be changed and published in its place."""
        made = standards.next_version(user=request.user, profile=self.get_object())
        answer = self.answer(made, 200)
        answer.status_code, answer["Location"] = 201, f"/api/v1/standard-profiles/{made.code}/"
        return answer

    @extend_schema(responses=forms.StandardSerializer(many=True))
    @action(detail=True, methods=["get"], pagination_class=None, filterset_class=None)
    def effective(self, request: Request, code: str) -> Response:
        """One row for each service and phase: the profile's own, or that of the nearest profile above (`profile`)."""
        rows = effective_standards(self.get_object())
        return Response(forms.StandardSerializer(rows, many=True).data)

    @extend_schema(parameters=[AGAINST], responses=forms.DeviationSerializer(many=True))
    @action(detail=True, methods=["get"], pagination_class=None, filterset_class=None)
    def deviations(self, request: Request, code: str) -> Response:
        """Which numbers differ from another profile, by how much, why, and who answers for them."""
        profile, asked = self.get_object(), request.query_params.get("against", "parent")
        named = {
            "parent": lambda: profile.parent,
            "root": lambda: root_of(profile),
            "former": lambda: former_version(profile),
        }
        against = named[asked]() if asked in named else profile_named(request.user, asked)
        rows = deviations(profile, against) if against is not None else []
        return Response(forms.DeviationSerializer(rows, many=True).data)

    @extend_schema(
        request=forms.AdoptSerializer, responses={200: OpenApiTypes.OBJECT, 202: OpenApiTypes.OBJECT}
    )
    @action(detail=True, methods=["post"], url_path="what-if")
    def what_if(self, request: Request, code: str) -> Response:
        """Change of need and gap by area and service if the draft were adopted. 202 with the jobs while something is being
        computed; the same request answers 200 with the numbers when all of it is."""
        form = forms.AdoptSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        data = form.validated_data
        cities = City.objects.filter(policies.visible_cities(request.user))
        found = {
            one.ref: one
            for one in Scenario.objects.filter(city__in=cities, ref__in=data["scenarios"]).select_related(
                "city"
            )
        }
        if missing := set(data["scenarios"]) - set(found):
            raise serializers.ValidationError({"scenarios": [f"unknown: {', '.join(sorted(missing))}"]})
        chosen = [found[ref] for ref in dict.fromkeys(data["scenarios"])]
        if len({one.city_id for one in chosen}) > 1:
            raise serializers.ValidationError({"scenarios": ["of several cities"]})
        against = profile_named(request.user, data["against"]) if data.get("against") else None
        adoption = start_what_if(
            user=request.user, city=chosen[0].city, profile=self.get_object(), scenarios=chosen,
            times_of_day=data.get("times_of_day", []), against=against, detour_factor=data["detour_factor"],
        )  # fmt: skip
        said = what_if_answer(adoption, user=request.user, level=data["level"])
        if adoption.jobs:
            headers = {"Location": job_url(adoption.jobs[-1]), "Retry-After": "1"}
            return Response(said, status=202, headers=headers)
        return Response(said)

    @extend_schema(responses={200: forms.ProfileFileSerializer})
    @action(detail=True, methods=["get"], filterset_class=None)
    def file(self, request: Request, code: str) -> Response:
        """The profile's own rows as TOML, to be taken in elsewhere."""
        return Response({"toml": standard_files.export_toml(self.get_object())})

    @extend_schema(request=forms.ProfileFileSerializer, responses={201: forms.StandardProfileSerializer})
    @action(detail=False, methods=["post"], url_path="import")
    def take_in(self, request: Request) -> Response:
        """A draft from a file: a new profile, or the next version of the one whose code it has."""
        form = forms.ProfileFileSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        made = standard_files.import_toml(user=request.user, text=form.validated_data["toml"])
        answer = self.answer(made)
        answer.status_code, answer["Location"] = 201, f"/api/v1/standard-profiles/{made.code}/"
        return answer


class StandardViewSet(Revised):
    """Single standards: how much, how near, how soon. Rows of drafts are written here."""

    queryset = Standard.objects.select_related("service", "profile", "changed_by", "reviewed_by")
    serializer_class = forms.StandardSerializer
    filterset_class = filters.StandardFilter
    ordering_fields = ["id"]
    lookup_value_regex = r"\d{1,18}"

    def visible_to(self, user: Any, queryset: QuerySet) -> QuerySet:
        return queryset.filter(seen_by(user, "profile__"))

    @extend_schema(request=forms.NewStandardSerializer, responses={201: forms.StandardSerializer})
    def create(self, request: Request) -> Response:
        """Add a row to a draft, or override one of the profile above: what is not sent is as there."""
        form = forms.NewStandardSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        values = dict(form.validated_data)
        profile = profile_named(request.user, values.pop("profile"))
        row = standard_rows.add_standard(
            user=request.user, profile=profile, service=values.pop("service"), values=values
        )
        return self.answer(row, 201)

    @extend_schema(request=forms.StandardFields, responses=forms.StandardSerializer, parameters=[IF_MATCH])
    def partial_update(self, request: Request, pk: str) -> Response:
        """Change fields of a row of a draft."""
        row = self.get_object()
        form = forms.StandardFields(data=request.data)
        form.is_valid(raise_exception=True)
        revision = self.expected_version(request)
        return self.answer(
            standard_rows.change_standard(
                user=request.user, row=row, revision=revision, changes=dict(form.validated_data)
            )
        )

    @extend_schema(parameters=[IF_MATCH], responses={204: None})
    def destroy(self, request: Request, pk: str) -> Response:
        """Take a row out of a draft; what the profile above says holds again."""
        row = self.get_object()
        standard_rows.remove_standard(user=request.user, row=row, revision=self.expected_version(request))
        return Response(status=204)


class MinimumNeedViewSet(Revised):
    """What one sheltered person needs: water, food, toilets, space, beds, staff; with source and certainty."""

    queryset = MinimumNeed.objects.select_related("profile")
    serializer_class = forms.MinimumNeedSerializer
    filterset_class = filters.MinimumNeedFilter
    ordering_fields = ["id", "sort_order"]
    lookup_value_regex = r"\d{1,18}"

    def visible_to(self, user: Any, queryset: QuerySet) -> QuerySet:
        return queryset.filter(seen_by(user, "profile__"))

    @extend_schema(request=forms.NewNeedSerializer, responses={201: forms.MinimumNeedSerializer})
    def create(self, request: Request) -> Response:
        """Add a minimum need to a draft, or override one of the profile above."""
        form = forms.NewNeedSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        values = dict(form.validated_data)
        profile = profile_named(request.user, values.pop("profile"))
        return self.answer(standard_rows.add_need(user=request.user, profile=profile, values=values), 201)

    @extend_schema(request=forms.NeedFields, responses=forms.MinimumNeedSerializer, parameters=[IF_MATCH])
    def partial_update(self, request: Request, pk: str) -> Response:
        """Change fields of a minimum need of a draft."""
        row = self.get_object()
        form = forms.NeedFields(data=request.data)
        form.is_valid(raise_exception=True)
        revision = self.expected_version(request)
        return self.answer(
            standard_rows.change_need(
                user=request.user, row=row, revision=revision, changes=dict(form.validated_data)
            )
        )

    @extend_schema(parameters=[IF_MATCH], responses={204: None})
    def destroy(self, request: Request, pk: str) -> Response:
        """Take a minimum need out of a draft."""
        row = self.get_object()
        standard_rows.remove_need(user=request.user, row=row, revision=self.expected_version(request))
        return Response(status=204)

    @extend_schema(
        parameters=[
            OpenApiParameter("profile", str, required=True, description="Code of a profile."),
            OpenApiParameter("with", str, description="Code of a profile to stand beside it."),
            OpenApiParameter("people", int, description="How many people are sheltered; or name a run."),
            OpenApiParameter("days", int, description="For how many days; 30 without it."),
            OpenApiParameter(
                "run", str, description="Reference of a finished run: its people who seek shelter."
            ),
            OpenApiParameter(
                "service", str, description="With a run: the people whom this service serves there."
            ),
        ],
        responses=OpenApiTypes.OBJECT,
    )
    @action(detail=False, methods=["get"], pagination_class=None, filterset_class=None)
    def calculate(self, request: Request) -> Response:
        """Quantities for so many sheltered people, by need and period, by one profile or two side by side."""
        ask = request.query_params
        if not ask.get("profile"):
            raise DomainError("profile-missing", _("Name the profile."), status=400)
        profile = profile_named(request.user, ask["profile"])
        other = profile_named(request.user, ask["with"]) if ask.get("with") else None
        sheltered, people = None, _whole(ask.get("people"), "people") if not ask.get("run") else 0
        if ask.get("run"):
            runs = gaps.runs_visible_to(request.user).filter(state=RunState.DONE)
            run = get_object_or_404(runs, ref=ask["run"])
            service = get_object_or_404(ServiceType, code=ask["service"]) if ask.get("service") else None
            sheltered = sheltered_people(
                run=run, user=request.user, stage=SERVED if service else SEEKING, service=service
            )
            people = sheltered.people
        days = _whole(ask.get("days") or "30", "days")
        found = (
            minimum_needs(people=people, days=days, profile=profile, other=other)
            if people or not sheltered
            else []
        )
        return Response(
            needs_answer(found, people=people, days=days, profile=profile, other=other, sheltered=sheltered)
        )


def _whole(text: str | None, name: str) -> int:
    if not text or not text.isdecimal() or len(text) > 12:
        raise DomainError(
            "number-unreadable", _("%(name)s: a whole number is needed.") % {"name": name}, status=400
        )
    return int(text)
