"""Hazard layers: bringing one in from a file, and correcting what is said about it."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from core.choices import Certainty
from facilities.choices import Hazard
from facilities.forms import StyledForm
from planning.models import HazardLayer

CLASS_ROWS = 6
POLYGONS, RASTER = "polygons", "raster"


class HazardFactsForm(StyledForm):
    """What is said about a layer; its ground only changes by an import."""

    name = forms.CharField(label=_("Name"), max_length=120)
    name_en = forms.CharField(label=_("English name"), max_length=120, required=False)
    return_period_years = forms.IntegerField(
        label=_("Return period, years"), required=False, min_value=1, max_value=1_000_000,
        help_text=_("100 for a flood that is met or passed once in a hundred years on average."),
    )  # fmt: skip
    certainty = forms.ChoiceField(label=_("Certainty"), choices=Certainty.choices, initial=Certainty.D)
    source = forms.CharField(
        label=_("Source"),
        required=False,
        max_length=300,
        help_text=_("Who made it, when, and where it can be found."),
    )
    unit = forms.CharField(
        label=_("Unit of the classes"),
        required=False,
        max_length=20,
        help_text=_("Of a raster: m, m/s, g, …"),
    )


class HazardImportForm(HazardFactsForm):
    """One file of polygons or one raster, with what a person must say about it."""

    field_order = ("file", "kind", "code", "hazard", "name", "name_en")
    file = forms.FileField(
        label=_("File"), help_text=_("Polygons: GeoJSON or GeoPackage. Raster: GeoTIFF or ASCII grid.")
    )
    kind = forms.ChoiceField(
        label=_("What the file holds"), initial=POLYGONS, widget=forms.RadioSelect,
        choices=[(POLYGONS, _("Polygons, each with its class")), (RASTER, _("A raster of values, cut into classes"))],
    )  # fmt: skip
    code = forms.SlugField(
        label=_("Code"),
        max_length=40,
        help_text=_("Letters, digits and hyphens. A layer of this code is replaced."),
    )
    hazard = forms.ChoiceField(label=_("Hazard"), choices=Hazard.choices)
    datum = forms.CharField(
        label=_("Datum of the coordinates"), max_length=16, required=False, widget=forms.TextInput(attrs={"list": "datums"}),
        help_text=_("Must be declared, except for a raster that names its own."),
    )  # fmt: skip
    class_column = forms.CharField(
        label=_("Column of the class"), required=False, help_text=_("class, when left empty.")
    )
    severity_column = forms.CharField(
        label=_("Column of the severity"),
        required=False,
        help_text=_("Empty: the severities are told below."),
    )
    band = forms.IntegerField(label=_("Band"), required=False, min_value=1, initial=1)
    nodata = forms.FloatField(
        label=_("Code for no value"), required=False, help_text=_("Only where the file does not declare it.")
    )
    simplify_m = forms.FloatField(
        label=_("Edges may move by, m"),
        required=False,
        min_value=0,
        help_text=_("Empty: the pixels stay as they are."),
    )
    synthetic = forms.BooleanField(label=_("This ground is made up (synthetic)"), required=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for number in range(1, CLASS_ROWS + 1):
            row = {"row": number}
            words = (_("Class %(row)d"), _("Class %(row)d begins at"), _("Severity of class %(row)d"))
            for name, label in zip(("klass", "from", "severity"), words, strict=True):
                widget = forms.TextInput(attrs={"class": "input", "size": 8, "aria-label": str(label) % row})
                self.fields[f"{name}_{number}"] = forms.CharField(
                    label=str(label) % row, required=False, max_length=40, widget=widget
                )

    @staticmethod
    def as_told(layer: HazardLayer, classes: list[dict[str, Any]]) -> dict[str, Any]:
        """What is known of a layer whose ground is to be replaced. `classes` as of `selectors.hazards.classes_of`."""
        told = {
            name: getattr(layer, name)
            for name in (*HazardFactsForm.base_fields, "code", "hazard", "synthetic")
        }
        told["kind"] = RASTER if layer.cut_offs else POLYGONS
        for number, row in enumerate(reversed(classes[-CLASS_ROWS:]), start=1):
            start = row.get("from")
            told |= {
                f"klass_{number}": row["klass"], f"severity_{number}": row["severity"],
                f"from_{number}": "" if start is None else f"{start:g}",
            }  # fmt: skip
        return told

    @staticmethod
    def as_said(code: str, options: dict[str, Any]) -> dict[str, Any]:
        """The form as it was filled in for `options`."""
        told: dict[str, Any] = {
            "code": code,
            **options,
            "name": options.get("title"),
            "name_en": options.get("title_en"),
        }
        columns = options.get("columns", {})
        told |= {"class_column": columns.get("class"), "severity_column": columns.get("severity")}
        told["kind"] = RASTER if "cut_offs" in options else POLYGONS
        rows = options.get("cut_offs") or [
            {"klass": klass, "severity": severity} for klass, severity in options.get("severity", {}).items()
        ]
        for number, row in enumerate(rows[:CLASS_ROWS], start=1):
            told |= {f"{name}_{number}": row.get(name) for name in ("klass", "from", "severity")}
        return told

    def class_rows(self) -> list[dict[str, Any]]:
        """The fields of each class, for the page."""
        return [
            {name: self[f"{name}_{number}"] for name in ("klass", "from", "severity")}
            for number in range(1, CLASS_ROWS + 1)
        ]

    def options(self) -> dict[str, Any]:
        """As the import takes them; what was left empty is left out."""
        data = self.cleaned_data
        said = {
            name: data[name]
            for name in ("hazard", "datum", "return_period_years", "certainty", "source", "unit")
        }
        said |= {"title": data["name"], "title_en": data["name_en"]}
        rows = [
            {name: data[f"{name}_{number}"].strip() for name in ("klass", "from", "severity")}
            for number in range(1, CLASS_ROWS + 1)
        ]
        told = [row for row in rows if any(row.values())]
        if data["kind"] == RASTER:
            said |= {name: data[name] for name in ("band", "nodata", "simplify_m")}
            said["cut_offs"] = told
        else:
            columns = {"class": data["class_column"], "severity": data["severity_column"]}
            said["columns"] = {name: column for name, column in columns.items() if column}
            if not data["severity_column"]:
                said["severity"] = {row["klass"]: row["severity"] for row in told}
        said["synthetic"] = data["synthetic"] or None
        return {name: value for name, value in said.items() if value not in (None, "", {}, [])}
