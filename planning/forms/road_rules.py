"""Which streets are closed or slower in a scenario."""

import json
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from core.templatetags.pingji import local_name
from planning.models import HazardZone, Scenario
from planning.selectors.sources import road_class_word

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
