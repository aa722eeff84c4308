"""Forms of the core."""

from django import forms
from django.utils.translation import gettext_lazy as _

LIFETIMES = ((30, _("30 days")), (90, _("90 days")), (365, _("one year")))


class TokenForm(forms.Form):
    name = forms.CharField(label=_("What uses it"), max_length=80)
    days = forms.TypedChoiceField(label=_("Works for"), choices=LIFETIMES, coerce=int, initial=90)
    can_write = forms.BooleanField(label=_("May also write"), required=False)
