"""Population layers: bringing one in, how far it may be off, scaling it to a census; and the census itself."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from core.choices import Certainty, TimeOfDay
from core.models import City
from core.templatetags.pingji import local_name
from facilities.forms import StyledForm
from planning.models import PopulationLayer
from planning.selectors.population import census_years

CITY, SQUARE, H3 = "city", "square", "h3"
POINTS, POLYGONS, RASTER = "points", "polygons", "raster"


def columns_told(text: str) -> dict[str, str]:
    """field=column, parted by commas or line ends; a column may hold spaces."""
    words = [word.strip() for line in text.splitlines() for word in line.split(",") if word.strip()]
    pairs = [word.partition("=") for word in words]
    if any(not name.strip() or not column.strip() for name, _sign, column in pairs):
        raise forms.ValidationError(_("Write columns as field=column, parted by commas."))
    return {name.strip(): column.strip() for name, _sign, column in pairs}


class PopulationImportForm(StyledForm):
    """One file of people, with what a person must say about it."""

    file = forms.FileField(
        label=_("File"), help_text=_("Points: CSV, XLSX, GeoJSON. Polygons: GeoJSON or GeoPackage. Raster: GeoTIFF or ASCII grid."),
    )  # fmt: skip
    kind = forms.ChoiceField(
        label=_("What the file holds"), initial=POINTS, widget=forms.RadioSelect,
        choices=[
            (POINTS, _("Points, each with its people")), (POLYGONS, _("Polygons, each with its people")),
            (RASTER, _("A raster of people by pixel")),
        ],
    )  # fmt: skip
    code = forms.SlugField(
        label=_("Code"),
        max_length=40,
        help_text=_("Letters, digits and hyphens. An imported layer of this code is replaced."),
    )
    time_of_day = forms.ChoiceField(
        label=_("Time of day"), choices=TimeOfDay.choices, initial=TimeOfDay.NIGHT
    )
    datum = forms.CharField(
        label=_("Datum of the coordinates"), max_length=16, required=False, widget=forms.TextInput(attrs={"list": "datums"}),
        help_text=_("Must be declared, except for a raster that names its own."),
    )  # fmt: skip
    name = forms.CharField(label=_("Name"), max_length=120)
    name_en = forms.CharField(label=_("English name"), max_length=120, required=False)
    source = forms.CharField(
        label=_("Source"), max_length=300, help_text=_("Who made it, when, and where it can be found.")
    )
    certainty = forms.ChoiceField(label=_("Certainty"), choices=Certainty.choices, initial=Certainty.C)
    as_of = forms.DateField(
        label=_("As of"), required=False, widget=forms.DateInput(format="%Y-%m-%d", attrs={"type": "date"})
    )
    columns = forms.CharField(
        label=_("Columns"), required=False, widget=forms.Textarea(attrs={"rows": 2, "placeholder": "people=pop, lon=x, lat=y"}),
        help_text=_(
            "field=column, parted by commas: people, lon, lat; age_0_14, age_60_up, age_65_up, barrier_free, or shares as age_60_up_share."
        ),
    )  # fmt: skip
    band = forms.IntegerField(label=_("Band"), required=False, min_value=1, initial=1)
    nodata = forms.FloatField(
        label=_("Code for no value"), required=False, help_text=_("Only where the file does not declare it.")
    )
    grid = forms.ChoiceField(
        label=_("Cells"), initial=CITY, widget=forms.RadioSelect,
        choices=[
            (CITY, _("The cells the city has")), (SQUARE, _("New squares")), (H3, _("New hexagons (H3)")),
        ],
    )  # fmt: skip
    spacing_m = forms.IntegerField(
        label=_("Width of a square, m"), required=False, min_value=20, max_value=20_000
    )
    resolution = forms.IntegerField(
        label=_("Resolution"), required=False, min_value=5, max_value=12,
        help_text=_("8: about 900 m across, 9: 350 m, 10: 130 m."),
    )  # fmt: skip
    by = forms.ChoiceField(
        label=_("Spread polygons by"), required=False,
        help_text=_("Inside a polygon people lie evenly, or as another layer has them."),
    )  # fmt: skip
    groups_from_census = forms.TypedChoiceField(
        label=_("Age groups"), required=False, coerce=int, empty_value=None,
        help_text=_("Where the file tells none: the shares of each district in a census."),
    )  # fmt: skip
    clip = forms.BooleanField(label=_("Leave out what lies outside the city"), required=False)
    current = forms.BooleanField(label=_("Take it into use at its time of day"), required=False)
    synthetic = forms.BooleanField(label=_("These people are made up (synthetic)"), required=False)

    def __init__(self, *args: Any, city: City | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        layers = PopulationLayer.objects.filter(city=city).order_by("time_of_day", "code")
        self.fields["by"].choices = [("", _("area")), *((layer.code, local_name(layer)) for layer in layers)]
        years = census_years(city) if city else []
        words = _("by the census of %(year)d")
        self.fields["groups_from_census"].choices = [
            ("", _("as in the file")), *((year, words % {"year": year}) for year in years)
        ]  # fmt: skip

    def clean_columns(self) -> dict[str, str]:
        return columns_told(self.cleaned_data["columns"])

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        for grid, name in ((SQUARE, "spacing_m"), (H3, "resolution")):
            if data.get("grid") == grid and data.get(name) is None and name not in self.errors:
                self.add_error(name, _("Say how large the new cells are."))
        return data

    def options(self) -> dict[str, Any]:
        """As the import takes them; what was left empty is left out."""
        data = self.cleaned_data
        names = ("kind", "time_of_day", "datum", "source", "certainty", "columns", "by", "groups_from_census")
        said = {name: data[name] for name in names}
        said |= {"title": data["name"], "title_en": data["name_en"]}
        said |= {name: True for name in ("clip", "current", "synthetic") if data[name]}
        if data["as_of"]:
            said["as_of"] = data["as_of"].isoformat()
        if data["kind"] == RASTER:
            said["raster"] = {name: data[name] for name in ("band", "nodata") if data[name] is not None}
        if data["grid"] == SQUARE:
            said["grid"] = {"shape": SQUARE, "spacing_m": data["spacing_m"]}
        elif data["grid"] == H3:
            said["grid"] = {"shape": H3, "resolution": data["resolution"]}
        return {name: value for name, value in said.items() if value not in (None, "", {}, [])}


class PopulationErrorForm(StyledForm):
    """How far a layer may be off, in percent, with where that is known from."""

    total_percent = forms.FloatField(
        label=_("The whole city, ± %"), required=False, min_value=0, max_value=99,
        help_text=_("10: the true total lies within 10 % above or below."),
    )  # fmt: skip
    district_percent = forms.FloatField(
        label=_("Each district for itself, ± %"), required=False, min_value=0, max_value=99,
        help_text=_("On top of the error of the total."),
    )  # fmt: skip
    error_source = forms.CharField(label=_("Where this is known from"), required=False, max_length=300)

    def shares(self) -> dict[str, Any]:
        data = self.cleaned_data
        names = {"error_share": "total_percent", "error_share_district": "district_percent"}
        told = {share: None if data[name] is None else data[name] / 100 for share, name in names.items()}
        return told | {"error_source": data["error_source"]}


class ScaleForm(StyledForm):
    """A layer scaled to a census: what it is called, and whether runs take it."""

    year = forms.IntegerField(widget=forms.HiddenInput)
    code = forms.SlugField(label=_("Code of the new layer"), max_length=40)
    name = forms.CharField(
        label=_("Name"),
        max_length=120,
        required=False,
        help_text=_("Empty: that of the layer, with the year."),
    )
    current = forms.BooleanField(label=_("Take it into use at its time of day"), required=False)


class CensusImportForm(StyledForm):
    """A table of people by area."""

    file = forms.FileField(label=_("File"), help_text=_("CSV or XLSX; rows of other places are left alone."))
    year = forms.IntegerField(
        label=_("Year"),
        min_value=1900,
        max_value=2100,
        required=False,
        help_text=_("Where no column holds it."),
    )
    columns = forms.CharField(
        label=_("Columns"), widget=forms.Textarea(attrs={"rows": 2, "placeholder": "code=CODE, people=POPU"}),
        help_text=_(
            "field=column, parted by commas: code or name, people, year; age_0_14_share … A + B adds two columns."
        ),
    )  # fmt: skip
    source = forms.CharField(label=_("Source"), max_length=300)
    certainty = forms.ChoiceField(label=_("Certainty"), choices=Certainty.choices, initial=Certainty.B)
    encoding = forms.CharField(
        label=_("Encoding"), required=False, max_length=20, help_text=_("Empty: UTF-8.")
    )

    def clean_columns(self) -> dict[str, str]:
        return columns_told(self.cleaned_data["columns"])

    def options(self) -> dict[str, Any]:
        data = self.cleaned_data
        said = {name: data[name] for name in ("year", "columns", "source", "certainty", "encoding")}
        return {name: value for name, value in said.items() if value not in (None, "", {})}
