"""Roads from a file."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from facilities.forms import StyledForm


class RoadImportForm(StyledForm):
    """One file of roads, with what a person must say about it; the rest is as in a city pack."""

    file = forms.FileField(
        label=_("File"), help_text=_("OpenStreetMap (.pbf, .osm, .osm.gz), lines (GeoJSON, GeoPackage), or a table of nodes.")
    )  # fmt: skip
    links = forms.FileField(
        label=_("Table of links"), required=False, help_text=_("Only beside a table of nodes.")
    )
    datum = forms.CharField(
        label=_("Datum of the coordinates"), max_length=16, required=False, widget=forms.TextInput(attrs={"list": "datums"}),
        help_text=_("Must be declared, except for OpenStreetMap, which is WGS-84."),
    )  # fmt: skip
    columns = forms.CharField(
        label=_("Columns"), required=False, widget=forms.TextInput(attrs={"placeholder": "from=u to=v length=len_m"}),
        help_text=_("field=column, parted by spaces: node, lon, lat; from, to, length, class, speed_kmh, oneway, id."),
    )  # fmt: skip
    speed = forms.FloatField(
        label=_("Speed where none is given, km/h"), required=False, min_value=1, max_value=150,
        help_text=_("Empty: by class of road, from the default speeds."),
    )  # fmt: skip
    length_unit = forms.ChoiceField(
        label=_("Unit of lengths"), required=False, choices=[("", "m"), ("km", "km")]
    )
    oneway = forms.BooleanField(label=_("Each link runs one way"), required=False)
    source = forms.CharField(label=_("Source"), required=False, max_length=300)
    synthetic = forms.BooleanField(label=_("These roads are made up (synthetic)"), required=False)

    def clean_columns(self) -> dict[str, str]:
        pairs = [word.partition("=") for word in self.cleaned_data["columns"].split()]
        if any(not name or not column for name, _sign, column in pairs):
            raise forms.ValidationError(_("Write columns as field=column, parted by spaces."))
        return {name: column for name, _sign, column in pairs}

    def options(self) -> dict[str, Any]:
        """As the import takes them; what was left empty is left out."""
        data = self.cleaned_data
        said = {name: data[name] for name in ("datum", "columns", "length_unit", "source")}
        said |= {name: True for name in ("oneway", "synthetic") if data[name]}
        if data["speed"]:
            said["speeds_kmh"] = {"default": data["speed"]}
        return {name: value for name, value in said.items() if value}
