"""The numbers of a scenario as rows of a table: each with its range, source, clause and certainty.

A row is named by the number's place in the scenario, as in `Scenario.rate_facts`: affected_share,
zone_rates.deep.displaced, model.damage.VIII.complete. Shares are shown in per cent.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django import forms
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from core.choices import Certainty
from core.templatetags.pingji import is_chinese, local_name
from planning.bridge.scenario_rules import number_at

ENDS = ("low", "mid", "high")
WORDS = ("source", "clause", "certainty")
LINKS: dict[str, Any] = {
    "affected": _("Affected"),
    "displaced": _("Leave home"),
    "seeking": _("Seek shelter"),
}
OF_WHOM: dict[str, Any] = {
    "affected": _("of the people inside"),
    "displaced": _("of the affected"),
    "seeking": _("of those who leave home"),
}
# The three rates of the whole scenario have names of their own, as they are the ones most often written.
_MID_NAMES = {f"{link}_share": f"{link}_percent" for link in LINKS}


@dataclass(frozen=True)
class Row:
    """One number. `head`: what it belongs to (a class, or the input of a model); `percent`: shown times 100."""

    place: str
    head: str
    label: str | Promise
    of: str | Promise = ""
    unit: str = "%"
    percent: bool = True

    def name(self, part: str) -> str:
        """How the field is called in the form."""
        return _MID_NAMES.get(self.place, f"rate:{self.place}:mid") if part == "mid" else f"rate:{self.place}:{part}"  # fmt: skip

    def shown(self, value: Any) -> Any:
        """A stored number as it is typed: 0.05 -> 5."""
        if value is None or value == "" or isinstance(value, bool) or not isinstance(value, int | float):
            return value
        return plain(value * 100 if self.percent else value)

    def stored(self, value: float | None) -> float | None:
        return None if value is None else float(f"{value / 100 if self.percent else value:.12g}")


def plain(value: float) -> float | int:
    """A number without the digits that only binary fractions have: 5.000000000000001 -> 5."""
    clean = float(f"{value:.10g}")
    return int(clean) if clean.is_integer() else clean


def rate_rows(classes: Iterable[str], zones: bool) -> list[Row]:
    """The three rates, by class where zones of a layer count (hardest hit first), and of the whole."""
    rows = []
    if zones:
        rows = [
            Row(f"zone_rates.{klass}.{link}", str(_(klass)), word, OF_WHOM[link])
            for klass in classes
            for link, word in LINKS.items()
        ]
    head = str(_("every other class")) if rows else str(_("everybody inside"))
    return rows + [Row(f"{link}_share", head, word, OF_WHOM[link]) for link, word in LINKS.items()]


def model_rows(fields: Iterable[Any], classes: Iterable[str]) -> list[Row]:
    """The numbers that a template's model works from (planning.selectors.scenario_templates.Field)."""
    rows: list[Row] = []
    for field in fields:
        start, name = f"model.{field.path}", local_name(field)
        if field.kind == "number":
            rows.append(Row(start, name, "", _help(field), str(_(field.unit)) if field.unit else "", False))
        elif field.kind == "share":
            rows.append(Row(start, name, "", _help(field)))
        elif field.kind == "shares":
            rows += [Row(f"{start}.{one.code}", name, local_name(one)) for one in field.options]
        elif field.kind == "by_class":
            rows += [
                Row(f"{start}.{klass}.{one.code}", f"{name}: {klass}", local_name(one))
                for klass in classes
                for one in field.options
            ]
    return rows


def _help(field: Any) -> str:
    return (field.help if is_chinese() else field.help_en) or ""


def add_fields(form: forms.Form, rows: Iterable[Row]) -> None:
    """The fields of the rows, each with a label that says which number it is."""
    for row in rows:
        at = f"{row.head} {row.label}".strip()
        for part, word in zip(ENDS, (_("low"), _("likely"), _("high")), strict=True):
            form.fields[row.name(part)] = forms.FloatField(required=False, label=f"{at}, {word}")
        form.fields[row.name("source")] = forms.CharField(required=False, max_length=300, label=f"{at}, {_('source')}")  # fmt: skip
        form.fields[row.name("clause")] = forms.CharField(required=False, max_length=80, label=f"{at}, {_('clause')}")  # fmt: skip
        form.fields[row.name("certainty")] = forms.ChoiceField(
            required=False, choices=[("", "—"), *((code, code) for code in Certainty.values)], label=f"{at}, {_('certainty')}",
        )  # fmt: skip
        for part in (*ENDS, *WORDS):
            widget = form.fields[row.name(part)].widget
            widget.attrs["aria-label"] = str(form.fields[row.name(part)].label)
            if part in ENDS:
                widget.attrs["step"] = "any"


def initial_of(rows: Iterable[Row], document: dict[str, Any]) -> dict[str, Any]:
    """What the fields of the rows show for a document."""
    found: dict[str, Any] = {}
    facts = document.get("rate_facts") or {}
    for row in rows:
        fact = facts.get(row.place) or {}
        found[row.name("mid")] = row.shown(number_at(document, row.place))
        found |= {row.name(end): row.shown(fact.get(end)) for end in ("low", "high")}
        found |= {row.name(word): fact.get(word, "") for word in WORDS}
    return found


def facts_told(rows: Iterable[Row], data: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Ranges and sources as they were typed, by place; rows that say nothing of the kind are left out."""
    found: dict[str, dict[str, Any]] = {}
    for row in rows:
        ends = {end: row.stored(data.get(row.name(end))) for end in ("low", "high")}
        words = {word: (data.get(row.name(word)) or "").strip() for word in WORDS}
        fact = {name: value for name, value in (ends | words).items() if value not in (None, "")}
        if fact:
            found[row.place] = fact
    return found
