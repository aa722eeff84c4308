"""The question of a plan as a form: the simple case on top, every limit below, and the document that comes of it.

Money is typed in ¥ million in English and in 万元 in Chinese, shares in per cent. What a field says is put at its place in
the question's document (planning.bridge.siting_question); what is wrong with a place is shown at its field.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from core.choices import AreaLevel
from core.errors import DomainError, InvalidInput
from core.models import Area
from core.templatetags.pingji import is_chinese
from facilities.models import ServiceType
from inventory.choices import InterventionKind
from planning.choices import Aim, FundSource, Rule
from planning.forms.names import LocalNamesMany
from planning.models import Run

YEAR_ROWS, MOST_YEAR_ROWS = 5, 40
KINDS = [code for code in InterventionKind.values if code != InterventionKind.RETIRE]
LEVELS = [(AreaLevel.DISTRICT, _("Districts")), (AreaLevel.STREET, _("Streets or towns"))]
# Codes of refusals that belong to one field.
FIELD_OF_CODE = {
    "no-name": "name", "budget-out-of-range": "budget", "no-runs": "runs", "runs-differ": "runs", "runs-not-baseline": "runs",
    "unknown-service": "services", "time-out-of-range": "time_limit_seconds", "unknown-kind": "kinds",
}  # fmt: skip


def money_scale() -> int:
    """Fen of one unit in which money is typed."""
    return 1_000_000 if is_chinese() else 100_000_000


def _share(label: Any, **more: Any) -> forms.FloatField:
    return forms.FloatField(required=False, min_value=0, max_value=100, label=label, **more)


def _count(label: Any = "") -> forms.IntegerField:
    return forms.IntegerField(required=False, min_value=0, max_value=1_000_000, label=label)


def _money(label: Any = "", low: int | None = 0) -> forms.DecimalField:
    return forms.DecimalField(required=False, min_value=low, max_digits=14, decimal_places=6, label=label)


class PlanQuestionForm(forms.Form):
    name = forms.CharField(max_length=120, required=False, label=_("Name of the plan"))
    aim = forms.ChoiceField(
        choices=Aim.choices,
        initial=Aim.MOST,
        required=False,
        widget=forms.RadioSelect,
        label=_("What the plan is to do"),
    )
    budget = _money(_("Budget"))
    runs = forms.ModelMultipleChoiceField(
        queryset=Run.objects.none(), to_field_name="ref", required=False, label=_("Runs to improve")
    )
    rule = forms.ChoiceField(
        choices=Rule.choices, initial=Rule.EXPECTED, required=False, label=_("How the runs count together")
    )
    tail = _share(_("Share of the worst scenarios, %"), initial=20)
    price_of_robustness = forms.BooleanField(
        required=False, label=_("Also tell what this rule costs against the weighted mean")
    )
    services = LocalNamesMany(
        queryset=ServiceType.objects.all(), to_field_name="code", required=False, widget=forms.CheckboxSelectMultiple, label=_("Services"),
    )  # fmt: skip
    target = _share(_("Coverage of the whole need, at least, %"))
    area_target = _share(_("Coverage of each area, at least, %"))
    area_level = forms.TypedChoiceField(
        choices=LEVELS,
        coerce=int,
        initial=int(AreaLevel.DISTRICT),
        required=False,
        empty_value=int(AreaLevel.DISTRICT),
        label=_("Areas are"),
    )
    least = _count(_("At least"))
    most = _count(_("At most"))
    kinds = forms.MultipleChoiceField(
        choices=[(code, InterventionKind(code).label) for code in KINDS],
        required=False,
        label=_("What may be done"),
    )
    sizes = forms.BooleanField(required=False, label=_("Places may be taken in smaller sizes"))
    retire = forms.BooleanField(required=False, label=_("Designated roles may be closed"))
    carry_over = forms.BooleanField(
        required=False, initial=True, label=_("What a year leaves over may be spent in the next")
    )
    running_limit = _money(_("Running cost a year, at most"), low=None)
    running_years = forms.IntegerField(
        required=False, min_value=0, max_value=50, label=_("Years of running cost that count as cost")
    )
    peacetime_weight = forms.FloatField(
        required=False, min_value=0, label=_("Worth of 10,000 yuan a year, in units of need")
    )
    time_limit_seconds = forms.IntegerField(
        min_value=1, max_value=1800, initial=60, label=_("Stop the search after, s")
    )
    seed = forms.IntegerField(required=False, min_value=0, max_value=2**31 - 1, initial=1, label=_("Seed"))

    def __init__(self, *args: Any, runs: Any, areas: Sequence[Area], needs_name: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.run_rows, self.areas, self.needs_name = list(runs), list(areas), needs_name
        self.fields["runs"].queryset = runs
        own = self.fields
        for run in self.run_rows:
            own[f"weight-{run.ref}"] = forms.FloatField(
                required=False, min_value=0, max_value=1_000_000, label=_("Weight")
            )
        told = self.data if self.is_bound else self.initial
        given = [int(name[5:]) for name in told if name.startswith("year-") and name[5:].isdecimal()]
        self.year_rows = min(max(YEAR_ROWS, max(given, default=-1) + 1), MOST_YEAR_ROWS)
        for number in range(self.year_rows):
            own[f"year-{number}"] = forms.IntegerField(
                required=False, min_value=2000, max_value=2100, label=_("Year")
            )
            own[f"money-{number}"] = _money(_("Budget"))
        for source, label in FundSource.choices:
            own[f"fund-{source}"] = forms.BooleanField(required=False, label=label)
            own[f"limit-{source}"] = _money(_("At most"))
            own[f"pays-{source}"] = forms.MultipleChoiceField(
                choices=[(code, InterventionKind(code).label) for code in InterventionKind.values], required=False, label=_("May pay for"),
            )  # fmt: skip
        for kind in InterventionKind.values:
            own[f"least-{kind}"], own[f"most-{kind}"] = _count(_("At least")), _count(_("At most"))
            own[f"apart-{kind}"] = forms.FloatField(
                required=False, min_value=0, max_value=100_000, label=_("Apart, m")
            )
        for area in self.areas:
            own[f"target-{area.code}"] = _share(_("Coverage, at least, %"))
            own[f"fewest-{area.code}"], own[f"greatest-{area.code}"] = (
                _count(_("At least")),
                _count(_("At most")),
            )
            own[f"land-{area.code}"] = forms.IntegerField(
                required=False, min_value=0, max_value=10**12, label=_("Land, m²")
            )

    # --- places that must be or must not be done ---------------------------------------------------

    def places(self) -> dict[str, str]:
        """{key: "must" | "ban"} as posted or first shown."""
        if self.is_bound:
            named = {name[6:]: self.data.get(name, "") for name in self.data if name.startswith("place:")}
        else:
            named = dict(self.initial.get("places", {}))
        return {key: what for key, what in named.items() if what in ("must", "ban")}

    # --- the document ------------------------------------------------------------------------------

    def document(self) -> dict[str, Any]:
        """The question's document; sound as far as single fields can tell."""
        data, found = self.cleaned_data, {}
        for name in ("target", "tail"):
            if data[name] is not None:
                found[name] = data[name] / 100
        if (targets := self._targets()) is not None:
            found["area_target"] = targets
        found["area_level"] = data["area_level"]
        weights = {run.ref: data[f"weight-{run.ref}"] for run in data["runs"]}
        found["run_weights"] = {ref: weight for ref, weight in weights.items() if weight is not None}
        found["number"] = _least_most(data["least"], data["most"])
        found["number_by_kind"] = _named(
            InterventionKind.values, lambda kind: _least_most(data[f"least-{kind}"], data[f"most-{kind}"])
        )
        codes = [area.code for area in self.areas]
        found["number_by_area"] = _named(
            codes, lambda code: _least_most(data[f"fewest-{code}"], data[f"greatest-{code}"])
        )
        found["spacing_m"] = _named(InterventionKind.values, lambda kind: data[f"apart-{kind}"])
        found["land_m2_by_area"] = {
            code: data[f"land-{code}"] for code in codes if data[f"land-{code}"] is not None
        }
        found["funds"] = {
            source: {"limit_fen": _fen(data[f"limit-{source}"]), "kinds": data[f"pays-{source}"]}
            for source in FundSource.values
            if data[f"fund-{source}"]
        }
        found["years"] = [
            {"year": data[f"year-{n}"], "budget_fen": _fen(data[f"money-{n}"]) or 0} for n in range(self.year_rows) if data[f"year-{n}"] is not None
        ]  # fmt: skip
        found["carry_over"] = data["carry_over"] or not found["years"]
        if data["running_limit"] is not None:
            found["running_limit_fen_year"] = _fen(data["running_limit"])
        for name in ("running_years", "peacetime_weight"):
            if data[name] is not None:
                found[name] = data[name]
        for name in ("sizes", "retire", "price_of_robustness"):
            found[name] = data[name]
        places = self.places()
        found["must"] = [key for key, what in places.items() if what == "must"]
        found["banned"] = [key for key, what in places.items() if what == "ban"]
        return found

    def _targets(self) -> Any:
        """One share for all areas, or by district where any is named; those not named then keep the one for all."""
        data = self.cleaned_data
        named = {area.code: data[f"target-{area.code}"] for area in self.areas}
        every = data["area_target"]
        if all(share is None for share in named.values()):
            return None if every is None else every / 100
        found = {code: every if share is None else share for code, share in named.items()}
        return {code: share / 100 for code, share in found.items() if share is not None}

    def budget_fen(self) -> int | None:
        return _fen(self.cleaned_data["budget"])

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        data["aim"], data["rule"] = data.get("aim") or Aim.MOST.value, data.get("rule") or Rule.EXPECTED.value
        if self.needs_name and not (data.get("name") or "").strip():
            self.add_error("name", _("Give the plan a name."))
        if not data.get("runs") and "runs" not in self.errors:
            self.add_error("runs", _("Choose at least one finished run as the baseline."))
        for n in range(self.year_rows):
            if (
                data.get(f"money-{n}") is not None
                and data.get(f"year-{n}") is None
                and f"year-{n}" not in self.errors
            ):
                self.add_error(f"year-{n}", _("Which year?"))
            if (
                data.get(f"year-{n}") is not None
                and data.get(f"money-{n}") is None
                and f"money-{n}" not in self.errors
            ):
                self.add_error(f"money-{n}", _("How much?"))
        for source in FundSource.values:
            if (data.get(f"limit-{source}") is not None or data.get(f"pays-{source}")) and not data.get(
                f"fund-{source}"
            ):
                self.add_error(f"fund-{source}", _("Tick the source, or leave its amount empty."))
        return data

    def say(self, error: DomainError) -> None:
        """What the service refused, each part at its field; what belongs to none above the form."""
        if not isinstance(error, InvalidInput):
            self.add_error(FIELD_OF_CODE.get(error.code), str(error.message))
            return
        years = [n for n in range(self.year_rows) if self.cleaned_data.get(f"year-{n}") is not None]
        for problem in error.problems:
            self.add_error(self._field(problem.column, years), str(problem.message))

    def _field(self, path: str, years: Sequence[int]) -> str | None:
        head, _dot, rest = path.partition(".")
        name, _dot, last = rest.partition(".")
        places = {
            "budget_fen": "budget", "number": last or rest or "most", "number_by_kind": f"{last or 'most'}-{name}",
            "number_by_area": f"{'fewest' if last == 'least' else 'greatest'}-{name}", "spacing_m": f"apart-{name}",
            "land_m2_by_area": f"land-{name}", "area_target": f"target-{name}" if name else "area_target",
            "run_weights": f"weight-{name}" if name else "runs", "funds": f"{'pays' if last == 'kinds' else 'limit'}-{name}",
            "years": f"{'year' if last == 'year' else 'money'}-{years[int(name)]}" if name.isdigit() and int(name) < len(years) else "money-0",
            "running_limit_fen_year": "running_limit",
        }  # fmt: skip
        field = places.get(head, head)
        return field if field in self.fields else None


def initial_of(
    document: Mapping[str, Any], *, budget_fen: int | None, aim: str, rule: str, kinds: Sequence[str], seconds: int, seed: int
) -> dict[str, Any]:  # fmt: skip
    """A version's question as the form shows it."""
    scale = money_scale()

    def money(fen: int | None) -> Any:
        return None if fen is None else f"{fen / scale:.6f}".rstrip("0").rstrip(".")

    def percent(share: float | None) -> Any:
        return None if share is None else round(share * 100, 6)

    found: dict[str, Any] = {
        "budget": None if document.get("years") else money(budget_fen), "aim": aim, "rule": rule, "kinds": list(kinds) or KINDS,
        "time_limit_seconds": seconds, "seed": seed, "target": percent(document.get("target")), "tail": percent(document.get("tail", 0.2)),
        "area_level": document.get("area_level", int(AreaLevel.DISTRICT)), "carry_over": document.get("carry_over", True),
        "running_limit": money(document.get("running_limit_fen_year")), "running_years": document.get("running_years"),
        "peacetime_weight": document.get("peacetime_weight"), "sizes": document.get("sizes", False), "retire": document.get("retire", False),
        "price_of_robustness": document.get("price_of_robustness", False), **_prefixed(document.get("number", {}), "least", "most", ""),
    }  # fmt: skip
    targets = document.get("area_target")
    if isinstance(targets, Mapping):
        found |= {f"target-{code}": percent(share) for code, share in targets.items()}
    else:
        found["area_target"] = percent(targets)
    for kind, part in document.get("number_by_kind", {}).items():
        found |= _prefixed(part, "least", "most", f"-{kind}")
    for code, part in document.get("number_by_area", {}).items():
        found |= _prefixed(part, "fewest", "greatest", f"-{code}")
    found |= {f"apart-{kind}": metres for kind, metres in document.get("spacing_m", {}).items()}
    found |= {f"land-{code}": area for code, area in document.get("land_m2_by_area", {}).items()}
    found |= {f"weight-{ref}": weight for ref, weight in document.get("run_weights", {}).items()}
    for source, fund in document.get("funds", {}).items():
        found |= {
            f"fund-{source}": True,
            f"limit-{source}": money(fund.get("limit_fen")),
            f"pays-{source}": fund.get("kinds", []),
        }
    for number, row in enumerate(document.get("years", [])):
        found |= {f"year-{number}": row["year"], f"money-{number}": money(row["budget_fen"])}
    found["places"] = dict.fromkeys(document.get("must", []), "must") | dict.fromkeys(
        document.get("banned", []), "ban"
    )
    return found


def _prefixed(part: Mapping[str, int], least: str, most: str, end: str) -> dict[str, int | None]:
    return {f"{least}{end}": part.get("least"), f"{most}{end}": part.get("most")}


def _fen(typed: Any) -> int | None:
    return None if typed is None else int((typed * money_scale()).to_integral_value())


def _least_most(least: int | None, most: int | None) -> dict[str, int]:
    return {name: value for name, value in (("least", least), ("most", most)) if value is not None}


def _named(names: Sequence[str], read: Any) -> dict[str, Any]:
    return {name: value for name in names if (value := read(name))}
