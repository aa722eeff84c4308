"""Organisations, roles, one's own tokens, and the audit."""

from typing import Any, cast

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import mixins, serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from core import policies
from core.api.viewsets import Exports, PlainViewSet, ReadViewSet
from core.errors import Forbidden
from core.filters import AuditFilter, MembershipFilter, OrganisationFilter
from core.models import ApiToken, Area, AuditEntry, Membership, Organisation, User
from core.selectors.people import audit_visible_to, memberships_visible_to, organisations_visible_to
from core.services.people import give_role, take_role
from core.services.tokens import LONGEST_DAYS, make_token, revoke_token


class OrganisationSerializer(serializers.ModelSerializer):
    city: Any = serializers.SlugRelatedField(slug_field="code", read_only=True)
    area: Any = serializers.SlugRelatedField(slug_field="code", read_only=True, allow_null=True)

    class Meta:
        model = Organisation
        fields = ["code", "name", "name_en", "kind", "city", "area"]


class OrganisationViewSet(ReadViewSet):
    """Organisations of the areas you have a role in."""

    queryset = Organisation.objects.all()
    serializer_class = OrganisationSerializer
    filterset_class = OrganisationFilter
    lookup_field = "code"
    ordering_fields = ["code", "name", "kind"]

    def visible_to(self, user: Any, queryset: QuerySet) -> QuerySet:
        return organisations_visible_to(user)


class MembershipSerializer(serializers.ModelSerializer):
    user: Any = serializers.SlugRelatedField(slug_field="username", queryset=User.objects.all())
    organisation: Any = serializers.SlugRelatedField(slug_field="code", queryset=Organisation.objects.all())
    area = serializers.PrimaryKeyRelatedField(
        queryset=Area.objects.defer("geometry"), help_text="The area's `id`."
    )
    area_name = serializers.CharField(source="area.name", read_only=True)

    class Meta:
        model = Membership
        fields = ["id", "user", "organisation", "role", "area", "area_name", "valid_from", "valid_to"]
        # The service says it in words, after it asked for the right to know.
        validators: list[Any] = []


class MembershipViewSet(mixins.CreateModelMixin, mixins.DestroyModelMixin, ReadViewSet):
    """Roles. You see your own; administrators see, give and take those of their areas."""

    queryset = Membership.objects.all()
    serializer_class = MembershipSerializer
    filterset_class = MembershipFilter
    ordering_fields = ["user", "role", "valid_from"]
    lookup_value_regex = r"\d{1,18}"

    def visible_to(self, user: Any, queryset: QuerySet) -> QuerySet:
        return memberships_visible_to(user)

    def create(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        # Who may not give roles must not learn from the messages which people there are.
        policies.demand(request.user, "people.edit")
        return super().create(request, *args, **kwargs)

    def perform_create(self, serializer: serializers.BaseSerializer) -> None:
        said = serializer.validated_data
        serializer.instance = give_role(
            user=self.request.user, person=said["user"], organisation=said["organisation"], role=said["role"], area=said["area"],
            valid_from=said.get("valid_from"), valid_to=said.get("valid_to"),
        )  # fmt: skip

    def perform_destroy(self, instance: Membership) -> None:
        take_role(user=self.request.user, membership=instance)


class TokenSerializer(serializers.ModelSerializer):
    class Meta:
        model = ApiToken
        fields = [
            "id",
            "name",
            "prefix",
            "can_write",
            "created_at",
            "expires_at",
            "revoked_at",
            "last_used_at",
        ]
        read_only_fields = fields


class NewTokenSerializer(serializers.Serializer):
    name = serializers.CharField(max_length=80)
    days = serializers.IntegerField(min_value=1, max_value=LONGEST_DAYS, default=90)
    can_write = serializers.BooleanField(default=False)


class ToldTokenSerializer(TokenSerializer):
    key = serializers.CharField(read_only=True, help_text="The token itself, told only now.")

    class Meta(TokenSerializer.Meta):
        fields = [*TokenSerializer.Meta.fields, "key"]


class TokenViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, mixins.DestroyModelMixin, PlainViewSet):
    """Your own API tokens. DELETE revokes; the row stays as a record. Made only in a signed-in session."""

    queryset = ApiToken.objects.all()
    serializer_class = TokenSerializer
    lookup_value_regex = r"\d{1,18}"

    def get_queryset(self) -> QuerySet:
        if getattr(self, "swagger_fake_view", False):
            return ApiToken.objects.none()
        return ApiToken.objects.filter(user=cast(User, self.request.user))

    @extend_schema(request=NewTokenSerializer, responses={201: ToldTokenSerializer})
    def create(self, request: Request) -> Response:
        if isinstance(request.auth, ApiToken):
            from django.utils.translation import gettext as _

            raise Forbidden(_("A token cannot make tokens; sign in to make one."), code="token-needs-person")
        form = NewTokenSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        token, key = make_token(user=request.user, **form.validated_data)
        said = {**TokenSerializer(token).data, "key": key}
        # The key must not be kept anywhere, so this answer is never replayed.
        self._idempotency = None
        return Response(said, status=status.HTTP_201_CREATED, headers={"Cache-Control": "no-store"})

    def perform_destroy(self, instance: ApiToken) -> None:
        revoke_token(user=self.request.user, token=instance)


class AuditSerializer(serializers.ModelSerializer):
    user: Any = serializers.SlugRelatedField(slug_field="username", read_only=True, allow_null=True)

    class Meta:
        model = AuditEntry
        fields = [
            "id", "number", "at", "user", "act", "subject_type", "subject_ref", "trail_ref", "city_code", "area_path", "before",
            "after", "reason", "request_id", "previous_sha256", "sha256",
        ]  # fmt: skip


class AuditViewSet(Exports, mixins.ListModelMixin, mixins.RetrieveModelMixin, PlainViewSet):
    """Who did what to which record, for auditors and administrators. Entries are never changed; each hash covers the one before."""

    queryset = AuditEntry.objects.all()
    serializer_class = AuditSerializer
    filterset_class = AuditFilter
    ordering_fields = ["id", "at"]
    lookup_value_regex = r"\d{1,18}"

    def get_queryset(self) -> QuerySet:
        if getattr(self, "swagger_fake_view", False):
            return AuditEntry.objects.none()
        policies.demand(self.request.user, "audit.view")
        return audit_visible_to(self.request.user)
