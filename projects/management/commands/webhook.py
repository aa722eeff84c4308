from typing import Any

from django.core.management.base import CommandError, CommandParser

from core import policies
from core.models import City
from projects.api.webhook_serializers import DeliverySerializer, EventSerializer, WebhookSerializer
from projects.management.commands._acting import ActingCommand
from projects.models import Delivery, Webhook
from projects.selectors import webhooks as selectors
from projects.services import deliveries, webhooks


class Command(ActingCommand):
    help = """Addresses that are told what happens (docs/webhooks.md).

    webhook list --as tang.lei
    webhook add CITY NAME https://example.org/pingji [--kind money.paid …] --as tang.lei     tells the secret, once
    webhook change ID [--name …] [--url …] [--kind … | --all-kinds] [--on | --off] --as tang.lei
    webhook rotate ID [--hours 24] --as tang.lei          a new secret; the one before signs too for so long
    webhook ping ID --as tang.lei                         a test message, sent at once
    webhook deliver --as tang.lei                         one pass over everything that is due
    webhook dead ID --as tang.lei                         what was given up, with every try
    webhook replay ID [DELIVERY] --as tang.lei            one delivery, or all that were given up
    webhook catch-up ID NUMBER --as tang.lei              every kept event behind this number that it never had
    webhook events [NUMBER] [--kind …] --as lin.wei       what happened behind this number, as far as one may see it
    webhook remove ID --as tang.lei
    """
    acts = ("list", "add", "change", "remove", "rotate", "ping", "deliver", "dead", "replay", "catch-up", "events")  # fmt: skip

    def add_options(self, parser: CommandParser) -> None:
        parser.add_argument("--kind", action="append", default=[])
        parser.add_argument("--all-kinds", action="store_true")
        parser.add_argument("--name")
        parser.add_argument("--url")
        parser.add_argument("--on", action="store_true")
        parser.add_argument("--off", action="store_true")
        parser.add_argument("--hours", type=int, default=24)

    def _hook(self, user: Any, word: str) -> Webhook:
        policies.demand(user, "webhook.edit")
        found = selectors.webhooks_for(user).filter(pk=int(word)).first()
        if found is None:
            raise CommandError(f"no webhook {word}")
        return found

    def _told(self, user: Any, hook: Webhook) -> dict[str, Any]:
        return dict(
            WebhookSerializer(selectors.with_counts(selectors.webhooks_for(user)).get(pk=hook.pk)).data
        )

    def do_list(self, user: Any, words: list[str], options: dict[str, Any]) -> Any:
        policies.demand(user, "webhook.edit")
        return WebhookSerializer(selectors.with_counts(selectors.webhooks_for(user)), many=True).data

    def do_add(self, user: Any, words: list[str], options: dict[str, Any]) -> Any:
        code, name, url = words
        city = City.objects.filter(policies.visible_cities(user), code=code).first()
        if city is None:
            raise CommandError(f"no city {code}")
        hook, secret = webhooks.add(user=user, city=city, name=name, url=url, kinds=options["kind"])
        return self._told(user, hook) | {"secret": secret}

    def do_change(self, user: Any, words: list[str], options: dict[str, Any]) -> Any:
        hook = self._hook(user, words[0])
        if options["on"] and options["off"]:
            raise CommandError("on or off?")
        webhooks.change(
            user=user, webhook=hook, name=options["name"] or hook.name, url=options["url"] or hook.url,
            kinds=[] if options["all_kinds"] else options["kind"] or hook.kinds,
            active=True if options["on"] else False if options["off"] else hook.active,
        )  # fmt: skip
        return self._told(user, hook)

    def do_remove(self, user: Any, words: list[str], options: dict[str, Any]) -> Any:
        hook = self._hook(user, words[0])
        webhooks.remove(user=user, webhook=hook)
        return {"removed": int(words[0])}

    def do_rotate(self, user: Any, words: list[str], options: dict[str, Any]) -> Any:
        hook = self._hook(user, words[0])
        return {"secret": webhooks.rotate(user=user, webhook=hook, overlap_hours=options["hours"])}

    def do_ping(self, user: Any, words: list[str], options: dict[str, Any]) -> Any:
        event = webhooks.ping(user=user, webhook=self._hook(user, words[0]))
        deliveries.deliver_due()
        return DeliverySerializer(Delivery.objects.get(event=event)).data

    def do_deliver(self, user: Any, words: list[str], options: dict[str, Any]) -> Any:
        policies.demand(user, "webhook.edit")
        return deliveries.deliver_due()

    def do_dead(self, user: Any, words: list[str], options: dict[str, Any]) -> Any:
        rows = selectors.deliveries_of(self._hook(user, words[0]), state="dead")
        return DeliverySerializer(rows, many=True).data

    def do_replay(self, user: Any, words: list[str], options: dict[str, Any]) -> Any:
        hook = self._hook(user, words[0])
        if len(words) == 1:
            return {"count": webhooks.replay_dead(user=user, webhook=hook)}
        row = Delivery.objects.select_related("webhook__city").filter(pk=int(words[1]), webhook=hook).first()
        if row is None:
            raise CommandError(f"no delivery {words[1]}")
        return DeliverySerializer(webhooks.replay(user=user, delivery=row)).data

    def do_catch_up(self, user: Any, words: list[str], options: dict[str, Any]) -> Any:
        hook = self._hook(user, words[0])
        return {"count": webhooks.catch_up(user=user, webhook=hook, after=int(words[1]))}

    def do_events(self, user: Any, words: list[str], options: dict[str, Any]) -> Any:
        rows = selectors.events_visible_to(user).filter(number__gt=int(words[0]) if words else 0)
        if options["kind"]:
            rows = rows.filter(kind__in=options["kind"])
        return EventSerializer(rows.order_by("number")[:1000], many=True).data
