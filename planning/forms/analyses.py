"""Settings of an analysis."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from planning.choices import AnalysisKind


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

    draws = forms.IntegerField(required=False, initial=1000, label=_("Draws"))
    seed = forms.IntegerField(
        required=False, initial=1, label=_("Seed"), help_text=_("The same seed gives the same answer.")
    )

    FIELDS = {
        AnalysisKind.HOURS: ("hours", "share"),
        AnalysisKind.LOSS: ("pairs",),
        AnalysisKind.ACCESS: ("method", "catchment", "beta"),
        AnalysisKind.EQUITY: ("worst",),
        AnalysisKind.RANGE: ("draws", "seed"),
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
