"""Freezes a city's inputs. Same content, same snapshot."""

from __future__ import annotations

from django.db import IntegrityError, transaction
from django.utils import timezone

from core.models import City
from planning.bridge import artefacts
from planning.bridge.freeze import gather
from planning.models import Snapshot


def take_snapshot(*, city: City) -> Snapshot:
    """The snapshot of the city as it is now: written when something changed, else the one that says the same."""
    as_of = timezone.localdate()
    last = Snapshot.objects.filter(city=city).order_by("-id").first()
    draft = gather(city, as_of, last)
    digest = draft.sha256
    found = Snapshot.objects.filter(sha256=digest).first()
    folder = found.folder if found else f"snapshots/{digest}"
    if not artefacts.exists(folder):
        artefacts.keep(folder, draft.arrays, draft.meta)
    if found:
        return found
    try:
        with transaction.atomic():
            return Snapshot.objects.create(
                city=city, sha256=digest, folder=folder, cells=len(draft.arrays["cell_id"]),
                sites=len(draft.arrays["site_id"]), network=draft.network, as_of=as_of,
            )  # fmt: skip
    except IntegrityError:  # another process froze the same content first
        return Snapshot.objects.get(sha256=digest)
