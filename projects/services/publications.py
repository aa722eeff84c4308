"""Publishing a city's projects: the rule of what goes out, which projects, the look before, and what went out.

Two people again: one drafts the rule (the allow-list), another publishes by it. A rule is never changed, only followed by
the next version; a publication is kept word for word.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import Prefetch
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from core import policies
from core.errors import DomainError
from core.models import City
from core.services import audit
from projects.choices import ProjectState
from projects.models import Project, Publication, PublicationRule, RealisedGap, Submission
from projects.services import events
from projects.services.oc4ids import project_document
from projects.services.oc4ids_contracts import has_code, worth_fen
from projects.services.oc4ids_values import moment
from projects.services.publication_fields import (
    BY_PATH,
    ILLUSTRATIVE_PREFIX,
    PREFIX_FORM,
    PROPOSED,
    VERSION,
)

PUBLISHABLE = (ProjectState.APPROVED, ProjectState.WORKS, ProjectState.COMMISSIONED)


# --- the rule --------------------------------------------------------------------------------------


def current_rule(city: City) -> PublicationRule | None:
    return PublicationRule.objects.filter(city=city).select_related("drafted_by").order_by("-version").first()


def proposed_rule(city: City) -> PublicationRule:
    """What the form begins with: the rule in force, else our proposal (nothing is stored)."""
    rule = current_rule(city)
    return rule or PublicationRule(
        city=city, version=0, prefix=ILLUSTRATIVE_PREFIX if city.synthetic else "", publisher=f"{city.name}人民政府",
        fields=list(PROPOSED),
    )  # fmt: skip


def draft_rule(
    *, user: Any, city: City, prefix: str, publisher: str, fields: Iterable[str], licence: str = ""
) -> PublicationRule:
    """The next version of what goes out. The same said again answers the version that is there."""
    policies.demand(user, "publication.edit", city)
    prefix, publisher, licence = prefix.strip().lower(), publisher.strip(), licence.strip()
    chosen = [path for path in BY_PATH if path in set(fields)]
    wrong: list[str] = []
    if not re.fullmatch(PREFIX_FORM, prefix):
        wrong.append(str(_("the prefix has the form oc4ids-123abc, as the registry of the standard gave it")))
    elif city.synthetic != (prefix == ILLUSTRATIVE_PREFIX):
        wrong.append(
            str(
                _(
                    "a made-up city publishes with the illustrative prefix oc4ids-xxxxxx, a real one never does"
                )
            )
        )
    if not publisher or len(publisher) > 200:
        wrong.append(str(_("the publisher needs a name of at most 200 characters")))
    if licence and (urlsplit(licence).scheme not in ("http", "https") or not urlsplit(licence).netloc):
        wrong.append(str(_("the licence is an address that begins with https://")))
    if unknown := sorted(set(fields) - set(BY_PATH)):
        wrong.append(str(_("there is no field %(words)s to publish") % {"words": ", ".join(unknown)}))
    if not chosen:
        wrong.append(str(_("at least one field must go out")))
    if wrong:
        raise DomainError(
            "bad-publication-rule", _("Correct this: %(words)s.") % {"words": "; ".join(wrong)}, status=422
        )
    said = {"prefix": prefix, "publisher": publisher, "licence": licence, "fields": chosen}
    last = current_rule(city)
    before = {name: getattr(last, name) for name in said} if last else None
    if last is not None and before == said:
        return last
    try:
        with transaction.atomic():
            made = PublicationRule.objects.create(
                city=city, version=last.version + 1 if last else 1, drafted_by=user, **said
            )
            audit.record(
                user=user,
                act="publication.rule",
                subject=city,
                ref=f"publication-rule-{made.version}",
                before=before,
                after=said,
            )
    except IntegrityError:
        raise DomainError(
            "rule-changed", _("Somebody else changed the rule meanwhile; look at theirs first.")
        ) from None
    return made


# --- which projects --------------------------------------------------------------------------------


def mark(*, user: Any, city: City, refs: Iterable[str], published: bool, reason: str = "") -> list[Project]:
    """Ask for projects to be published from the next publication on, or take them back (which needs a reason). Answers
    those that changed; one that stands so already is left as it is."""
    wanted = sorted(set(refs))
    rows = {one.ref: one for one in Project.objects.filter(city=city, ref__in=wanted).select_related("area", "city")}  # fmt: skip
    for one in rows.values():
        policies.demand(user, "publication.publish", one)
    if missing := [ref for ref in wanted if ref not in rows]:
        raise DomainError(
            "unknown-project", _("There is no project %(words)s.") % {"words": ", ".join(missing)}, status=422
        )
    if not wanted:
        raise DomainError("nothing-chosen", _("Choose at least one project."), status=422)
    early = [one.ref for one in rows.values() if published and one.state not in PUBLISHABLE]
    if early:
        raise DomainError(
            "not-approved-yet",
            _("Only approved projects are published: %(words)s.") % {"words": ", ".join(sorted(early))},
            status=422,
        )
    if not published and not reason.strip():
        raise DomainError("reason-needed", _("Say why it is taken back."), status=422)
    with transaction.atomic():
        changing = list(
            Project.objects.select_for_update(of=("self",))
            .filter(pk__in=[one.pk for one in rows.values()], published=not published)
            .select_related("area", "city")
            .order_by("pk")
        )
        if published and any(one.state not in PUBLISHABLE for one in changing):
            raise DomainError("project-changed", _("A project changed meanwhile; look again."))
        Project.objects.filter(pk__in=[one.pk for one in changing]).update(published=published)
        for one in changing:
            one.published = published
            audit.record(
                user=user, act="project.publish" if published else "project.unpublish", subject=one,
                before={"published": not published}, after={"published": published}, reason=reason.strip(),
            )  # fmt: skip
            events.tell(project=one, kind="project.published", ref=one.ref, payload={"published": published})
    return changing


# --- the look before, and going out ----------------------------------------------------------------


@dataclass(frozen=True)
class Difference:
    """What is new against the last publication, by reference of this platform: (identifier, fields that differ)."""

    added: list[str] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    changed: list[tuple[str, list[str]]] = field(default_factory=list)
    frame: list[str] = field(default_factory=list)

    @property
    def none(self) -> bool:
        return not (self.added or self.removed or self.changed or self.frame)


@dataclass(frozen=True)
class Preview:
    rule: PublicationRule
    content: dict[str, Any]
    # Hash of everything but the moment: who publishes names what was looked at.
    seen_sha256: str
    warnings: list[str]
    difference: Difference
    last: Publication | None

    @property
    def count(self) -> int:
        return len(self.content["projects"])


def rows(city: City) -> list[Project]:
    """The city's published projects with all that a document is made of: a fixed number of queries for any number."""
    wanted = Project.objects.filter(city=city, published=True, state__in=PUBLISHABLE)
    found = list(
        wanted.select_related("service", "area", "commissioning")
        .defer("area__geometry", "area__label_point", "need", "alternatives", "commissioning__as_built", "commissioning__written")
        .prefetch_related(
            "budget_lines", "tranches__release", "milestones", "contracts__supplements", "payments", Prefetch("realised", RealisedGap.objects.select_related("run").only("project", "computed_at", "served_with_units", "served_without_units", "run__ref")), "inspections",
            Prefetch("cases__submissions", Submission.objects.defer("content")), "responsibilities__organisation",
        ).order_by("ref")
    )  # fmt: skip
    for one in found:
        # One city for all, read once; its outline with each row would be most of the work.
        one.city = city
    return found


def address(city: City) -> str:
    """Where the newest publication stands for everybody."""
    return f"{settings.SITE_URL}/open/{city.code}/oc4ids.json"


def last_of(city: City) -> Publication | None:
    return (
        Publication.objects.filter(city=city)
        .select_related("rule", "published_by")
        .order_by("-number")
        .first()
    )


def text_of(content: dict[str, Any]) -> bytes:
    """A publication as it is downloaded, one project a line; its hash is that of these bytes, so that anybody can check it."""
    frame = {key: one for key, one in content.items() if key != "projects"}
    head = _dumps(frame)
    if "projects" not in content:
        return f"{head}\n".encode()
    lines = ",\n".join(_dumps(one) for one in content["projects"])
    return f'{head[:-1]}, "projects": [\n{lines}\n]}}\n'.encode()


def _dumps(said: Any) -> str:
    return json.dumps(said, ensure_ascii=False, sort_keys=True)


def preview(*, user: Any, city: City) -> Preview:
    """What would go out now. Raises DomainError where there is no rule."""
    policies.demand(user, "view", city)
    if not policies.sees_whole_city(user, city.pk):
        policies.demand(user, "publication.edit", city)
    rule = current_rule(city)
    if rule is None:
        raise DomainError("no-publication-rule", _("First say what goes out: there is no rule yet."))
    projects = rows(city)
    publisher = f"{rule.publisher}（演示数据，城市为虚构）" if city.synthetic else rule.publisher
    content: dict[str, Any] = {
        "uri": address(city), "version": VERSION, "publishedDate": moment(timezone.now()), "publisher": {"name": publisher},
        "projects": [project_document(one, prefix=rule.prefix, fields=rule.fields) for one in projects],
    }  # fmt: skip
    if rule.licence:
        content["license"] = rule.licence
    still = {key: one for key, one in content.items() if key != "publishedDate"}
    last = last_of(city)
    return Preview(
        rule, content, hashlib.sha256(text_of(still)).hexdigest(), _warnings(city, rule, projects),
        difference(last.content if last else {}, content), last,
    )  # fmt: skip


def difference(before: dict[str, Any], now: dict[str, Any]) -> Difference:
    old = {one["id"]: one for one in before.get("projects", [])}
    new = {one["id"]: one for one in now.get("projects", [])}
    changed = [
        (key, sorted(name for name in {*old[key], *new[key]} if old[key].get(name) != new[key].get(name)))
        for key in sorted({*old} & {*new})
        if old[key] != new[key]
    ]
    frame = [
        name
        for name in ("publisher", "license", "uri", "version")
        if before and before.get(name) != now.get(name)
    ]
    return Difference(sorted({*new} - {*old}), sorted({*old} - {*new}), changed, frame)


def _warnings(city: City, rule: PublicationRule, projects: list[Project]) -> list[str]:
    """What a reader of the file would stumble over and no schema sees."""
    said = []
    if city.synthetic:
        said.append(_("The city is made up: the file says so, and its prefix is nobody's."))
    if not rule.licence:
        said.append(_("No licence is named: readers do not know what they may do with the file."))
    has = set(rule.fields)
    checks: list[tuple[str, Any, Any]] = [
        ("period", lambda one: not (one.starts_on and one.ends_on), gettext_lazy("Without planned start or end: %(words)s.")),
        ("type", lambda one: one.kind == "stock", gettext_lazy("Stocking and drilling has no type in the standard: %(words)s.")),
        ("identifiers.investmentCode", lambda one: not one.investment_code, gettext_lazy("Without national investment code: %(words)s.")),
        ("publicAuthority", lambda one: not any(row.level == "department" for row in one.responsibilities.all()), gettext_lazy("Without a department responsible: %(words)s.")),
        ("contractingProcesses.suppliers", lambda one: any(not has_code(row) for row in one.contracts.all()), gettext_lazy("Names of payees without a social credit code stay inside: %(words)s.")),
        ("contractingProcesses.value", lambda one: sum(worth_fen(row) for row in one.contracts.all()) > (one.approved_fen or 0), gettext_lazy("Contracts add up to more than was approved: %(words)s.")),
    ]  # fmt: skip
    for path, wrong, words in checks:
        found = [one.ref for one in projects if path in has and wrong(one)]
        if found:
            more = "" if len(found) <= 8 else f" … ({len(found)})"
            said.append(str(words) % {"words": ", ".join(found[:8]) + more})
    return [str(one) for one in said]


def publish(*, user: Any, city: City, seen_sha256: str) -> Publication:
    """Send out what was looked at (`seen_sha256` of the preview). A second click answers what the first one sent."""
    policies.demand(user, "publication.publish", city)
    with transaction.atomic():
        City.objects.select_for_update().get(pk=city.pk)
        found = preview(user=user, city=city)
        if found.rule.drafted_by_id == user.pk:
            raise DomainError("two-people", _("Whoever drafted the rule does not publish by it."), status=403)
        if not found.count:
            raise DomainError("nothing-to-publish", _("No project is marked for publication."), status=422)
        if found.seen_sha256 != seen_sha256:
            raise DomainError(
                "publication-changed", _("What would go out has changed since you looked; look again.")
            )
        if found.last is not None and found.difference.none and found.last.rule_id == found.rule.pk:
            return found.last
        return _store(user, city, found.rule, found.content, found.last, "publication.publish", "")


def withdraw(*, user: Any, city: City, reason: str) -> Publication:
    """Nothing of the city is public any more: the address answers that it is gone, until something goes out again."""
    policies.demand(user, "publication.publish", city)
    if not reason.strip():
        raise DomainError("reason-needed", _("Say why it is taken back."), status=422)
    with transaction.atomic():
        City.objects.select_for_update().get(pk=city.pk)
        last, rule = last_of(city), current_rule(city)
        if last is None or rule is None or not last.projects:
            raise DomainError("nothing-published", _("Nothing is published."))
        if rule.drafted_by_id == user.pk:
            raise DomainError("two-people", _("Whoever drafted the rule does not publish by it."), status=403)
        return _store(user, city, rule, {}, last, "publication.withdraw", reason.strip())


def _store(
    user: Any, city: City, rule: PublicationRule, content: dict[str, Any], last: Publication | None, act: str, reason: str
) -> Publication:  # fmt: skip
    digest = hashlib.sha256(text_of(content)).hexdigest()
    made = Publication.objects.create(
        city=city, rule=rule, number=last.number + 1 if last else 1, content=content, sha256=digest,
        projects=len(content.get("projects", [])), published_by=user,
    )  # fmt: skip
    audit.record(
        user=user, act=act, subject=city, ref=f"publication-{made.number}", reason=reason,
        after={"number": made.number, "rule": rule.version, "projects": made.projects, "sha256": digest},
    )  # fmt: skip
    return made
