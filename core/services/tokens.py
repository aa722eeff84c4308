"""API tokens: made once, shown once, kept only as a hash."""

import hashlib
import secrets
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from core.errors import DomainError
from core.models import ApiToken
from core.services import audit

LONGEST_DAYS = 730
MOST_TOKENS = 20


def make_token(*, user: Any, name: str, days: int = 90, can_write: bool = False) -> tuple[ApiToken, str]:
    """`(token, key)`; the key is told only here."""
    name = name.strip()
    if not name:
        raise DomainError(
            "token-without-name", _("Give the token a name that says what uses it."), status=422
        )
    if not 1 <= days <= LONGEST_DAYS:
        raise DomainError(
            "token-lifetime", _("A token lives from 1 to %(days)d days.") % {"days": LONGEST_DAYS}, status=422
        )
    now = timezone.now()
    if user.tokens.filter(revoked_at=None, expires_at__gt=now).count() >= MOST_TOKENS:
        raise DomainError(
            "too-many-tokens", _("Revoke a token first: %(count)d are in use.") % {"count": MOST_TOKENS}
        )
    key = f"pj_{secrets.token_urlsafe(32)}"
    with transaction.atomic():
        token = ApiToken.objects.create(
            user=user, name=name[:80], prefix=key[:8], token_sha256=hashlib.sha256(key.encode()).hexdigest(),
            can_write=can_write, expires_at=now + timedelta(days=days),
        )  # fmt: skip
        audit.record(
            user=user,
            act="token.make",
            subject=token,
            ref=token.prefix,
            after={"name": token.name, "can_write": can_write, "days": days},
        )
    return token, key


def revoke_token(*, user: Any, token: ApiToken) -> None:
    """Stop a token of one's own for good. Twice changes nothing."""
    with transaction.atomic():
        if ApiToken.objects.filter(pk=token.pk, user=user, revoked_at=None).update(revoked_at=timezone.now()):
            audit.record(user=user, act="token.revoke", subject=token, ref=token.prefix)
