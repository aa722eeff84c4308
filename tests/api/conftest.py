"""The cities and people of tests/core, and clients for programs."""

from collections.abc import Callable
from typing import Any

import pytest
from rest_framework.test import APIClient

from core.models import User
from core.services.tokens import make_token
from tests.core.conftest import city, district, empty_cache, other_city, person

__all__ = ["city", "district", "empty_cache", "other_city", "person"]


@pytest.fixture
def api() -> Callable[..., APIClient]:
    """`api(user)`: a program that holds a token of this person; `api(user, can_write=False)` may only read."""

    def make(user: User | None = None, **options: Any) -> APIClient:
        client = APIClient()
        if user is not None:
            _token, key = make_token(user=user, name="test", **{"can_write": True, **options})
            client.credentials(HTTP_AUTHORIZATION=f"Bearer {key}")
        return client

    return make
