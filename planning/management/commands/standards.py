"""manage.py standards: the profiles, one of them, what differs, publishing and retiring, and files."""

import json
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from core.errors import DomainError, InvalidInput
from core.models import User
from planning.api.standard_serializers import DeviationSerializer, MinimumNeedSerializer, StandardSerializer
from planning.models import StandardProfile
from planning.selectors.deviations import deviations, profile_rows, root_of
from planning.selectors.standards import effective_needs, effective_standards, former_version
from planning.services import standard_files, standards


class Command(BaseCommand):
    help = "List and show standard profiles, tell what differs, draft, publish and retire versions, and carry them as TOML."

    def add_arguments(self, parser: ArgumentParser) -> None:
        act = parser.add_mutually_exclusive_group(required=True)
        act.add_argument("--list", action="store_true")
        act.add_argument("--show", metavar="CODE")
        act.add_argument("--deviations", metavar="CODE")
        act.add_argument("--next-version", metavar="CODE", help="draft the next version")
        act.add_argument("--publish", metavar="CODE")
        act.add_argument("--retire", metavar="CODE")
        act.add_argument("--make-default", metavar="CODE")
        act.add_argument("--discard", metavar="CODE", help="throw a draft away")
        act.add_argument("--export", metavar="CODE", help="the profile as TOML, to the standard output")
        act.add_argument("--import", metavar="FILE", dest="take_in", help="a TOML file becomes a draft")
        parser.add_argument(
            "--against", default="parent", help="parent, root, former, or the code of a profile"
        )
        parser.add_argument(
            "--as", metavar="USERNAME", dest="person", help="act as this person, with their rights"
        )
        parser.add_argument("--default", action="store_true", help="with --publish: make it the default")
        parser.add_argument("--reason", default="", help="with --retire")
        parser.add_argument("--json", action="store_true")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            said, lines = self._act(options)
        except InvalidInput as refused:
            words = "\n".join(f"  {one.file} {one.column}: {one.message}" for one in refused.problems)
            raise CommandError(f"{refused.message}\n{words}") from None
        except DomainError as refused:
            raise CommandError(str(refused.message)) from None
        if options["json"]:
            self.stdout.write(json.dumps(said, ensure_ascii=False, default=str))
            return
        for line in lines:
            self.stdout.write(line)

    def _act(self, options: dict[str, Any]) -> tuple[Any, list[str]]:
        user = _person(options["person"])
        if options["list"]:
            rows = [_told(one) | {"deviations": one.deviations} for one in profile_rows(user)]
            return rows, [_row(row) for row in rows]
        if code := options["show"]:
            profile = _profile(code)
            rules = StandardSerializer(effective_standards(profile), many=True).data
            needs = MinimumNeedSerializer(effective_needs(profile), many=True).data
            lines = [
                _row(_told(profile)),
                *(_standard_line(row) for row in rules),
                *(_need_line(row) for row in needs),
            ]
            return _told(profile) | {"standards": rules, "minimum_needs": needs}, lines
        if code := options["deviations"]:
            profile = _profile(code)
            against = _against(profile, options["against"])
            found = DeviationSerializer(deviations(profile, against) if against else [], many=True).data
            said = {"profile": code, "against": against.code if against else None, "deviations": found}
            return said, [_deviation_line(row) for row in found] or ["nothing differs"]
        if code := options["export"]:
            text = standard_files.export_toml(_profile(code))
            return {"toml": text}, [text.rstrip("\n")]
        done = self._changed(user, options)
        return (_told(done), [_row(_told(done))]) if done else ({}, ["thrown away"])

    def _changed(self, user: Any, options: dict[str, Any]) -> StandardProfile | None:
        if path := options["take_in"]:
            try:
                text = Path(path).read_text(encoding="utf-8")
            except (OSError, UnicodeDecodeError) as error:
                raise CommandError(f"{path}: {error}") from None
            return standard_files.import_toml(user=user, text=text)
        if code := options["next_version"]:
            return standards.next_version(user=user, profile=_profile(code))
        if code := options["publish"]:
            return standards.publish_profile(
                user=user, profile=_profile(code), make_default=options["default"]
            )
        if code := options["retire"]:
            return standards.retire_profile(user=user, profile=_profile(code), reason=options["reason"])
        if code := options["make_default"]:
            return standards.make_default(user=user, profile=_profile(code))
        standards.discard_draft(user=user, profile=_profile(options["discard"]))
        return None


def _profile(code: str) -> StandardProfile:
    found = StandardProfile.objects.select_related("parent", "area", "area__city").filter(code=code).first()
    if found is None:
        raise CommandError(f"no profile {code}")
    return found


def _person(name: str | None) -> User | None:
    if name is None:
        return None
    found = User.objects.filter(username=name, is_active=True).first()
    if found is None:
        raise CommandError(f"no person {name}")
    return found


def _against(profile: StandardProfile, asked: str) -> StandardProfile | None:
    if asked == "parent":
        return profile.parent
    if asked == "root":
        return root_of(profile)
    return former_version(profile) if asked == "former" else _profile(asked)


def _told(profile: StandardProfile) -> dict[str, Any]:
    return {
        "code": profile.code, "family": profile.family, "version": profile.version, "level": profile.level, "name": profile.name,
        "name_en": profile.name_en, "status": profile.status, "is_default": profile.is_default,
        "parent": profile.parent.code if profile.parent else None, "area": profile.area.code if profile.area else None,
    }  # fmt: skip


def _row(told: dict[str, Any]) -> str:
    tail = f"  {told['deviations']} numbers differ" if told.get("deviations") else ""
    mark = "*" if told["is_default"] else " "
    return f"{mark} {told['code']:<24} v{told['version']:<3} {told['level']:<9} {told['status']:<10} {told['parent'] or '-':<16} {told['area'] or 'everywhere'}{tail}"


def _standard_line(row: dict[str, Any]) -> str:
    hours = "-" if row["conversion_limit_hours"] is None else f"{row['conversion_limit_hours']:g} h"
    return (
        f"  {row['service']:<22} {row['phase'] or 'all':<9} {row['ratio'] * row['per_people']:>8g} for {row['per_people']:<6} {row['driver']:<10}"
        f" {row['ratio_certainty']}  {row['reach_limit']:g} {row['reach_unit']} {row['mode']} {row['reach_certainty']}  {hours}  {row['profile']}"
    )


def _need_line(row: dict[str, Any]) -> str:
    return f"  {row['code']:<22} {row['phase'] or 'all':<9} {row['amount']:>8g} {row['unit_en']} {row['basis']} {row['certainty']}  {row['profile']}"


def _deviation_line(row: dict[str, Any]) -> str:
    share = "" if row["share"] is None else f" ({row['share']:+.1%})"
    return f"  {row['service_or_need']:<22} {row['phase'] or 'all':<9} {row['parameter']:<22} {row['above']} -> {row['own']}{share}  {row['reason']}"
