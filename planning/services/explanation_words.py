"""Why a place is in a plan or not, in a person's words; the same on page, API and command."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from core.models import Area
from core.templatetags.pingji import local_name, num, yuan
from inventory.choices import InterventionKind
from planning.choices import FundSource

# Short, for filters and tags; keys are engine.siting.rules.REASONS.
REASON_LABELS = {
    "banned": gettext_lazy("banned"),
    "closing": gettext_lazy("closing it takes help away"),
    "late": gettext_lazy("not ready in time"),
    "displaces": gettext_lazy("pushes another role aside"),
    "nobody": gettext_lazy("nobody unserved in reach"),
    "dear": gettext_lazy("dearer than the budget"),
    "spare": gettext_lazy("still fits"),
    "swap": gettext_lazy("a swap would help"),
    "size": gettext_lazy("chosen in another size"),
    "excluded": gettext_lazy("place already used"),
    "near": gettext_lazy("too near a chosen one"),
    "covered": gettext_lazy("all in reach are served"),
    "limit": gettext_lazy("a limit is full"),
    "value": gettext_lazy("less for the money"),
}


def reason_words(row: dict[str, Any], names: dict[int, Any], *, aim: str = "most") -> str:
    """One or two sentences of a rejected row (see planning.selectors.explanations). names: the interventions that the
    reader may see, by order."""
    by, gain = named(row["by"], names), num(row["gain"], 0 if abs(row["gain"]) >= 10 else 1)
    words = {
        "banned": _("Banned by the question."),
        "closing": _("Closing it would leave %(gain)s more without help.") % {"gain": num(abs(row["gain"]))},
        "late": _("It would be ready later than the standard allows."),
        "displaces": _("It would push aside another emergency role of the same place."),
        "nobody": _("Nobody who is unserved today is within its reach."),
        "dear": _("It alone costs %(cost)s, more than the whole budget.") % {"cost": yuan(row["cost_fen"])},
        "spare": _("It fits beside the plan and would add %(gain)s: the plan is not full.") % {"gain": gain},
        "swap": _("An exchange would help."),
        "size": _("The same place is in the plan in another size: %(by)s.") % {"by": by},
        "excluded": _("The place is in the plan for something else: %(by)s.") % {"by": by},
        "near": _("Too near to %(by)s.") % {"by": by},
        "covered": _("Everybody it could serve is served by the plan."),
        "limit": _("No room within the limit: %(limit)s.") % {"limit": limit_words(row["limit"])},
        "value": _("What it costs does more elsewhere.")
        if aim != "cheapest"
        else _("The target is kept without it."),
    }
    said = words.get(row["reason"], row["reason"])
    if row["reason"] in ("value", "limit", "swap") and row["gain"] > 0:
        said += " " + _("On top of the plan it would add %(gain)s.") % {"gain": gain}
    exchange = exchange_words(row, names)
    return (
        f"{said} {exchange}"
        if exchange and row["reason"] not in ("covered", "nobody", "late", "displaces")
        else said
    )


def exchange_words(row: dict[str, Any], names: dict[int, Any]) -> str:
    """What taking it in for one of the plan would change; "" where no exchange is possible."""
    if row["saves_fen"]:
        return _("In place of %(out)s it would save %(saved)s and keep the target.") % {
            "out": named(row["saves_out"], names), "saved": yuan(row["saves_fen"]),
        }  # fmt: skip
    if row["swap_net"] is None:
        return ""
    told = {
        "out": named(row["swap_out"], names),
        "net": num(abs(row["swap_net"]), 0 if abs(row["swap_net"]) >= 10 else 1),
    }
    if row["swap_net"] > 1e-9:
        return _("In place of %(out)s the plan would gain %(net)s.") % told
    if row["swap_bound"] is not None and row["swap_bound"] > 1e-9:
        return _("No exchange was found that helps; not all were measured.")
    if row["swap_net"] > -1e-9:
        return _("In place of %(out)s the plan would be worth the same.") % told
    return _("In place of %(out)s, the best exchange, the plan would lose %(net)s.") % told


def named(order: int | None, names: dict[int, Any]) -> str:
    """An intervention by its number and place; one in an area that the reader may not see has no name."""
    if order is None or order not in names:
        return _("a place outside your areas")
    return f"{order} {local_name(names[order])}"


def limit_words(name: str, city: Any = None) -> str:
    """What a limit's name (planning.bridge.siting_limits) says to a person."""
    kind, _colon, rest = name.partition(":")
    if kind == "budget":
        return _("the budget")
    if kind == "number" and not rest:
        return _("number of interventions")
    if kind == "number":
        return _("number of interventions, %(kind)s") % {
            "kind": str(dict(InterventionKind.choices).get(rest, rest)).lower()
        }
    if kind in ("area-number", "land"):
        areas = Area.objects.filter(code=rest) if city is None else Area.objects.filter(code=rest, city=city)
        area = areas.first()
        words = _("number of interventions in %(area)s") if kind == "area-number" else _("land in %(area)s")
        return words % {"area": local_name(area) if area else rest}
    if kind == "fund":
        sources = dict(FundSource.choices)
        return _("money from %(sources)s") % {
            "sources": _(", ").join(str(sources.get(one, one)) for one in rest.split(","))
        }
    if kind == "running":
        return _("running cost a year")
    if kind == "must":
        return _("what must be done")
    if kind == "banned":
        return _("what is banned")
    if kind == "spacing":
        return _("the spacing")
    return name


def broken_words(row: dict[str, Any], city: Any = None) -> str:
    """One limit that a change-set edited by hand does not keep (facts["breaks"])."""
    what = limit_words(row["name"], city)
    if "keys" in row:
        return _("%(limit)s: %(keys)s") % {"limit": what, "keys": _(", ").join(row["keys"])}
    money = row["name"].startswith(("fund", "budget", "running"))

    def say(value: int) -> str:
        return yuan(value) if money else num(value)

    if row["most"] is not None and row["now"] > row["most"]:
        return _("%(limit)s: %(now)s, at most %(most)s") % {
            "limit": what,
            "now": say(row["now"]),
            "most": say(row["most"]),
        }
    return _("%(limit)s: %(now)s, at least %(least)s") % {
        "limit": what,
        "now": say(row["now"]),
        "least": say(row["least"]),
    }
