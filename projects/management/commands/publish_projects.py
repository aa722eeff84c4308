"""manage.py publish_projects: what goes out of approved projects as OC4IDS."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from django.contrib.auth import get_user_model
from django.core.management.base import BaseCommand, CommandError, CommandParser

from core.errors import DomainError
from core.models import City
from projects.api.publication_serializers import (
    PublicationRuleSerializer,
    PublicationSerializer,
    preview_answer,
)
from projects.services import publications
from projects.services.publication_fields import PROPOSED


class Command(BaseCommand):
    help = """Publication from the command line, as the person named by --as: the same rules hold.

    publish_projects rule CITY --prefix oc4ids-123abc --publisher NAME [--field title …] --as lin.wei
    publish_projects mark CITY PJ-2026-0001 … --as zhao.min
    publish_projects unmark CITY PJ-2026-0001 … --reason WHY --as zhao.min
    publish_projects preview CITY [--out FILE] --as zhao.min
    publish_projects publish CITY --seen SHA256 --as zhao.min      the hash that preview told
    publish_projects withdraw CITY --reason WHY --as zhao.min
    """

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("act", choices=["rule", "mark", "unmark", "preview", "publish", "withdraw"])
        parser.add_argument("city")
        parser.add_argument("refs", nargs="*")
        parser.add_argument("--as", dest="who", required=True, help="user name of the person who acts")
        parser.add_argument("--prefix", default="")
        parser.add_argument("--publisher", default="")
        parser.add_argument("--licence", default="")
        parser.add_argument("--field", action="append", default=[], help="a field that goes out; our proposal without any")  # fmt: skip
        parser.add_argument("--reason", default="")
        parser.add_argument("--seen", default="")
        parser.add_argument("--out", default="", metavar="FILE")
        parser.add_argument("--json", action="store_true")

    def handle(self, *args: Any, **options: Any) -> None:
        user = get_user_model().objects.filter(username=options["who"], is_active=True).first()
        if user is None:
            raise CommandError(f"no person {options['who']}")
        city = City.objects.filter(code=options["city"]).first()
        if city is None:
            raise CommandError(f"no city {options['city']}")
        try:
            answer = getattr(self, f"do_{options['act']}")(user, city, options)
        except DomainError as refused:
            raise CommandError(f"{refused.code}: {refused.message}") from None
        self.stdout.write(json.dumps(answer, ensure_ascii=False, default=str, indent=None if options["json"] else 2))  # fmt: skip

    def do_rule(self, user: Any, city: City, options: dict[str, Any]) -> Any:
        made = publications.draft_rule(
            user=user, city=city, prefix=options["prefix"], publisher=options["publisher"], licence=options["licence"],
            fields=options["field"] or PROPOSED,
        )  # fmt: skip
        return PublicationRuleSerializer(made).data

    def do_mark(self, user: Any, city: City, options: dict[str, Any], published: bool = True) -> Any:
        changed = publications.mark(user=user, city=city, refs=options["refs"], published=published, reason=options["reason"])  # fmt: skip
        return {"changed": [one.ref for one in changed], "published": published}

    def do_unmark(self, user: Any, city: City, options: dict[str, Any]) -> Any:
        return self.do_mark(user, city, options, published=False)

    def do_preview(self, user: Any, city: City, options: dict[str, Any]) -> Any:
        found = publications.preview(user=user, city=city)
        told = preview_answer(found)
        if options["out"]:
            Path(options["out"]).write_bytes(publications.text_of(found.content))
            told["content"] = options["out"]
        return told

    def do_publish(self, user: Any, city: City, options: dict[str, Any]) -> Any:
        made = publications.publish(user=user, city=city, seen_sha256=options["seen"])
        return PublicationSerializer(made).data

    def do_withdraw(self, user: Any, city: City, options: dict[str, Any]) -> Any:
        made = publications.withdraw(user=user, city=city, reason=options["reason"])
        return PublicationSerializer(made).data
