"""What stands or is planned near a project, the reason, and the rules behind it, by hand or by a program."""

from __future__ import annotations

import json
from typing import Any

from django.contrib.auth import get_user_model
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.core.serializers.json import DjangoJSONEncoder

from core.errors import DomainError
from core.models import City
from facilities.models import ServiceType
from projects.models import DuplicateRule, Project
from projects.selectors import duplicates as near
from projects.selectors import pages
from projects.services import drafts, duplicate_rules, duplicates


class Command(BaseCommand):
    help = "Check a project against building twice, write the reason, list, draft and publish the rules."

    def add_arguments(self, parser: CommandParser) -> None:
        verbs = parser.add_subparsers(dest="verb", required=True)
        for name in ("show", "check", "reason"):
            one = verbs.add_parser(name)
            one.add_argument("ref", help="reference of the project")
            if name == "reason":
                one.add_argument("text")
        verbs.add_parser("rules").add_argument("--city")
        one = verbs.add_parser("draft-rule")
        one.add_argument("--city", required=True)
        one.add_argument(
            "--service", default="", help="code; left out: all services without a rule of their own"
        )
        one.add_argument("--overlap-percent", type=float, required=True)
        one.add_argument("--idle-radius-m", type=float, required=True)
        one.add_argument("--reason", required=True)
        one.add_argument("--source", default="")
        verbs.add_parser("publish-rule").add_argument("id", type=int)
        for one in verbs.choices.values():
            one.add_argument("--as", dest="who", required=True, help="user name of whoever does it")
            one.add_argument("--json", action="store_true")

    def handle(self, *args: Any, **options: Any) -> None:
        user = get_user_model().objects.filter(username=options["who"], is_active=True).first()
        if user is None:
            raise CommandError(f"There is no user {options['who']}.")
        try:
            said = getattr(self, "_" + options["verb"].replace("-", "_"))(user, options)
        except DomainError as refused:
            raise CommandError(f"{refused.code}: {refused.message}") from None
        if options["json"]:
            self.stdout.write(json.dumps(said, ensure_ascii=False, cls=DjangoJSONEncoder))
            return
        for row in said if isinstance(said, list) else [said]:
            nested = [(name, value) for name, value in row.items() if isinstance(value, list)]
            self.stdout.write("  ".join(f"{name}={value}" for name, value in row.items() if not isinstance(value, list | dict)))  # fmt: skip
            for name, rows in nested:
                for one in rows:
                    words = (one.get("ref"), one.get("name"), one.get("overlap_percent", "-"), one["distance_m"], one["words"])  # fmt: skip
                    self.stdout.write(f"  {name}: " + "  ".join(str(word) for word in words))

    def _project(self, user: Any, options: dict[str, Any]) -> Project:
        project = pages.projects_visible_to(user).filter(ref=options["ref"]).first()
        if project is None:
            raise CommandError(f"There is no project {options['ref']}.")
        return project

    def _show(self, user: Any, options: dict[str, Any]) -> dict[str, Any]:
        return near.said(self._project(user, options), user)

    def _check(self, user: Any, options: dict[str, Any]) -> dict[str, Any]:
        project = self._project(user, options)
        duplicates.check(user=user, project=project)
        return near.said(project, user)

    def _reason(self, user: Any, options: dict[str, Any]) -> dict[str, Any]:
        project = self._project(user, options)
        done = drafts.edit(user=user, project=project, version=project.version, duplicate_reason=options["text"])  # fmt: skip
        return near.said(done, user)

    def _city(self, options: dict[str, Any]) -> City:
        city = City.objects.filter(code=options["city"]).first()
        if city is None:
            raise CommandError(f"There is no city {options['city']}.")
        return city

    @staticmethod
    def _row(rule: DuplicateRule) -> dict[str, Any]:
        return {
            "id": rule.pk, "city": rule.city.code if rule.city else "", "service": rule.service.code if rule.service else "",
            "version": rule.version, "state": rule.state, "overlap_percent": rule.overlap_percent,
            "idle_radius_m": rule.idle_radius_m, "certainty": rule.certainty, "reason": rule.reason,
        }  # fmt: skip

    def _rules(self, user: Any, options: dict[str, Any]) -> list[dict[str, Any]]:
        city = self._city(options) if options["city"] else None
        return [self._row(rule) for rule in near.rules_seen(city)]

    def _draft_rule(self, user: Any, options: dict[str, Any]) -> dict[str, Any]:
        service = None
        if options["service"]:
            service = ServiceType.objects.filter(code=options["service"]).first()
            if service is None:
                raise CommandError(f"There is no service {options['service']}.")
        made = duplicate_rules.draft(
            user=user, city=self._city(options), service=service, overlap_percent=options["overlap_percent"],
            idle_radius_m=options["idle_radius_m"], reason=options["reason"], source=options["source"],
        )  # fmt: skip
        return self._row(made)

    def _publish_rule(self, user: Any, options: dict[str, Any]) -> dict[str, Any]:
        rule = DuplicateRule.objects.filter(pk=options["id"]).first()
        if rule is None:
            raise CommandError(f"There is no rule {options['id']}.")
        return self._row(duplicate_rules.publish(user=user, rule=rule))
