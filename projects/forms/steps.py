"""The one-question form of a task."""

from datetime import date
from typing import Any

from django import forms
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from projects.choices import OUTCOMES, Outcome


class StepForm(forms.Form):
    """One question: what to say to a task, and why. Items and conditions come in rows of their own (getlist), so that each
    condition has its own day and no line break is taken for another item."""

    outcome = forms.ChoiceField(label=_("Answer"), widget=forms.RadioSelect)
    reason = forms.CharField(label=_("Reason"), required=False, widget=forms.Textarea(attrs={"rows": 4}))

    def __init__(self, *args: Any, kind: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.kind = kind
        self.may_ask_changes = Outcome.RETURN in OUTCOMES[kind]
        self.may_ask_conditions = Outcome.CONDITIONS in OUTCOMES[kind]
        choices = [(one, Outcome(one).label) for one in OUTCOMES[kind]]
        self.fields["outcome"].choices = choices  # type: ignore[attr-defined]
        # What was typed, row by row, whatever becomes of it.
        self.items: list[str] = self._listed("item")
        days = self._listed("condition_due")
        texts = self._listed("condition")
        self.conditions: list[tuple[str, str]] = [
            (text, days[place] if place < len(days) else "") for place, text in enumerate(texts)
        ]

    def _listed(self, name: str) -> list[str]:
        data = self.data
        return [str(one) for one in data.getlist(name)] if hasattr(data, "getlist") else []

    def clean(self) -> dict[str, Any]:
        """The days of conditions, each told by its row."""
        said = super().clean() or {}
        found: list[tuple[str, date | None]] = []
        if said.get("outcome") == Outcome.CONDITIONS:
            for number, (text, day) in enumerate(self.conditions, start=1):
                if not text.strip() and not day.strip():
                    continue
                due = _parse_day(day)
                if day.strip() and due is None:
                    self.add_error(
                        None,
                        _("Condition %(number)s: “%(text)s” is no date.") % {"number": number, "text": day},
                    )
                elif due is not None and due < timezone.localdate():
                    self.add_error(None, _("Condition %(number)s is due before today.") % {"number": number})
                elif not text.strip():
                    self.add_error(
                        None, _("Condition %(number)s has a day and no words.") % {"number": number}
                    )
                else:
                    found.append((text.strip(), due))
        said["conditions"] = found
        return said

    def said(self) -> dict[str, Any]:
        """The arguments of the service. What belongs to another choice than the one made is left out."""
        data = self.cleaned_data
        items = self.items if data["outcome"] == Outcome.RETURN else []
        return {
            "outcome": data["outcome"],
            "reason": data["reason"],
            "items": [one.strip() for one in items if one.strip()],
            "conditions": data["conditions"],
        }


def _parse_day(text: str) -> date | None:
    try:
        return date.fromisoformat(text.strip())
    except ValueError:
        return None
