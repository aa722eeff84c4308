"""manage.py alerts: what the supervision pages do, from the command line, as the person named by --as."""

import json
from argparse import ArgumentParser
from typing import Any

from django.contrib.auth import get_user_model
from django.core.management.base import BaseCommand, CommandError

from core.errors import DomainError, InvalidInput
from core.models import City
from projects.api.alert_serializers import AlertRuleSerializer, AlertSerializer
from projects.models import AlertRule, SupervisionAlert
from projects.selectors import alert_words, pages
from projects.selectors import alerts as read
from projects.services import alert_rules, alert_runs, alerts, scope


class Command(BaseCommand):
    help = """Supervision alerts and their rules; the same rights hold as on the pages.

    alerts list --as gao.feng [--state open] [--project PJ-2026-0001]
    alerts show 17 --as gao.feng
    alerts explain 17 "Late delivery; photo 3 of May" --as lin.wei
    alerts close 17 "Seen on site" --as gao.feng
    alerts send-back 17 "Which delivery?" --as gao.feng
    alerts assign 17 sun.li "in charge since May" --as wang.jun
    alerts run --city 510100 --as gao.feng              as a job; raise_alerts runs them here and now
    alerts rules --as gao.feng [--state published]
    alerts draft lag behind_points=15 --reason "…" --source "…" [--answer 10] [--owner enterprise] --as gao.feng
    alerts publish lag --as zhao.min
    alerts discard lag --as gao.feng
    alerts scope PJ-2026-0001 850 "one hall less" --as lin.wei      an approved project will have so many units now
    """

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "act",
            choices=[
                "list", "show", "explain", "close", "send-back", "assign", "run", "rules", "draft", "publish", "discard", "scope",
            ],
        )  # fmt: skip
        parser.add_argument("words", nargs="*")
        parser.add_argument("--as", dest="who", required=True, help="user name of the person who acts")
        parser.add_argument("--city", help="code of the city")
        parser.add_argument("--state", action="append", default=[])
        parser.add_argument("--project", help="reference of a project")
        parser.add_argument("--reason", default="")
        parser.add_argument("--source", default="")
        parser.add_argument("--certainty", default="D")
        parser.add_argument("--answer", type=int, help="working days to answer")
        parser.add_argument("--escalate", type=int, help="further working days until the one above is told")
        parser.add_argument("--owner", help="level of who explains")
        parser.add_argument("--json", action="store_true", help="print JSON on one line")

    def handle(self, *args: Any, **options: Any) -> None:
        user = get_user_model().objects.filter(username=options["who"], is_active=True).first()
        if user is None:
            raise CommandError(f"no person {options['who']}")
        name = options["act"].replace("-", "_")
        try:
            answer = getattr(self, f"do_{name}")(user, options["words"], options)
        except InvalidInput as refused:
            told = "; ".join(f"{one.column}: {one.message}" for one in refused.problems)
            raise CommandError(f"{refused.code}: {refused.message} {told}") from None
        except DomainError as refused:
            raise CommandError(f"{refused.code}: {refused.message}") from None
        except (IndexError, ValueError):
            raise CommandError(f"alerts {options['act']} needs other words; see alerts --help") from None
        indent = None if options["json"] else 2
        self.stdout.write(json.dumps(answer, ensure_ascii=False, default=str, indent=indent))

    def _alert(self, user: Any, number: str) -> SupervisionAlert:
        found = read.visible_to(user).filter(pk=int(number)).first()
        if found is None:
            raise CommandError(f"no alert {number}")
        return found

    def _said(self, user: Any, number: str) -> Any:
        return AlertSerializer(self._alert(user, number)).data

    def do_list(self, user: Any, words: list[str], options: dict[str, Any]) -> Any:
        rows = read.visible_to(user)
        if options["city"]:
            rows = rows.filter(project__city__code=options["city"])
        if options["project"]:
            rows = rows.filter(project__ref=options["project"])
        rows = rows.filter(state__in=options["state"] or read.UNCLOSED)
        return [
            {
                "id": one.pk, "project": one.project.ref, "rule": one.code, "state": one.state, "due_on": one.due_on,
                "owner": one.owner.username if one.owner else None, "says": alert_words.sentence(one),
            }
            for one in rows.order_by("due_on", "id")
        ]  # fmt: skip

    def do_show(self, user: Any, words: list[str], options: dict[str, Any]) -> Any:
        return self._said(user, words[0])

    def do_explain(self, user: Any, words: list[str], options: dict[str, Any]) -> Any:
        alerts.explain(user=user, alert=self._alert(user, words[0]), text=words[1])
        return self._said(user, words[0])

    def do_close(self, user: Any, words: list[str], options: dict[str, Any]) -> Any:
        alerts.close(user=user, alert=self._alert(user, words[0]), note=words[1])
        return self._said(user, words[0])

    def do_send_back(self, user: Any, words: list[str], options: dict[str, Any]) -> Any:
        alerts.send_back(user=user, alert=self._alert(user, words[0]), note=words[1])
        return self._said(user, words[0])

    def do_assign(self, user: Any, words: list[str], options: dict[str, Any]) -> Any:
        alert, owner = self._alert(user, words[0]), get_user_model().objects.filter(username=words[1]).first()
        if owner is None:
            raise CommandError(f"no person {words[1]}")
        alerts.assign(user=user, alert=alert, owner=owner, reason=words[2])
        return self._said(user, words[0])

    def do_run(self, user: Any, words: list[str], options: dict[str, Any]) -> Any:
        city = City.objects.filter(code=options["city"]).first()
        if city is None:
            raise CommandError(f"no city {options['city']}")
        job = alert_runs.start(user=user, city=city)
        return {"job": job.ref, "state": job.state}

    def do_rules(self, user: Any, words: list[str], options: dict[str, Any]) -> Any:
        rows = AlertRule.objects.select_related("drafted_by", "published_by")
        rows = rows.filter(state__in=options["state"]) if options["state"] else rows
        return [AlertRuleSerializer(one).data for one in rows]

    def _rule(self, code: str, *states: str) -> AlertRule:
        found = AlertRule.objects.filter(code=code, state__in=states).order_by("-version").first()
        if found is None:
            raise CommandError(f"no such version of rule {code}")
        return found

    def do_draft(self, user: Any, words: list[str], options: dict[str, Any]) -> Any:
        former = self._rule(words[0], "published")
        changed = {key: int(value) for key, _equals, value in (word.partition("=") for word in words[1:])}
        made = alert_rules.draft(
            user=user, code=former.code, thresholds={**former.thresholds, **changed},
            answer_working_days=options["answer"] or former.answer_working_days,
            escalate_working_days=options["escalate"] or former.escalate_working_days,
            owner_level=options["owner"] or former.owner_level, source=options["source"],
            certainty=options["certainty"], reason=options["reason"],
        )  # fmt: skip
        return AlertRuleSerializer(made).data

    def do_publish(self, user: Any, words: list[str], options: dict[str, Any]) -> Any:
        return AlertRuleSerializer(alert_rules.publish(user=user, rule=self._rule(words[0], "draft"))).data

    def do_discard(self, user: Any, words: list[str], options: dict[str, Any]) -> Any:
        alert_rules.discard(user=user, rule=self._rule(words[0], "draft"))
        return {"discarded": words[0]}

    def do_scope(self, user: Any, words: list[str], options: dict[str, Any]) -> Any:
        project = pages.projects_visible_to(user).filter(ref=words[0]).first()
        if project is None:
            raise CommandError(f"no project {words[0]}")
        now = scope.change(user=user, project=project, units=int(words[1]), reason=words[2])
        return {"project": now.ref, "units": now.units, "approved_units": now.approved_units}
