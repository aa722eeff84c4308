"""Bearer tokens for programs."""

import hashlib

from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from rest_framework import authentication, exceptions
from rest_framework.request import Request

from core.models import ApiToken, User

SAFE = {"GET", "HEAD", "OPTIONS"}


class ApiTokenAuthentication(authentication.BaseAuthentication):
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
            raise exceptions.PermissionDenied(_("This token may only read."))
        if token.last_used_at is None or (now - token.last_used_at).total_seconds() > 60:
            ApiToken.objects.filter(pk=token.pk).update(last_used_at=now)
        return token.user, token

    def authenticate_header(self, request: Request) -> str:
        return self.keyword
