"""The clock of the demonstration programme."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, time
from unittest import mock

from django.utils import timezone


@contextmanager
def on(day: date, hour: int = 10) -> Iterator[None]:
    """The clock of this process stands at that day. A story of two years cannot be told in a second otherwise."""
    # As the real clock: in UTC, for the audit's hashes cover how a moment is written.
    moment = timezone.make_aware(datetime.combine(day, time(hour))).astimezone(UTC)
    with mock.patch.object(timezone, "now", lambda: moment):
        yield
