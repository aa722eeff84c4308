"""Bearer tokens for programs."""

import hashlib

from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework import authentication, exceptions
from rest_framework.request import Request

from core.models import ApiToken, User

SAFE = {"GET", "HEAD", "OPTIONS"}


class ApiTokenAuthentication(authentication.BaseAuthentication):
    """`Authorization: Bearer TOKEN`. A token acts with the rights of the person who made it."""

    keyword = "Bearer"

    def authenticate(self, request: Request) -> tuple[User, ApiToken] | None:
        words = authentication.get_authorization_header(request).split()
        if not words or words[0].lower() != b"bearer":
            return None
        if len(words) != 2:
            raise exceptions.AuthenticationFailed(_("The Authorization header must read: Bearer TOKEN."))
        digest = hashlib.sha256(words[1]).hexdigest()
        token = ApiToken.objects.select_related("user").filter(token_sha256=digest).first()
        now = timezone.now()
        if token is None or token.revoked_at or token.expires_at < now or not token.user.is_active:
            raise exceptions.AuthenticationFailed(_("This token is unknown, revoked or out of date."))
        if request.method not in SAFE and not token.can_write:
            raise exceptions.PermissionDenied(_("This token may only read."), code="token-reads-only")
        if token.last_used_at is None or (now - token.last_used_at).total_seconds() > 60:
            ApiToken.objects.filter(pk=token.pk).update(last_used_at=now)
        return token.user, token

    def authenticate_header(self, request: Request) -> str:
        return self.keyword


class ApiTokenScheme(OpenApiAuthenticationExtension):
    target_class = "core.api.authentication.ApiTokenAuthentication"
    name = "token"

    def get_security_definition(self, auto_schema: object) -> dict[str, str]:
        return {"type": "http", "scheme": "bearer", "description": "A token made under /account/tokens/."}
