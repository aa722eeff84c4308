"""/healthz: do the parts that everything stands on answer? For load balancers and for people who wonder."""

import time

from django.core.cache import cache
from django.db import connection
from django.http import HttpRequest, JsonResponse
from django.views.decorators.cache import never_cache

from core.selectors.jobs import worker_seen


def _asked(question: object) -> bool:
    try:
        return bool(question())  # type: ignore[operator]
    except Exception:
        return False


def _database() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("select 1")
        return cursor.fetchone() == (1,)


def _redis() -> bool:
    mark = str(time.time())
    cache.set("healthz", mark, 10)
    return cache.get("healthz") == mark


@never_cache
def healthz(request: HttpRequest) -> JsonResponse:
    """200 when pages can be served. A missing worker delays jobs only, so it is told but does not take the page down."""
    said = {"database": _asked(_database), "redis": _asked(_redis), "worker": _asked(worker_seen)}
    well = said["database"] and said["redis"]
    return JsonResponse({"status": "ok" if well else "broken", **said}, status=200 if well else 503)
