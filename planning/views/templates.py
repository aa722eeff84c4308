"""Help page of the scenario templates: every rate with its range, source and certainty, and the check against Zhengzhou."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext_lazy as _

from core.templatetags.pingji import joined, local_name, pct
from core.views.pages import page
from planning.bridge.calibration import zhengzhou_check
from planning.selectors.scenario_templates import Field, Template, Variant, templates

_LINKS = {
    "affected": _("share of people affected"),
    "displaced": _("share of the affected who leave home"),
    "seeking": _("share of the displaced who seek shelter"),
}


@page
def help_templates(request: HttpRequest) -> HttpResponse:
    listed = [
        {
            "template": one,
            "variants": [{"variant": variant, "rows": list(_rows(one, variant))} for variant in one.variants],
        }
        for one in templates()
    ]
    return render(request, "help/templates.html", {"listed": listed, "check": zhengzhou_check()})


def _rows(template: Template, variant: Variant) -> Iterator[dict[str, Any]]:
    """One row for each number of a variant, in the order of the chain, then the inputs of the model."""
    for name in _LINKS:
        if (value := getattr(variant, f"{name}_share")) is not None:
            yield _row(variant, f"{name}_share", value, [_LINKS[name]], share=True)
        rates = {klass: row[name] for klass, row in variant.zone_rates.items() if name in row}
        told = any(f"zone_rates.{klass}.{name}" in variant.rate_facts for klass in rates)
        if rates and not told and len(set(rates.values())) == 1:
            yield _row(variant, "", next(iter(rates.values())), [_LINKS[name], _("every class")], share=True)
            continue
        for klass, rate in rates.items():
            words = [_LINKS[name], _class_name(template, klass)]
            yield _row(variant, f"zone_rates.{klass}.{name}", rate, words, share=True)
    for field in template.fields:
        value = variant.model.get(field.path)
        if field.kind in ("number", "share") and value is not None:
            share = field.kind == "share"
            yield _row(variant, f"model.{field.path}", value, [local_name(field)], share=share, unit=field.unit)  # fmt: skip
        elif field.kind == "shares" and value:
            yield from _options(variant, f"model.{field.path}", field, value, [local_name(field)])
        elif field.kind == "by_class":
            for klass, row in (value or {}).items():
                words = [local_name(field), _class_name(template, klass)]
                yield from _options(variant, f"model.{field.path}.{klass}", field, row, words)


def _options(
    variant: Variant, place: str, field: Field, row: dict[str, float], words: list[Any]
) -> Iterator[dict[str, Any]]:
    for option in field.options:
        if option.code in row:
            named = [*words, local_name(option)]
            yield _row(variant, f"{place}.{option.code}", row[option.code], named, share=True)


def _row(
    variant: Variant, place: str, value: float, words: list[Any], *, share: bool, unit: str = ""
) -> dict[str, Any]:
    fact = variant.rate_facts.get(place, {})
    low, high = fact.get("low"), fact.get("high")

    def said(number: float | None) -> str:
        return "—" if number is None else pct(number) if share else f"{number:g}"

    return {
        "words": joined(words), "value": said(value), "unit": unit,
        "low": said(low if low != high else None), "high": said(high if low != high else None),
        "source": fact.get("source") or variant.rate_source, "clause": fact.get("clause", ""),
        "certainty": fact.get("certainty") or variant.rate_certainty,
    }  # fmt: skip


def _class_name(template: Template, code: str) -> str:
    return next((local_name(one) for one in template.classes if one.code == code), code)
