"""Forms of the editor of standards. A ratio is typed as people say it: so many units for so many people."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from core.choices import AreaLevel, Certainty, TimeOfDay
from core.models import Area, City
from facilities.forms import StyledForm
from facilities.models import ServiceType
from planning.choices import (
    Driver,
    NeedBasis,
    PeopleGroup,
    Phase,
    ProfileLevel,
    ProfileStatus,
    ReachUnit,
    TravelMode,
)
from planning.forms.names import LocalNames, LocalNamesMany
from planning.models import MinimumNeed, Run, Scenario, Standard, StandardProfile

EMPTY = [("", "—")]
ALL_THE_TIME, EVERYBODY = [("", _("all the time"))], [("", _("everybody"))]


def _day(label: Any, **more: Any) -> forms.DateField:
    return forms.DateField(
        label=label,
        required=False,
        widget=forms.DateInput(format="%Y-%m-%d", attrs={"type": "date"}),
        **more,
    )


class ProfileForm(StyledForm):
    """What a profile is called, where it holds and what it derives from."""

    revision = forms.IntegerField(required=False, widget=forms.HiddenInput)
    name = forms.CharField(label=_("Name"), max_length=120)
    name_en = forms.CharField(label=_("English name"), max_length=120, required=False)
    code = forms.SlugField(
        label=_("Code"), max_length=60, required=False, help_text=_("Empty: made from the English name.")
    )
    level = forms.ChoiceField(label=_("Level"), choices=ProfileLevel.choices, initial=ProfileLevel.CITY)
    parent = LocalNames(
        label=_("Derived from"), queryset=StandardProfile.objects.none(), to_field_name="code", required=False,
        help_text=_("What the draft does not say itself it takes from there. Empty: it stands alone."),
    )  # fmt: skip
    area = LocalNames(
        label=_("Area"), queryset=Area.objects.none(), required=False,
        help_text=_("Empty: everywhere. A district's profile may change ratios only."),
    )  # fmt: skip
    reason = forms.CharField(
        label=_("Why local values"), required=False, widget=forms.Textarea(attrs={"rows": 3}),
        help_text=_("Required where the profile derives from another one."),
    )  # fmt: skip
    valid_from = _day(_("Valid from"), help_text=_("Empty: from the day it is published."))
    valid_to = _day(_("Valid to"))

    def __init__(
        self, *args: Any, city: City | None, profile: StandardProfile | None = None, **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        here = StandardProfile.objects.exclude(status=ProfileStatus.RETIRED).select_related("area")
        if profile is not None:
            here = here.exclude(pk=profile.pk) | StandardProfile.objects.filter(pk=profile.parent_id or 0)
            del self.fields["code"]
        elsewhere = here.exclude(area=None).exclude(area__city=city) if city else here.exclude(area=None)
        self.fields["parent"].queryset = here.exclude(pk__in=elsewhere.values("pk"))  # type: ignore[attr-defined]
        if city:
            self.fields["area"].queryset = Area.objects.filter(  # type: ignore[attr-defined]
                city=city, level__in=[AreaLevel.CITY, AreaLevel.DISTRICT]
            ).order_by("path")

    def values(self) -> dict[str, Any]:
        return {name: value for name, value in self.cleaned_data.items() if name != "revision"}


class StandardForm(StyledForm):
    """One standard with every number's source, clause and certainty. `amount` units for `per_people` people."""

    revision = forms.IntegerField(required=False, widget=forms.HiddenInput)
    service = LocalNames(label=_("Service"), queryset=ServiceType.objects.all(), to_field_name="code")
    phase = forms.ChoiceField(label=_("Phase"), choices=[*ALL_THE_TIME, *Phase.choices], required=False)
    driver = forms.ChoiceField(label=_("Counts"), choices=Driver.choices, initial=Driver.DISPLACED)
    group = forms.ChoiceField(
        label=_("Only people"), choices=[*EVERYBODY, *PeopleGroup.choices], required=False
    )
    amount = forms.FloatField(label=_("Units"), min_value=0)
    per_people = forms.IntegerField(label=_("For so many people"), min_value=1, initial=1)
    amount_low = forms.FloatField(label=_("Lowest likely"), min_value=0, required=False)
    amount_high = forms.FloatField(label=_("Highest likely"), min_value=0, required=False)
    ratio_text = forms.CharField(
        label=_("In words"), max_length=120, required=False, help_text=_("Empty: written from the numbers.")
    )
    ratio_text_en = forms.CharField(label=_("In English words"), max_length=120, required=False)
    ratio_source = forms.CharField(label=_("Source of the ratio"), max_length=200)
    ratio_clause = forms.CharField(label=_("Clause of the ratio"), max_length=80, required=False)
    ratio_certainty = forms.ChoiceField(label=_("Certainty of the ratio"), choices=EMPTY + Certainty.choices)
    reach_limit = forms.FloatField(label=_("Reach"), min_value=0)
    reach_unit = forms.ChoiceField(label=_("Unit of reach"), choices=ReachUnit.choices)
    mode = forms.ChoiceField(label=_("Travel"), choices=TravelMode.choices)
    reach_source = forms.CharField(label=_("Source of the reach"), max_length=200)
    reach_clause = forms.CharField(label=_("Clause of the reach"), max_length=80, required=False)
    reach_certainty = forms.ChoiceField(label=_("Certainty of the reach"), choices=EMPTY + Certainty.choices)
    conversion_limit_hours = forms.FloatField(
        label=_("Ready within, h"), min_value=0, required=False, help_text=_("Empty: no limit.")
    )
    conversion_source = forms.CharField(label=_("Source of the time limit"), max_length=200, required=False)
    conversion_clause = forms.CharField(label=_("Clause of the time limit"), max_length=80, required=False)
    conversion_certainty = forms.ChoiceField(
        label=_("Certainty of the time limit"), choices=EMPTY + Certainty.choices, required=False
    )
    weight = forms.FloatField(
        label=_("Weight in plans"), min_value=0, initial=1, help_text=_("What one unit counts when sites are searched for.")
    )  # fmt: skip
    valid_from = _day(_("Valid from"))
    valid_to = _day(_("Valid to"))
    reason = forms.CharField(
        label=_("Reason"), required=False, widget=forms.Textarea(attrs={"rows": 3}),
        help_text=_("Why it differs from the profile above. Required where it does."),
    )  # fmt: skip

    OF_FACILITIES = (
        "driver", "group", "reach_limit", "reach_unit", "mode", "reach_source", "reach_clause", "reach_certainty",
        "conversion_limit_hours", "conversion_source", "conversion_clause", "conversion_certainty", "weight",
    )  # fmt: skip
    AMOUNTS = {"amount": "ratio", "amount_low": "ratio_low", "amount_high": "ratio_high"}

    def __init__(self, *args: Any, profile: StandardProfile, fixed: bool = False, **kwargs: Any) -> None:
        """`fixed`: the service is chosen already and stays."""
        super().__init__(*args, **kwargs)
        if fixed:
            del self.fields["service"]
        if profile.level == ProfileLevel.DISTRICT:
            for name in self.OF_FACILITIES:
                del self.fields[name]

    @classmethod
    def initial_of(cls, row: Standard) -> dict[str, Any]:
        """A row as it is typed."""
        said = {name: getattr(row, name) for name in cls.base_fields if hasattr(row, name)}
        said |= {typed: _times(getattr(row, name), row.per_people) for typed, name in cls.AMOUNTS.items()}
        return said | {"service": row.service.code}

    def values(self) -> dict[str, Any]:
        """Fields as the services take them: only what was changed, so that nothing is rounded by being shown."""
        data, typed = self.cleaned_data, set(self.changed_data) - {"revision", "service"}
        # Another source with the clause left as it stands: the clause was seen, so it is meant.
        typed |= {name.replace("source", "clause") for name in typed if name.endswith("source")}
        said = {name: data[name] for name in typed if name not in self.AMOUNTS}
        people = data.get("per_people") or 1
        for name, field in self.AMOUNTS.items():
            if name in typed or "per_people" in typed:
                said[field] = None if data[name] is None else data[name] / people
        return said

    def take(self, error: Any) -> None:
        """Put what the service found beside the fields as they are called here."""
        named = {field: typed for typed, field in self.AMOUNTS.items()}
        for problem in error.problems:
            column = named.get(problem.column, problem.column)
            self.add_error(column if column in self.fields else None, str(problem.message))


class NeedForm(StyledForm):
    """One minimum need of sheltered people."""

    revision = forms.IntegerField(required=False, widget=forms.HiddenInput)
    code = forms.SlugField(label=_("Code"), max_length=40)
    name = forms.CharField(label=_("Name"), max_length=80)
    name_en = forms.CharField(label=_("English name"), max_length=80, required=False)
    phase = forms.ChoiceField(label=_("Phase"), choices=[*ALL_THE_TIME, *Phase.choices], required=False)
    basis = forms.ChoiceField(label=_("Counted"), choices=NeedBasis.choices)
    amount = forms.FloatField(label=_("Amount"), min_value=0)
    unit = forms.CharField(label=_("Unit"), max_length=20)
    unit_en = forms.CharField(label=_("English unit"), max_length=20, required=False)
    source = forms.CharField(label=_("Source"), max_length=200)
    clause = forms.CharField(label=_("Clause"), max_length=80, required=False)
    certainty = forms.ChoiceField(label=_("Certainty"), choices=EMPTY + Certainty.choices)
    sort_order = forms.IntegerField(label=_("Order"), min_value=0, max_value=1000, initial=0)
    reason = forms.CharField(
        label=_("Reason"), required=False, widget=forms.Textarea(attrs={"rows": 3}),
        help_text=_("Why it differs from the profile above. Required where it does."),
    )  # fmt: skip

    @classmethod
    def initial_of(cls, row: MinimumNeed) -> dict[str, Any]:
        return {name: getattr(row, name) for name in cls.base_fields if hasattr(row, name)}

    def values(self) -> dict[str, Any]:
        typed = set(self.changed_data) - {"revision"}
        typed |= {"clause"} if "source" in typed else set()
        return {name: self.cleaned_data[name] for name in typed}


class AdoptForm(forms.Form):
    """Which scenarios to look at before a draft is adopted."""

    scenario = LocalNamesMany(
        label=_("Scenarios"), queryset=Scenario.objects.none(), to_field_name="ref", widget=forms.CheckboxSelectMultiple
    )  # fmt: skip
    time = forms.MultipleChoiceField(
        label=_("Times of day"), choices=TimeOfDay.choices, required=False, widget=forms.CheckboxSelectMultiple,
        help_text=_("None ticked: those of each scenario."),
    )  # fmt: skip
    against = LocalNames(
        label=_("Compare with"), queryset=StandardProfile.objects.none(), to_field_name="code", required=False,
        help_text=_("Empty: what is in force."),
    )  # fmt: skip

    def __init__(self, *args: Any, city: City, offered: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["scenario"].queryset = Scenario.objects.filter(city=city).order_by("ref")  # type: ignore[attr-defined]
        self.fields["against"].queryset = offered  # type: ignore[attr-defined]


class ShelteredForm(forms.Form):
    """For whom: a number of people, or the sheltered people of a run."""

    people = forms.IntegerField(label=_("Sheltered people"), min_value=1, max_value=100_000_000, initial=1000)
    days = forms.IntegerField(label=_("Days"), min_value=1, max_value=3650, initial=30)
    run = forms.ModelChoiceField(
        queryset=Run.objects.none(), to_field_name="ref", required=False, widget=forms.HiddenInput
    )

    def __init__(self, *args: Any, offered: Any, runs: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # The address says "with", which Python keeps for itself.
        self.fields["with"] = LocalNames(
            label=_("Beside it"), queryset=offered, to_field_name="code", required=False
        )
        self.fields["run"].queryset = runs  # type: ignore[attr-defined]
        if self.data.get("run"):
            self.fields["people"].required = False


def _times(ratio: float | None, people: int) -> float | None:
    """A ratio for so many people, without the dust of binary fractions."""
    return None if ratio is None else float(f"{ratio * people:.12g}")
