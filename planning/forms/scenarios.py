"""A scenario as planners compose it: one form from the ground it strikes to what is needed."""

from __future__ import annotations

import json
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from core.choices import AreaLevel, Certainty, Datum, TimeOfDay
from core.errors import InvalidInput
from core.models import Area, City
from core.templatetags.pingji import local_name
from facilities.choices import Hazard
from facilities.models import ServiceType
from planning.choices import Extent, Phase
from planning.forms.names import LocalNames, LocalNamesMany
from planning.forms.scenario_rows import add_fields, facts_told, initial_of, model_rows, plain, rate_rows
from planning.models import HazardLayer, HazardZone, PopulationLayer
from planning.selectors.scenario_templates import Template

# Fields whose form name is their name in the scenario.
_SAME = ("name", "name_en", "hazard", "extent", "rate_source", "rate_certainty", "times_of_day", "close_inside_zone", "notes")  # fmt: skip
_CHOICES = ("choice", "service")


class ScenarioForm(forms.Form):
    """`document`: what the scenario says now, or what its template begins with, by code. `told()` gives it back as typed.

    What is not in the data at all (a table that was not on the page yet) is taken from the document."""

    name = forms.CharField(required=False, max_length=120, label=_("Name"))
    name_en = forms.CharField(required=False, max_length=120, label=_("English name"))
    hazard = forms.ChoiceField(choices=Hazard.choices, label=_("Hazard"))
    extent = forms.ChoiceField(choices=Extent.choices, label=_("Extent"))
    areas = LocalNamesMany(queryset=Area.objects.none(), required=False, label=_("Areas"))
    hazard_layer = LocalNames(
        queryset=HazardLayer.objects.none(), to_field_name="code", required=False, label=_("Hazard layer")
    )
    drawn = forms.CharField(
        required=False, widget=forms.Textarea(attrs={"rows": 3, "class": "mono"}), label=_("Drawing as GeoJSON"),
        help_text=_("Click corners on the map, or paste polygons in longitude and latitude (WGS-84)."),
    )  # fmt: skip
    ground_file = forms.FileField(
        required=False, label=_("Or a file with the ground"), help_text=_("GeoJSON, GeoPackage or a zipped Shapefile.")
    )  # fmt: skip
    ground_datum = forms.ChoiceField(
        required=False,
        choices=[("", _("Choose the datum")), *Datum.choices],
        label=_("Datum of the coordinates"),
    )
    services = LocalNamesMany(
        queryset=ServiceType.objects.all(), widget=forms.CheckboxSelectMultiple, required=False, label=_("Services")
    )  # fmt: skip
    times_of_day = forms.MultipleChoiceField(
        choices=TimeOfDay.choices,
        widget=forms.CheckboxSelectMultiple,
        required=False,
        label=_("Times of day"),
    )
    rate_source = forms.CharField(required=False, max_length=300, label=_("Source of the rates"))
    rate_certainty = forms.ChoiceField(choices=Certainty.choices, label=_("Certainty of the rates"))
    duration_hours = forms.FloatField(
        required=False, label=_("Lasts, h"), help_text=_("Empty: every phase counts.")
    )
    close_inside_zone = forms.BooleanField(required=False, label=_("Places inside the zone supply nothing"))
    close_from_severity = forms.IntegerField(
        required=False, label=_("From this severity on"), help_text=_("Empty: in every class of the zone.")
    )
    closed_facilities = forms.CharField(
        required=False, widget=forms.Textarea(attrs={"rows": 2}), label=_("Closed facilities"),
        help_text=_("Their references, parted by commas or spaces."),
    )  # fmt: skip
    notes = forms.CharField(required=False, widget=forms.Textarea, label=_("Notes"))
    note = forms.CharField(required=False, max_length=300, label=_("What you change and why"))
    version = forms.IntegerField(required=False, widget=forms.HiddenInput)

    def __init__(
        self, data: Any = None, files: Any = None, *, city: City, template: Template, document: dict[str, Any]
    ) -> None:
        self.template, self.document, self.city = template, document, city
        self.layer_code = (data.get("hazard_layer", "") if data is not None else "") or document.get("hazard_layer") or ""  # fmt: skip
        extent = (data.get("extent") if data is not None else None) or document.get("extent")
        self.extent_now = extent if extent in Extent.values else Extent.EVERYWHERE
        self.classes = self._classes() if self.extent_now == Extent.ZONES else []
        self.rates = rate_rows(self.classes, bool(self.classes))
        told = [key for key in (document.get("model") or {}).get("damage", {}) if key not in self.classes]
        self.model_numbers = model_rows(template.fields, self.classes or told)
        self.phases = [(f"stay:{phase}", label, phase) for phase, label in Phase.choices]
        super().__init__(None, files, initial=self._initial(), label_suffix="")
        self._fill_choices()
        add_fields(self, [*self.rates, *self.model_numbers])
        for name, label, _phase in self.phases:
            self.fields[name] = forms.FloatField(required=False, label=label)
        for service in self.service_list:
            for start, word in (("times", _("need multiplied by")), ("ratio", _("ratio set by the scenario"))):  # fmt: skip
                label = f"{local_name(service)}, {word}"
                self.fields[f"{start}:{service.code}"] = forms.FloatField(
                    required=False,
                    label=label,
                    widget=forms.NumberInput(attrs={"aria-label": label, "step": "any"}),
                )
        for field in template.fields:
            if field.kind in _CHOICES:
                options = (
                    [(one.code, local_name(one)) for one in field.options]
                    if field.kind == "choice"
                    else [(one.code, local_name(one)) for one in self.service_list]
                )
                self.fields[f"model:{field.path}"] = forms.ChoiceField(
                    required=False, choices=[("", "—"), *options], label=local_name(field)
                )
        if data is not None:
            self.data, self.is_bound = self._with_unasked(data), True

    def _classes(self) -> list[str]:
        rows = HazardZone.objects.filter(layer__city=self.city, layer__code=self.layer_code)
        worst: dict[str, int] = {}
        for klass, severity in rows.values_list("klass", "severity"):
            worst[klass] = max(severity, worst.get(klass, 0))
        return sorted(worst, key=lambda klass: (-worst[klass], klass))

    def _fill_choices(self) -> None:
        areas = Area.objects.filter(city=self.city, level__lte=AreaLevel.STREET, level__gt=AreaLevel.CITY)
        self.fields["areas"].queryset = areas.defer("geometry").order_by("path")
        self.fields["hazard_layer"].queryset = HazardLayer.objects.filter(city=self.city)
        self.service_list = list(ServiceType.objects.order_by("sort_order", "code"))
        layers = list(PopulationLayer.objects.filter(city=self.city))
        held = {layer.time_of_day for layer in layers} | set(self.document.get("times_of_day") or ())
        if held:
            self.fields["times_of_day"].choices = [(code, word) for code, word in TimeOfDay.choices if code in held]  # fmt: skip
        self.layer_fields = []
        for time, word in TimeOfDay.choices:
            offered = [layer for layer in layers if layer.time_of_day == time]
            if len(offered) < 2 and time not in (self.document.get("population_layers") or {}):
                continue
            used = next((local_name(layer) for layer in offered if layer.current), "—")
            name = f"layer:{time}"
            self.fields[name] = forms.ChoiceField(
                required=False, label=word,
                choices=[("", _("in use: %(layer)s") % {"layer": used}), *((layer.code, local_name(layer)) for layer in offered)],
            )  # fmt: skip
            self.layer_fields.append(name)

    def _initial(self) -> dict[str, Any]:
        told = self.document
        found = {name: told.get(name, "") for name in _SAME}
        found |= initial_of([*self.rates, *self.model_numbers], told)
        services = ServiceType.objects.filter(code__in=told.get("services") or [])
        areas = Area.objects.filter(city=self.city, code__in=told.get("areas") or [])
        found |= {
            "services": list(services.values_list("pk", flat=True)),
            "areas": list(areas.values_list("pk", flat=True)),
            "hazard_layer": told.get("hazard_layer") or "",
            "drawn": json.dumps(told["drawn"]) if told.get("drawn") else "",
            "rate_certainty": told.get("rate_certainty") or Certainty.D,
            "close_inside_zone": told.get("close_inside_zone", True),
            "close_from_severity": told.get("close_from_severity"),
            "closed_facilities": ", ".join(told.get("closed_facilities") or []),
            "version": told.get("version"),
        }
        if told.get("duration_hours") is not None:
            found["duration_hours"] = plain(told["duration_hours"])
        for time, code in (told.get("population_layers") or {}).items():
            found[f"layer:{time}"] = code
        for phase, share in (told.get("stay_shares") or {}).items():
            found[f"stay:{phase}"] = plain(share * 100)
        for start, name in (("times", "multipliers"), ("ratio", "ratio_overrides")):
            for code, value in (told.get(name) or {}).items():
                found[f"{start}:{code}"] = plain(value)
        for field in self.template.fields:
            if field.kind in _CHOICES:
                found[f"model:{field.path}"] = (told.get("model") or {}).get(field.path, "")
        return found

    def _with_unasked(self, data: Any) -> Any:
        """The data, and for tables that were not on the page what the document says."""
        filled = data.copy()
        asked = set(data)
        for name in self.fields:
            if name not in asked and ":" in name and self.initial.get(name) not in (None, ""):
                filled[name] = self.initial[name]
        return filled

    def told(self) -> dict[str, Any]:
        """The scenario as typed, by code: for the services. Call it on a form that is valid."""
        data = self.cleaned_data
        layer = data.get("hazard_layer")
        told: dict[str, Any] = {name: data.get(name) for name in _SAME}
        shown = [*self.rates, *self.model_numbers]
        hidden = {row.place for row in shown}
        facts = {
            place: fact for place, fact in (self.document.get("rate_facts") or {}).items()
            if place not in hidden and not place.startswith(("zone_rates.", "model."))
        }  # fmt: skip
        words = (data.get("closed_facilities") or "").replace("，", ",").replace(",", " ").split()
        told |= {
            "template": self.template.code,
            "model": self._model_told(data),
            "areas": [area.code for area in data.get("areas") or []],
            "hazard_layer": layer.code if layer else None,
            "drawn": data.get("drawn") or None,
            "services": [service.code for service in data.get("services") or []],
            "zone_rates": self._zone_rates_told(data),
            "rate_facts": facts | facts_told(shown, data),
            "population_layers": {name[6:]: data[name] for name in self.layer_fields if data.get(name)},
            "duration_hours": data.get("duration_hours"),
            "stay_shares": {
                phase: plain(data[name] / 100) for name, _label, phase in self.phases if data.get(name) is not None
            },
            "multipliers": self._by_service(data, "times"),
            "ratio_overrides": self._by_service(data, "ratio"),
            "close_from_severity": data.get("close_from_severity"),
            "closed_facilities": words,
        }  # fmt: skip
        told |= {
            row.place: row.stored(data.get(row.name("mid"))) for row in self.rates if "." not in row.place
        }
        return told

    def _zone_rates_told(self, data: dict[str, Any]) -> dict[str, dict[str, float]]:
        if not self.classes:
            return {} if self.extent_now != Extent.ZONES else dict(self.document.get("zone_rates") or {})
        found: dict[str, dict[str, float]] = {}
        for row in self.rates:
            if row.place.startswith("zone_rates."):
                klass, _dot, link = row.place.removeprefix("zone_rates.").rpartition(".")
                value = row.stored(data.get(row.name("mid")))
                if value is not None:
                    found.setdefault(klass, {})[link] = value
        return found

    def _model_told(self, data: dict[str, Any]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for field in self.template.fields:
            if field.kind in _CHOICES:
                if data.get(f"model:{field.path}"):
                    found[field.path] = data[f"model:{field.path}"]
                continue
            start = f"model.{field.path}"
            for row in self.model_numbers:
                value = row.stored(data.get(row.name("mid")))
                if value is None or not (row.place == start or row.place.startswith(f"{start}.")):
                    continue
                if field.kind in ("number", "share"):
                    found[field.path] = value
                    continue
                rest = row.place.removeprefix(f"{start}.")
                klass, _dot, option = rest.rpartition(".")
                held = found.setdefault(field.path, {})
                (held.setdefault(klass, {}) if field.kind == "by_class" else held)[option] = value
        return found

    def _by_service(self, data: dict[str, Any], start: str) -> dict[str, float]:
        chosen = {service.code for service in data.get("services") or []}
        found = {code: data.get(f"{start}:{code}") for code in chosen}
        # A multiplier of 1 says nothing.
        return {
            code: value
            for code, value in found.items()
            if value is not None and (start, value) != ("times", 1)
        }

    def take_problems(self, error: InvalidInput) -> None:
        """Put each problem of the services beside its field; what has no field goes above the form, with its place."""
        names = {row.place: row.name("mid") for row in [*self.rates, *self.model_numbers]}
        for problem in error.problems:
            place = problem.column.removeprefix("rate_facts.")
            field = names.get(place, place)
            for row in [*self.rates, *self.model_numbers]:
                if place.startswith(f"{row.place}."):
                    part = place.removeprefix(f"{row.place}.")
                    field = row.name(part) if row.name(part) in self.fields else row.name("mid")
            for stored, start in (("stay_shares", "stay"), ("multipliers", "times"), ("ratio_overrides", "ratio"), ("population_layers", "layer")):  # fmt: skip
                if place.startswith(f"{stored}."):
                    field = f"{start}:{place.removeprefix(f'{stored}.')}"
            if field in self.fields:
                self.add_error(field, str(problem.message))
            else:
                self.add_error(None, f"{problem.column}: {problem.message}" if problem.column else str(problem.message))  # fmt: skip

    def rows_of(self, rows: list[Any]) -> list[dict[str, Any]]:
        """Rows with their bound fields, for the table."""
        found, last = [], None
        for row in rows:
            parts = {
                part: self[row.name(part)] for part in ("low", "mid", "high", "source", "clause", "certainty")
            }
            errors = [error for part in parts.values() for error in part.errors]
            found.append({"row": row, "head": row.head if row.head != last else "", "errors": errors} | parts)
            last = row.head
        return found

    @property
    def rate_table(self) -> list[dict[str, Any]]:
        return self.rows_of(self.rates)

    @property
    def model_table(self) -> list[dict[str, Any]]:
        return self.rows_of(self.model_numbers)

    @property
    def model_choices(self) -> list[Any]:
        return [self[f"model:{field.path}"] for field in self.template.fields if field.kind in _CHOICES]

    @property
    def layer_choices(self) -> list[Any]:
        return [self[name] for name in self.layer_fields]

    @property
    def stay_fields(self) -> list[Any]:
        return [self[name] for name, _label, _phase in self.phases]

    @property
    def service_table(self) -> list[dict[str, Any]]:
        chosen = {str(value) for value in self["services"].value() or []}
        return [
            {
                "service": service, "checked": str(service.pk) in chosen, "times": self[f"times:{service.code}"],
                "ratio": self[f"ratio:{service.code}"],
            }
            for service in self.service_list
        ]  # fmt: skip
