"""Choices shown by their name in the reader's language."""

from typing import Any

from django import forms

from core.templatetags.pingji import local_name


class LocalNames(forms.ModelChoiceField):
    def label_from_instance(self, obj: Any) -> str:
        return local_name(obj)


class LocalNamesMany(forms.ModelMultipleChoiceField):
    def label_from_instance(self, obj: Any) -> str:
        return local_name(obj)
