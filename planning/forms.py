"""Forms of the planning pages. They check what was typed; services decide what may be done."""

import json
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from core.choices import AreaLevel, TimeOfDay
from core.models import Area, City
from core.templatetags.pingji import is_chinese, local_name
from facilities.forms import StyledForm
from facilities.models import ServiceType
from planning.choices import AnalysisKind, Assignment, Extent, ProfileStatus
from planning.models import HazardLayer, HazardZone, Run, Scenario, SpeedProfile, StandardProfile
from planning.selectors.sources import road_class_word


class LocalNames(forms.ModelChoiceField):
    def label_from_instance(self, obj: Any) -> str:
        return local_name(obj)


class LocalNamesMany(forms.ModelMultipleChoiceField):
    def label_from_instance(self, obj: Any) -> str:
        return local_name(obj)


class RunForm(forms.Form):
    """The settings beside the map."""

    scenario = LocalNames(queryset=Scenario.objects.none(), to_field_name="ref", label=_("Scenario"))
    profile = LocalNames(
        queryset=StandardProfile.objects.filter(status=ProfileStatus.PUBLISHED),
        to_field_name="code",
        label=_("Standard"),
    )
    service = LocalNames(
        queryset=ServiceType.objects.all(), to_field_name="code", required=False, label=_("Service")
    )
    reach = forms.FloatField(required=False, min_value=1, max_value=100000, label=_("Reach"))
    time_of_day = forms.ChoiceField(choices=TimeOfDay.choices, label=_("Time of day"))
    assignment = forms.ChoiceField(choices=Assignment.choices, label=_("Assignment"))
    speeds = LocalNames(
        queryset=SpeedProfile.objects.all(), to_field_name="code", required=False, label=_("Speeds")
    )

    def __init__(self, *args: Any, city: City, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["scenario"].queryset = Scenario.objects.filter(city=city)

    def reach_overrides(self) -> dict[str, float]:
        """{service code: limit} where the chosen limit is not the standard's own."""
        service, limit = self.cleaned_data.get("service"), self.cleaned_data.get("reach")
        if service is None or limit is None:
            return {}
        standard = self.cleaned_data["profile"].standards.filter(service=service).first()
        return {} if standard is None or standard.reach_limit == limit else {service.code: limit}


class ScenarioForm(forms.ModelForm):
    services = LocalNamesMany(
        queryset=ServiceType.objects.all(), widget=forms.CheckboxSelectMultiple, label=_("Services")
    )
    areas = LocalNamesMany(queryset=Area.objects.none(), required=False, label=_("Areas"))
    hazard_layer = LocalNames(queryset=HazardLayer.objects.none(), required=False, label=_("Hazard layer"))
    times_of_day = forms.MultipleChoiceField(
        choices=TimeOfDay.choices,
        widget=forms.CheckboxSelectMultiple,
        initial=["day", "night"],
        label=_("Times of day"),
    )
    affected_percent = forms.FloatField(
        min_value=0, max_value=100, required=False, label=_("People affected, of those present, %")
    )
    displaced_percent = forms.FloatField(
        min_value=0, max_value=100, required=False, label=_("Of these, leave home, %")
    )

    class Meta:
        model = Scenario
        fields = ["name", "name_en", "hazard", "extent", "areas", "hazard_layer", "services", "times_of_day", "rate_source", "rate_certainty", "notes"]  # fmt: skip

    def __init__(self, *args: Any, city: City, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["areas"].queryset = Area.objects.filter(
            city=city, level__lte=AreaLevel.STREET, level__gt=AreaLevel.CITY
        )
        self.fields["hazard_layer"].queryset = HazardLayer.objects.filter(city=city)

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        extent = data.get("extent")
        if extent == Extent.AREAS and not data.get("areas"):
            self.add_error("areas", _("Choose at least one area."))
        if extent == Extent.ZONES and not data.get("hazard_layer"):
            self.add_error("hazard_layer", _("Choose the hazard layer whose zones count."))
        for name in ("affected", "displaced"):
            percent = data.get(f"{name}_percent")
            data[f"{name}_share"] = None if percent is None else percent / 100
        return data


class SuggestForm(forms.Form):
    """One question: under which budget, for which needs?"""

    name = forms.CharField(max_length=120, label=_("Name of the plan"))
    budget = forms.DecimalField(min_value=0, max_digits=12, decimal_places=2, label=_("Budget"))
    runs = forms.ModelMultipleChoiceField(
        queryset=Run.objects.none(), to_field_name="ref", label=_("Runs to improve")
    )
    services = LocalNamesMany(
        queryset=ServiceType.objects.all(),
        to_field_name="code",
        widget=forms.CheckboxSelectMultiple,
        label=_("Services"),
    )
    time_limit_seconds = forms.IntegerField(
        min_value=5, max_value=1800, initial=60, label=_("Stop the search after, s")
    )

    def __init__(self, *args: Any, runs: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["runs"].queryset = runs

    def budget_fen(self) -> int:
        """The budget is typed in ¥ million in English and in 万元 in Chinese."""
        return int(self.cleaned_data["budget"] * (1_000_000 if is_chinese() else 100_000_000))


class AnalysisForm(forms.Form):
    """Settings of an analysis; each kind shows those it has. The service checks what they may be."""

    hours = forms.CharField(required=False, initial="1, 6, 24, 72", label=_("Hours after activation"))
    share = forms.FloatField(required=False, initial=90, label=_("Share whose hour is looked for, %"))
    pairs = forms.IntegerField(required=False, initial=50, label=_("Taken in pairs: the worst"))
    method = forms.ChoiceField(
        required=False,
        initial="gaussian",
        choices=[
            ("gaussian", _("Gaussian")),
            ("e2sfca", _("Zones (E2SFCA)")),
            ("2sfca", _("All alike (2SFCA)")),
        ],
        label=_("Distance counts"),
    )
    catchment = forms.FloatField(required=False, initial=100, label=_("Catchment as a share of the reach, %"))
    beta = forms.FloatField(required=False, initial=0.5, label=_("Beta of the Gaussian"))
    worst = forms.FloatField(required=False, initial=10, label=_("Worst served, share of the need, %"))

    FIELDS = {
        AnalysisKind.HOURS: ("hours", "share"),
        AnalysisKind.LOSS: ("pairs",),
        AnalysisKind.ACCESS: ("method", "catchment", "beta"),
        AnalysisKind.EQUITY: ("worst",),
    }

    def __init__(self, *args: Any, kind: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in set(self.fields) - set(self.FIELDS.get(AnalysisKind(kind), ())):
            del self.fields[name]

    def clean_hours(self) -> list[float] | None:
        words = self.cleaned_data["hours"].replace("，", ",").replace("、", ",").split(",")
        try:
            return [float(word) for word in words if word.strip()] or None
        except ValueError:
            raise forms.ValidationError(
                _("Write hours as numbers with commas between, like 1, 6, 24, 72.")
            ) from None

    def params(self) -> dict[str, Any]:
        """As the service reads them: shares from 0 to 1; what was left empty takes the default."""
        found = {name: value for name, value in self.cleaned_data.items() if value not in (None, "")}
        for name in {"share", "catchment", "worst"} & set(found):
            found[name] = found[name] / 100
        if found.get("method") not in (None, "gaussian"):
            found.pop("beta", None)
        return found


EVERY = "*"
EFFECTS = [("closed", _("Closed")), ("slower", _("Slower"))]
HOW = [
    ("zone", _("Streets in a hazard zone")),
    ("lines", _("Streets along a drawing")),
    ("list", _("Streets by their number in the source")),
]


class RoadRuleForm(forms.Form):
    kind = forms.ChoiceField(choices=HOW, widget=forms.RadioSelect, initial="zone", label=_("Which streets"))
    zone = forms.ChoiceField(required=False, label=_("Zone"))
    geometry = forms.CharField(
        required=False, widget=forms.Textarea(attrs={"rows": 4, "class": "mono"}), label=_("Drawing as GeoJSON"),
        help_text=_("Click on the map, or paste a LineString or Polygon in longitude and latitude (WGS-84)."),
    )  # fmt: skip
    buffer_m = forms.FloatField(
        required=False,
        min_value=0,
        max_value=2000,
        initial=20,
        label=_("Streets within, m"),
        help_text=_("Every street that comes this near to the drawing counts."),
    )
    source_ids = forms.CharField(
        required=False, widget=forms.Textarea(attrs={"rows": 3}), label=_("Numbers of the streets"),
        help_text=_("Separated by commas or spaces."),
    )  # fmt: skip
    road_classes = forms.MultipleChoiceField(
        required=False,
        widget=forms.CheckboxSelectMultiple,
        label=_("Only these classes of road"),
        help_text=_("None ticked: all roads."),
    )
    effect = forms.ChoiceField(
        choices=EFFECTS, widget=forms.RadioSelect, initial="closed", label=_("What happens")
    )
    factor = forms.FloatField(
        required=False, min_value=1, max_value=100, initial=3, label=_("Takes so many times as long")
    )
    name = forms.CharField(required=False, max_length=120, label=_("Note"))

    def __init__(self, *args: Any, scenario: Scenario, classes: list[str], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.scenario = scenario
        zones = HazardZone.objects.filter(layer__city=scenario.city).select_related("layer")
        found = sorted(
            {(zone.layer.code, zone.klass, local_name(zone.layer)) for zone in zones.defer("geometry")}
        )
        layers = sorted({(code, name) for code, _klass, name in found})
        colon, all_of_them = _(": "), _("every class")
        every = [(f"{code}|{EVERY}", f"{name}{colon}{all_of_them}") for code, name in layers]
        each = [(f"{code}|{klass}", f"{name}{colon}{_(klass)}") for code, klass, name in found]
        own = scenario.hazard_layer.code if scenario.hazard_layer else ""
        listed = sorted(every + each, key=lambda pair: not pair[0].startswith(f"{own}|"))
        self.fields["zone"].choices = listed  # type: ignore[attr-defined]
        if classes:
            self.fields["road_classes"].choices = [(name, road_class_word(name)) for name in classes]  # type: ignore[attr-defined]
        else:
            del self.fields["road_classes"]

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        kind = data.get("kind")
        if kind == "zone" and not data.get("zone"):
            self.add_error("zone", _("This city has no hazard zones."))
        if data.get("effect") == "slower" and data.get("factor") is None:
            self.add_error("factor", _("Say how much longer it takes."))
        if kind == "lines":
            try:
                data["shape"] = json.loads(data.get("geometry") or "")
            except ValueError:
                self.add_error("geometry", _("Draw on the map, or paste valid GeoJSON."))
        if kind == "list":
            words = (data.get("source_ids") or "").replace(",", " ").replace("，", " ").split()
            if not words or not all(word.isdecimal() for word in words):
                self.add_error("source_ids", _("Give whole numbers."))
            else:
                data["numbers"] = [int(word) for word in words]
        return data

    def rule(self) -> dict[str, Any]:
        """The rule as the services take it."""
        data = self.cleaned_data
        rule: dict[str, Any] = {"kind": data["kind"]}
        if data["kind"] == "zone":
            layer, rule["zone_class"] = data["zone"].split("|", 1)
            if self.scenario.hazard_layer is None or layer != self.scenario.hazard_layer.code:
                rule["hazard_layer"] = layer
        elif data["kind"] == "lines":
            shape = data["shape"]
            rule["geometry"] = shape.get("geometry", shape) if isinstance(shape, dict) else shape
            rule["buffer_m"] = 20.0 if data.get("buffer_m") is None else data["buffer_m"]
        else:
            rule["source_ids"] = data["numbers"]
        rule["road_classes"] = data.get("road_classes") or [EVERY]
        rule["factor"] = None if data["effect"] == "closed" else data["factor"]
        return rule | ({"name": data["name"]} if data["name"] else {})


class WhatIfForm(forms.Form):
    """A facility that is not there. `pin` is longitude,latitude, as the map writes it; the page has two fields."""

    service = forms.ChoiceField(label=_("Service"), required=False)
    pin = forms.CharField(required=False, widget=forms.HiddenInput)
    lon = forms.FloatField(required=False, min_value=-180, max_value=180, label=_("Longitude"))
    lat = forms.FloatField(required=False, min_value=-90, max_value=90, label=_("Latitude"))
    cap = forms.IntegerField(min_value=1, max_value=10_000_000, label=_("Capacity"))
    free = forms.IntegerField(required=False, min_value=0, label=_("Of it barrier-free"))
    opens = forms.FloatField(required=False, min_value=0, max_value=10_000, label=_("Opens after, h"))

    def __init__(self, *args: Any, services: list[Any], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.services = {service.code: service for service in services}
        self.fields["service"].choices = [(one.code, local_name(one)) for one in services]  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        if data.get("pin"):
            try:
                data["lon"], data["lat"] = (float(word) for word in data["pin"].split(","))
            except ValueError:
                self.add_error("pin", _("Give a longitude and a latitude, in this order."))
        if data.get("lon") is None or data.get("lat") is None:
            self.add_error("lon", _("Say where: longitude and latitude."))
        if (data.get("free") or 0) > (data.get("cap") or 0):
            self.add_error("free", _("Barrier-free places are a part of the capacity."))
        return data


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
