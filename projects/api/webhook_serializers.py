"""What the API says of webhooks, deliveries and events."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from projects.choices import EventKind
from projects.models import Delivery, DeliveryAttempt, OutboxEvent, Webhook


class EventSerializer(serializers.ModelSerializer):
    """An event as webhooks tell it, without the attempt."""

    city: Any = serializers.SlugRelatedField(slug_field="code", read_only=True)
    project: Any = serializers.SlugRelatedField(slug_field="ref", read_only=True, allow_null=True)
    subject = serializers.CharField(source="subject_ref", read_only=True)

    class Meta:
        model = OutboxEvent
        fields = ["id", "number", "kind", "created_at", "city", "project", "subject", "payload"]
        read_only_fields = fields


class WebhookSerializer(serializers.ModelSerializer):
    city: Any = serializers.SlugRelatedField(slug_field="code", read_only=True)
    waiting = serializers.IntegerField(read_only=True)
    sent = serializers.IntegerField(read_only=True)
    dead = serializers.IntegerField(read_only=True, help_text="Deliveries given up")
    last_sent_at = serializers.DateTimeField(read_only=True, allow_null=True)
    kinds: Any = serializers.ListField(child=serializers.CharField(), read_only=True, help_text="Empty: all")

    class Meta:
        model = Webhook
        fields = [
            "id", "city", "name", "url", "kinds", "active", "off_at", "secret_before_until", "created_at", "waiting", "sent",
            "dead", "last_sent_at",
        ]  # fmt: skip
        read_only_fields = fields


class NewWebhookSerializer(serializers.Serializer):
    city = serializers.CharField()
    name = serializers.CharField(max_length=80)
    url = serializers.CharField(max_length=300)
    kinds = serializers.ListField(
        child=serializers.ChoiceField(choices=EventKind.choices), required=False, default=list
    )


class ChangeWebhookSerializer(serializers.Serializer):
    name = serializers.CharField(max_length=80, required=False)
    url = serializers.CharField(max_length=300, required=False)
    kinds = serializers.ListField(child=serializers.ChoiceField(choices=EventKind.choices), required=False)
    active = serializers.BooleanField(required=False)


class ToldWebhookSerializer(WebhookSerializer):
    secret = serializers.CharField(read_only=True, help_text="The secret itself, told only now.")

    class Meta(WebhookSerializer.Meta):
        fields = [*WebhookSerializer.Meta.fields, "secret"]


class RotateSerializer(serializers.Serializer):
    overlap_hours = serializers.IntegerField(min_value=0, max_value=720, required=False, default=24)


class SecretSerializer(serializers.Serializer):
    secret = serializers.CharField(read_only=True, help_text="The new secret, told only now.")


class CatchUpSerializer(serializers.Serializer):
    after = serializers.IntegerField(min_value=0, max_value=2**62, help_text="Number of the last event the receiver has")  # fmt: skip


class CountSerializer(serializers.Serializer):
    count = serializers.IntegerField()


class AttemptSerializer(serializers.ModelSerializer):
    class Meta:
        model = DeliveryAttempt
        fields = ["at", "status", "error", "milliseconds"]


class DeliverySerializer(serializers.ModelSerializer):
    event = EventSerializer(read_only=True)
    webhook = serializers.IntegerField(source="webhook_id", read_only=True)
    tries = AttemptSerializer(many=True, read_only=True)

    class Meta:
        model = Delivery
        fields = [
            "id", "webhook", "event", "state", "attempts", "next_at", "status", "error", "sent_at", "tries",
        ]  # fmt: skip
        read_only_fields = fields


class EventPageSerializer(serializers.Serializer):
    """`next_after` is the `after` of the next call; while `more` is false, ask again later with it."""

    results = EventSerializer(many=True)
    next_after = serializers.IntegerField()
    more = serializers.BooleanField()
