"""Shapes of publication on the API."""

from __future__ import annotations

from rest_framework import serializers

from projects.models import Publication, PublicationRule
from projects.services.publication_fields import FIELDS


class PublicationRuleSerializer(serializers.ModelSerializer):
    drafted_by = serializers.CharField(source="drafted_by.username", default="", read_only=True)

    class Meta:
        model = PublicationRule
        fields = ["version", "prefix", "publisher", "licence", "fields", "drafted_by", "drafted_at"]

    def get_fields(self) -> dict[str, serializers.Field]:
        """`fields` is a name that serializers keep for themselves."""
        found = super().get_fields()
        found["fields"] = serializers.ListField(child=serializers.CharField(), read_only=True)
        return found


class PublicationRuleInSerializer(serializers.Serializer):
    city = serializers.CharField()
    prefix = serializers.CharField(
        help_text="oc4ids- and six characters, as the registry of the standard gave it"
    )
    publisher = serializers.CharField()
    licence = serializers.CharField(required=False, allow_blank=True, default="")
    paths = serializers.ListField(
        child=serializers.ChoiceField(choices=[one.path for one in FIELDS]), help_text="every field that goes out"
    )  # fmt: skip


class PublicationMarksSerializer(serializers.Serializer):
    city = serializers.CharField()
    refs = serializers.ListField(child=serializers.CharField(), allow_empty=False)
    published = serializers.BooleanField()
    reason = serializers.CharField(required=False, allow_blank=True, default="")


class PublicationMarkedSerializer(serializers.Serializer):
    changed = serializers.ListField(child=serializers.CharField())
    published = serializers.BooleanField()


class PublicationSendSerializer(serializers.Serializer):
    city = serializers.CharField()
    seen_sha256 = serializers.CharField(help_text="of the preview that was looked at")


class PublicationTakeBackSerializer(serializers.Serializer):
    city = serializers.CharField()
    reason = serializers.CharField()


class PublicationSerializer(serializers.ModelSerializer):
    city = serializers.CharField(source="city.code")
    rule = serializers.IntegerField(source="rule.version")
    published_by = serializers.CharField(source="published_by.username")

    class Meta:
        model = Publication
        fields = ["city", "number", "rule", "projects", "sha256", "published_by", "published_at"]


class PublicationChangeSerializer(serializers.Serializer):
    id = serializers.CharField()
    fields_changed = serializers.ListField(child=serializers.CharField())


class PublicationDifferenceSerializer(serializers.Serializer):
    added = serializers.ListField(child=serializers.CharField())
    removed = serializers.ListField(child=serializers.CharField())
    changed = PublicationChangeSerializer(many=True)
    frame = serializers.ListField(child=serializers.CharField())


class PublicationPreviewSerializer(serializers.Serializer):
    rule = serializers.IntegerField()
    projects = serializers.IntegerField()
    seen_sha256 = serializers.CharField()
    warnings = serializers.ListField(child=serializers.CharField())
    difference = PublicationDifferenceSerializer()
    content = serializers.DictField()


def preview_answer(found: object) -> dict[str, object]:
    """A preview as the API and the command tell it."""
    from projects.services.publications import Preview

    assert isinstance(found, Preview)
    told = found.difference
    return {
        "rule": found.rule.version, "projects": found.count, "seen_sha256": found.seen_sha256, "warnings": found.warnings,
        "difference": {
            "added": told.added, "removed": told.removed, "frame": told.frame,
            "changed": [{"id": key, "fields_changed": names} for key, names in told.changed],
        },
        "content": found.content,
    }  # fmt: skip
