"""Template tags and filters of the whole platform: numbers, money, names, icons, shapes, the four states.

They are built in (settings.TEMPLATES), so templates need no `{% load %}`.
Every filter prints "—" for None: unknown is never an empty cell and never a zero.
"""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from django import template
from django.utils import formats, timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import get_language, gettext, pgettext
from django.utils.translation import gettext_lazy as _

from core.templatetags.drawings import ICONS, SHAPE_OF_ROLE, SHAPES

register = template.Library()

UNKNOWN = "—"
MINUS = "−"

STATES = (
    ("served", _("Served")),
    ("late", _("Late")),
    ("no_room", _("No room")),
    ("out_of_reach", _("Out of reach")),
)
# What one unit of a service is called, singular and plural the same word in the table head.
UNITS = {
    "person": _("persons"),
    "persons": _("persons"),
    "people": _("persons"),
    "place": _("places"),
    "places": _("places"),
    "room": _("rooms"),
    "rooms": _("rooms"),
    "bed": _("beds"),
    "beds": _("beds"),
    "vehicles": _("vehicles"),
    "person-days": _("person-days"),
    "m2": "m²",
    "m²": "m²",
    "t/day": _("t/day"),
    "t": _("t"),
}
CERTAINTIES = {
    "A": _("read in the text"),
    "B": _("read in a copy"),
    "C": _("not confirmed"),
    "D": _("our proposal"),
}


def is_chinese() -> bool:
    return (get_language() or "en").startswith("zh")


def field(row: Any, name: str, default: Any = None) -> Any:
    """One value of a row that may be a mapping, a model or a dataclass."""
    if isinstance(row, Mapping):
        return row.get(name, default)
    return getattr(row, name, default)


# --- numbers ---------------------------------------------------------------------------------------


@register.filter
def num(value: float | int | Decimal | None, digits: int = 0) -> str:
    """1234567 -> "1,234,567"; a true minus sign; None -> "—"."""
    if value is None or value == "":
        return UNKNOWN
    text = f"{float(value):,.{digits}f}" if digits else f"{round(value):,}"
    return text.replace("-", MINUS)


@register.filter
def signed(value: float | int | None, digits: int = 0) -> str:
    """Like num, with + before what grew."""
    if value is None or value == "":
        return UNKNOWN
    return ("+" if value > 0 else "") + num(value, digits)


@register.filter
def pct(ratio: float | None, digits: int = 1) -> str:
    """0.787 -> "78.7 %" in English, "78.7%" in Chinese."""
    if ratio is None or ratio == "":
        return UNKNOWN
    return f"{ratio * 100:.{digits}f}".replace("-", MINUS) + ("%" if is_chinese() else "\u00a0%")


@register.filter
def share(part: float | None, whole: float | None) -> str:
    """part / whole as a percentage; nothing of nothing is unknown, not zero."""
    if part is None or not whole:
        return UNKNOWN
    return pct(part / whole)


@register.filter
def yuan(fen: int | None) -> str:
    """Money for reading: "¥15.99 M", "¥860 k", "¥730" or 1,599.1 万元, 730 元."""
    if fen is None or fen == "":
        return UNKNOWN
    value = fen / 100
    size = abs(value)
    sign = MINUS if value < 0 else ""
    if is_chinese():
        if size >= 1e8:
            return f"{sign}{size / 1e8:,.2f} 亿元"
        return f"{sign}{size / 1e4:,.1f} 万元" if size >= 1e4 else f"{sign}{size:,.0f} 元"
    if size >= 1e9:
        return f"{sign}¥{size / 1e9:,.2f} bn"
    if size >= 1e6:
        return f"{sign}¥{size / 1e6:,.2f} M"
    return f"{sign}¥{size / 1e3:,.0f} k" if size >= 1e4 else f"{sign}¥{size:,.0f}"


@register.filter
def money(fen: int | None) -> str:
    """The number alone for a column: ¥ million in English, 万元 in Chinese (see money_unit)."""
    if fen is None or fen == "":
        return UNKNOWN
    return f"{fen / 1e6:,.1f}" if is_chinese() else f"{fen / 1e8:,.2f}"


@register.simple_tag
def money_unit() -> str:
    return "万元" if is_chinese() else "¥ M"


@register.filter
def hours(value: float | None) -> str:
    """Hours without a needless decimal: 48, 1.5."""
    if value is None or value == "":
        return UNKNOWN
    return f"{value:g}"


@register.filter
def seconds(value: float | None) -> str:
    """A duration in words: "8 s", "3 min 20 s"."""
    if value is None or value == "":
        return UNKNOWN
    whole = round(value)
    if whole >= 60:
        return gettext("%(minutes)d min %(seconds)d s") % {"minutes": whole // 60, "seconds": whole % 60}
    return gettext("%(seconds)s s") % {"seconds": f"{value:.1f}" if value < 10 else str(whole)}


@register.filter
def took(job: Any) -> float | None:
    """Seconds between start and end (or now) of a job or run."""
    if not job.started_at:
        return None
    return ((job.finished_at or timezone.now()) - job.started_at).total_seconds()


@register.filter
def dt(value: datetime.datetime | None) -> str:
    """20 Nov 2026 09:14 / 2026年11月20日 09:14, in the installation's time zone."""
    if not value:
        return UNKNOWN
    if timezone.is_aware(value):
        value = timezone.localtime(value)
    return f"{day(value)} {value:%H:%M}"


@register.filter
def day(value: datetime.date | None) -> str:
    if not value:
        return UNKNOWN
    if isinstance(value, datetime.datetime) and timezone.is_aware(value):
        value = timezone.localtime(value)
    if is_chinese():
        return f"{value.year}年{value.month}月{value.day}日"
    return formats.date_format(value, "j M Y")


@register.filter
def reach(limit: float | None, unit_code: str = "m") -> str:
    """A travel limit with its unit: "1,500 m", "30 min"."""
    if limit is None or limit == "":
        return UNKNOWN
    return f"{limit:,.0f} {'m' if unit_code == 'm' else gettext('min')}"


# --- words -----------------------------------------------------------------------------------------


@register.filter
def unit(thing: Any) -> str:
    """The unit of a service type, or of a unit's English word, in the reader's language."""
    if not thing:
        return ""
    if not isinstance(thing, str):
        own = field(thing, "unit_name") if is_chinese() else ""
        thing = own or field(thing, "unit") or ""
    return str(UNITS.get(thing, thing))


@register.filter
def local_name(thing: Any, name: str = "name") -> str:
    """The name in the reader's language: `name_en` in English where it is known, else `name`."""
    if thing is None:
        return UNKNOWN
    own = field(thing, name) or ""
    english = field(thing, f"{name}_en") or ""
    return str((own or english) if is_chinese() else (english or own))


@register.filter
def other_name(thing: Any, name: str = "name") -> str:
    """The name in the language the reader does not read, or nothing if it is the same."""
    own, english = field(thing, name) or "", field(thing, f"{name}_en") or ""
    other = english if is_chinese() else own
    return str(other) if other and other != local_name(thing, name) else ""


@register.filter
def unlocalise(value: float | None) -> str:
    """A number for scripts and addresses: a point, no commas."""
    return "" if value is None else repr(float(value))


@register.filter
def certainty(letter: str | None) -> str:
    return str(CERTAINTIES.get(str(letter or "").upper(), _("unknown")))


@register.simple_tag(takes_context=True)
def role_words(context: Any) -> str:
    """What the person does here, the role that changes most first."""
    from core import policies
    from core.choices import Role

    order = [Role.PLANNER, Role.APPROVER, Role.REVIEWER, Role.STEWARD, Role.ADMIN, Role.AUDITOR, Role.VIEWER]
    user = getattr(context.get("request"), "user", None)
    held = {role for role, _path, _city in policies.memberships(user)}
    return next((str(role.label) for role in order if role in held), "")


@register.filter
def item(mapping: Mapping[Any, Any] | None, key: Any) -> Any:
    """mapping[key], for keys a template cannot spell."""
    return mapping.get(key) if mapping else None


@register.filter
def as_hidden(value: Any, name: str) -> list[tuple[str, Any]]:
    """The hidden field that keeps one part of the address when a filter form is sent."""
    return [(name, value)]


@register.filter
def styled(bound_field: Any) -> SafeString:
    """A form control in the platform's look, marked when something is wrong with it."""
    kind = bound_field.widget_type
    attributes = {"class": "pick" if kind == "select" else "input"}
    if kind == "selectmultiple":
        attributes["size"] = "8"
    if bound_field.errors:
        attributes["aria-invalid"] = "true"
    if kind == "textarea":
        attributes["rows"] = "3"
    return bound_field.as_widget(attrs=attributes)


@register.filter
def joined(words: list[Any]) -> str:
    """A list of words as the language joins them."""
    return pgettext("between items of a list", ", ").join(str(word) for word in words)


# --- pictures --------------------------------------------------------------------------------------


@register.simple_tag
def icon(name: str) -> SafeString:
    return mark_safe(f'<svg viewBox="0 0 20 20" aria-hidden="true"><path d="{ICONS[name]}"/></svg>')  # noqa: S308


@register.simple_tag
def shape(kind: str | None, usable: bool = True) -> SafeString:
    """The shape of an emergency role; hollow with a stroke through it when the role supplies nothing."""
    kind = SHAPE_OF_ROLE.get(str(kind), str(kind))
    kind = kind if kind in SHAPES else "circle"
    through = "" if usable else '<path class="through" d="M3.500 10.500l7-7"/>'
    classes = f"shape sh-{kind}" + ("" if usable else " off")
    body = SHAPES[kind] + through
    return mark_safe(f'<svg class="{classes}" viewBox="0 0 14 14" aria-hidden="true">{body}</svg>')  # noqa: S308


@register.simple_tag
def bar(value: float | None, whole: float | None, css_class: str = "prog", label: str = "") -> SafeString:
    """A plain bar, value of whole. Drawn as SVG so that no page needs inline styles."""
    width = 0.0 if not value or not whole else max(0.0, min(100.0, value / whole * 100))
    aria = format_html('role="img" aria-label="{}"', label) if label else mark_safe('aria-hidden="true"')
    return format_html(
        '<svg class="{}" {}><rect width="{}%" height="100%"/></svg>', css_class, aria, f"{width:.2f}"
    )


def state_parts(row: Any) -> list[dict[str, Any]]:
    """The four states of a row with value, share, and left edge and width in percent of the need."""
    parts, left = [], 0.0
    need = field(row, "need")
    values = [field(row, code) or 0 for code, _label in STATES]
    whole = need if need else sum(values)
    for (code, label), value in zip(STATES, values, strict=True):
        width = value / whole * 100 if whole else 0.0
        parts.append(
            {
                "code": code,
                "label": label,
                "value": value,
                "share": share(value, whole),
                "left": f"{left:.3f}",
                "width": f"{width:.3f}",
            }
        )
        left += width
    return parts


@register.filter
def states(row: Any) -> list[dict[str, Any]]:
    return state_parts(row)


@register.filter
def gap(row: Any) -> int:
    """Unmet need: late + no room + out of reach."""
    return sum(field(row, code) or 0 for code in ("late", "no_room", "out_of_reach"))


@register.inclusion_tag("components/states_bar.html")
def states_bar(row: Any, unit_code: str = "", note: str = "", note_value: str = "") -> dict[str, Any]:
    """The stacked bar with its legend."""
    return {"row": row, "parts": state_parts(row), "unit": unit_code, "note": note, "note_value": note_value}


@register.inclusion_tag("components/mini_states.html")
def mini_states(row: Any) -> dict[str, Any]:
    """The 10 px form for table rows; the table's own columns carry the numbers."""
    return {"parts": state_parts(row)}


@register.inclusion_tag("components/cert.html")
def cert(letter: str | None) -> dict[str, Any]:
    return {"letter": (letter or "?").upper(), "words": certainty(letter)}


@register.inclusion_tag("components/sort_head.html", takes_context=True)
def sort_head(
    context: Any, key: str, label: str, num: bool = False, small: str = "", default: str = ""
) -> dict[str, Any]:
    """A column head that sorts on the server through `?ordering=`, like the API does."""
    request = context["request"]
    current = request.GET.get("ordering") or default
    direction = {key: "ascending", f"-{key}": "descending"}.get(current, "none")
    following = key if direction == "descending" or (direction == "none" and not num) else f"-{key}"
    query = request.GET.copy()
    query["ordering"] = following
    query.pop("page", None)
    return {"label": label, "num": num, "small": small, "direction": direction, "query": query.urlencode()}


@register.inclusion_tag("components/pagination.html", takes_context=True)
def pagination(context: Any, page: Any, note: str = "") -> dict[str, Any]:
    """Page links that keep every other part of the query string."""
    query = context["request"].GET.copy()
    query.pop("page", None)
    numbers = page.paginator.get_elided_page_range(page.number, on_each_side=1, on_ends=1)
    return {
        "page": page,
        "numbers": numbers,
        "query": query.urlencode(),
        "note": note,
        "gap": page.paginator.ELLIPSIS,
    }


@register.simple_tag(takes_context=True)
def here(context: Any, prefix: str) -> str:
    """aria-current for a rail link whose path holds the page."""
    path = context["request"].path if "request" in context else ""
    match = path == prefix if prefix == "/" else path.startswith(prefix)
    return mark_safe(' aria-current="page"') if match else ""  # noqa: S308
