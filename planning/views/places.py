"""An address that names a run shows that run's city, whichever city was in view before."""

from functools import wraps
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from core.views.pages import View
from planning.selectors.gaps import runs_visible_to


def in_the_runs_city(view: View) -> View:
    """With `?run=` of another city that the person may see: the same address with that city."""

    @wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        ref = request.GET.get("run", "")
        run = runs_visible_to(request.user).filter(ref=ref).first() if ref else None
        if run is not None and run.city_id != request.city.pk:
            query = request.GET.copy()
            query["city"] = run.city.code
            return redirect(f"{request.path}?{query.urlencode()}")
        return view(request, *args, **kwargs)

    return guarded
