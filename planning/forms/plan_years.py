"""Yearly budgets and sources of money, as typed on the page: up to eight years, every source once."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from core.templatetags.pingji import is_chinese
from inventory.choices import InterventionKind
from planning.choices import FundSource

MOST_YEARS = 8


def fen_of(amount: Decimal) -> int:
    """Money is typed in ¥ million in English and in 万元 in Chinese."""
    return int(amount * (1_000_000 if is_chinese() else 100_000_000))


def typed(fen: int | None) -> str:
    """The same the other way, without needless zeros."""
    if fen is None:
        return ""
    value = Decimal(fen) / (1_000_000 if is_chinese() else 100_000_000)
    return format(value.normalize(), "f")


class YearsForm(forms.Form):
    """A row without year or without budget is left out; a year without budget is an error."""

    carry_over = forms.BooleanField(
        required=False, label=_("What a year leaves over may be spent in the next")
    )

    def __init__(self, *args: Any, start: dict[str, Any] | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        given = start or {}
        years = given.get("years") or []
        self.fields["carry_over"].initial = given.get("carry_over", True)
        money: dict[str, Any] = {"required": False, "min_value": 0, "max_digits": 15, "decimal_places": 8}
        for number in range(MOST_YEARS):
            row = years[number] if number < len(years) else {}
            self.fields[f"year_{number}"] = forms.IntegerField(
                required=False, min_value=2000, max_value=2100, initial=row.get("year"), label=_("Year")
            )
            self.fields[f"budget_{number}"] = forms.DecimalField(
                initial=typed(row.get("budget_fen")), label=_("Budget"), **money
            )
        funds = given.get("funds") or {}
        for code, label in FundSource.choices:
            fund = funds.get(code)
            self.fields[f"use_{code}"] = forms.BooleanField(
                required=False, initial=fund is not None, label=label
            )
            self.fields[f"limit_{code}"] = forms.DecimalField(
                initial=typed((fund or {}).get("limit_fen")), label=_("Limit"), **money
            )
            self.fields[f"kinds_{code}"] = forms.MultipleChoiceField(
                required=False, choices=InterventionKind.choices, initial=(fund or {}).get("kinds") or [],
                widget=forms.CheckboxSelectMultiple, label=_("Pays for"),
            )  # fmt: skip

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        for number in range(MOST_YEARS):
            year, budget = data.get(f"year_{number}"), data.get(f"budget_{number}")
            wrong = f"year_{number}" in self.errors or f"budget_{number}" in self.errors
            if not wrong and year is not None and budget is None:
                self.add_error(f"budget_{number}", _("Give %(year)s a budget, 0 for none.") % {"year": year})
            elif not wrong and year is None and budget is not None:
                self.add_error(f"year_{number}", _("Say which year this budget is for."))
        if not self.errors and not self.years():
            self.add_error(None, _("Give at least one year with its budget."))
        return data

    def years(self) -> list[dict[str, int]]:
        data = self.cleaned_data
        return [
            {"year": data[f"year_{number}"], "budget_fen": fen_of(data[f"budget_{number}"])}
            for number in range(MOST_YEARS)
            if data.get(f"year_{number}") is not None and data.get(f"budget_{number}") is not None
        ]

    def funds(self) -> dict[str, dict[str, Any]]:
        data, found = self.cleaned_data, {}
        for code, _label in FundSource.choices:
            if data.get(f"use_{code}"):
                limit = data.get(f"limit_{code}")
                found[code] = {
                    "limit_fen": None if limit is None else fen_of(limit),
                    "kinds": data.get(f"kinds_{code}") or [],
                }
        return found

    # --- rows for the template ----------------------------------------------------------------------------------

    def year_rows(self) -> list[dict[str, Any]]:
        return [
            {"number": number, "year": self[f"year_{number}"], "budget": self[f"budget_{number}"]}
            for number in range(MOST_YEARS)
        ]

    def source_rows(self) -> list[dict[str, Any]]:
        return [
            {"code": code, "label": label, "use": self[f"use_{code}"], "limit": self[f"limit_{code}"], "kinds": self[f"kinds_{code}"]}
            for code, label in FundSource.choices
        ]  # fmt: skip
