"""References that people can say on the phone: R-2026-0142."""

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from core.models import RefCounter


def next_numbers(prefix: str, count: int = 1) -> range:
    """`count` fresh numbers for `prefix`; safe when many ask at once."""
    with transaction.atomic():
        RefCounter.objects.get_or_create(prefix=prefix)
        RefCounter.objects.filter(prefix=prefix).update(last=F("last") + count)
        last = RefCounter.objects.values_list("last", flat=True).get(prefix=prefix)
    return range(last - count + 1, last + 1)


def next_ref(kind: str) -> str:
    """The next reference of a kind that is counted by year: `next_ref("R")` -> R-2026-0001."""
    prefix = f"{kind}-{timezone.localdate().year}"
    return f"{prefix}-{next_numbers(prefix)[0]:04d}"


def registry_refs(kind: str, count: int) -> list[str]:
    """References of lasting records, not counted by year: FA-00001."""
    return [f"{kind}-{number:05d}" for number in next_numbers(kind, count)]
