"""What trade-offs are asked: up to which budget, and for how long."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from planning.forms.plan_years import fen_of, typed


class FrontForm(forms.Form):
    budget = forms.DecimalField(
        required=False, min_value=0, max_digits=15, decimal_places=8, label=_("Largest budget looked at")
    )
    time_limit_seconds = forms.IntegerField(
        min_value=5, max_value=1800, initial=120, label=_("Stop the search after, s")
    )

    def __init__(self, *args: Any, version: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["budget"].initial = typed(version.budget_fen or version.cost_fen)

    def budget_fen(self) -> int | None:
        """None: the version's own."""
        amount = self.cleaned_data["budget"]
        return None if amount is None else fen_of(amount)
