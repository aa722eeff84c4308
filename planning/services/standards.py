"""Profiles of standards through their life: draft, published, retired. Published ones stay as they are; what must change
is drafted as the next version."""

from __future__ import annotations

import datetime
from collections.abc import Iterable
from typing import Any

from django.db import connection, transaction
from django.db.models import ProtectedError
from django.utils import timezone
from django.utils.text import slugify
from django.utils.translation import gettext_lazy as _

from core import policies
from core.errors import DomainError, InvalidInput, Problem
from core.models import Area, AuditEntry, City
from core.services import audit
from planning.choices import ProfileLevel, ProfileStatus
from planning.models import MinimumNeed, Run, Standard, StandardProfile
from planning.selectors.standards import chain, children_of, revision_of
from planning.services.standard_checks import problems_of

# Any fixed number: the lock behind `_one_at_a_time`.
LOCK = 4_201_776
# Addresses beside those of the profiles.
RESERVED = ("new", "import")
FIELDS = ("name", "name_en", "level", "area", "reason", "valid_from", "valid_to")


def draft_profile(
    *,
    user: Any,
    name: str,
    name_en: str = "",
    code: str = "",
    level: str = ProfileLevel.CITY,
    parent: StandardProfile | None = None,
    area: Area | None = None,
    reason: str = "",
    valid_from: datetime.date | None = None,
    valid_to: datetime.date | None = None,
) -> StandardProfile:
    """A new family of standards, empty: what it does not say it takes from `parent`. `user` None: a command."""
    _demand(user, "standard.edit", area)
    values = {
        "name": name.strip(), "name_en": name_en.strip(), "level": level, "area": area, "reason": reason.strip(),
        "valid_from": valid_from, "valid_to": valid_to,
    }  # fmt: skip
    code = slugify(code or name_en)[:60]
    with transaction.atomic():
        _one_at_a_time()
        _check(values, parent, code)
        profile = StandardProfile.objects.create(
            code=code, family=code, parent=parent, created_by=_person(user), **values
        )
        audit.record(user=user, act="standard.draft", subject=profile, ref=code, after=_told(profile))
    return profile


def next_version(*, user: Any, profile: StandardProfile) -> StandardProfile:
    """A draft with everything the profile says itself, to be changed and published in its place. Where the family has a
    draft already, that one is answered with a refusal that names it."""
    _demand(user, "standard.edit", profile.area)
    family = profile.family or profile.code
    with transaction.atomic():
        _one_at_a_time()
        versions = StandardProfile.objects.filter(family=family)
        if open_draft := versions.filter(status=ProfileStatus.DRAFT).first():
            words = _("There is a draft already: %(code)s. Go on with it, or discard it.")
            raise DomainError("draft-exists", words % {"code": open_draft.code}, profile=open_draft.code)
        newest = max((row.version for row in versions), default=profile.version)
        draft = StandardProfile.objects.create(
            code=_free_code(family, newest + 1), family=family, version=newest + 1, level=profile.level, name=profile.name,
            name_en=profile.name_en, parent=profile.parent, area=profile.area, reason=profile.reason, created_by=_person(user),
        )  # fmt: skip
        # Rows keep who reviewed them: what stays as it was need not be reviewed again.
        for model in (Standard, MinimumNeed):
            rows: Iterable[Any] = model._default_manager.filter(profile=profile)
            copies = []
            for row in rows:
                row.pk, row.profile = None, draft
                copies.append(row)
            model._default_manager.bulk_create(copies)
        audit.record(
            user=user,
            act="standard.next_version",
            subject=draft,
            ref=draft.code,
            before={"from": profile.code},
            after=_told(draft),
        )
    return draft


def update_profile(
    *, user: Any, profile: StandardProfile, revision: int | None, changes: dict[str, Any]
) -> StandardProfile:
    """Change what a draft is called, where it holds and why. `revision`: what the person has seen (None: whatever it is)."""
    if unknown := set(changes) - {*FIELDS, "parent"}:
        words = _("%(words)s cannot be changed.") % {"words": ", ".join(sorted(unknown))}
        raise DomainError("unknown-field", words, status=422)
    with transaction.atomic():
        profile = locked_draft(user, profile, revision)
        if "area" in changes:
            _demand(user, "standard.edit", changes["area"])
        before = _told(profile)
        values = {name: getattr(profile, name) for name in FIELDS} | {
            name: value.strip() if isinstance(value, str) else value for name, value in changes.items()
        }
        parent = values.pop("parent", profile.parent)
        _check(values, parent, profile.code, profile)
        for name, value in {**values, "parent": parent}.items():
            setattr(profile, name, value)
        profile.save()
        audit.record(
            user=user,
            act="standard.update",
            subject=profile,
            ref=profile.code,
            before=before,
            after=_told(profile),
        )
    return profile


def discard_draft(*, user: Any, profile: StandardProfile, revision: int | None = None) -> None:
    """Throw a draft away with its rows. One that runs rest on, or others derive from, stays."""
    with transaction.atomic():
        profile = locked_draft(user, profile, revision)
        if profile.is_default:
            raise DomainError("profile-is-default", _("The default standards cannot be thrown away."))
        if Run.objects.filter(profile=profile).exists():
            raise DomainError(
                "profile-in-use",
                _("Runs rest on this draft, so it is kept. Publish it, or leave it as a draft."),
            )
        if profile.children.exists():
            raise DomainError("profile-in-use", _("Other profiles derive from this draft, so it is kept."))
        audit.record(
            user=user, act="standard.discard", subject=profile, ref=profile.code, before=_told(profile)
        )
        try:
            profile.delete()
        except ProtectedError:
            raise DomainError(
                "profile-in-use", _("Batches were asked with this draft, so it is kept.")
            ) from None


def publish_profile(
    *, user: Any, profile: StandardProfile, revision: int | None = None, make_default: bool = False
) -> StandardProfile:
    """Put a draft in force. The version of its family that was in force is retired at the same moment, and the default
    moves along. Whoever drafted the profile or changed one of its rows cannot publish it.

    Raises InvalidInput with everything that is still missing.
    """
    _demand(user, "standard.publish", profile.area)
    with transaction.atomic():
        _one_at_a_time()
        family = profile.family or profile.code
        versions = list(StandardProfile.objects.select_for_update().filter(family=family).order_by("pk"))
        profile = locked_draft(None, profile, revision)
        _two_people(user, profile)
        if problems := problems_of(profile):
            raise InvalidInput(_("The draft is not ready to be published."), problems, "draft-incomplete")
        today = timezone.localdate()
        former = [one for one in versions if one.status == ProfileStatus.PUBLISHED and one.pk != profile.pk]
        was_default = [one for one in former if one.is_default]
        if make_default or was_default or profile.is_default:
            _holds_everywhere(profile)
            StandardProfile.objects.filter(is_default=True).exclude(pk=profile.pk).update(is_default=False)
            profile.is_default = True
        for one in former:
            _retire(one, today)
        profile.standards.filter(reviewed_by=None).update(reviewed_by=_person(user))
        profile.status, profile.reviewed_by, profile.published_at = (
            ProfileStatus.PUBLISHED,
            _person(user),
            timezone.now(),
        )
        profile.valid_from = profile.valid_from or today
        profile.save()
        audit.record(
            user=user, act="standard.publish", subject=profile, ref=profile.code,
            before={"retired": [one.code for one in former]}, after=_told(profile),
        )  # fmt: skip
    return profile


def left_behind(profile: StandardProfile) -> list[StandardProfile]:
    """Published profiles that derive from the versions which this draft would replace. They keep the former numbers until
    they have a next version themselves, and do not count in runs by the new one."""
    former = StandardProfile.objects.filter(
        family=profile.family or profile.code, status=ProfileStatus.PUBLISHED
    )
    return [child for one in former.exclude(pk=profile.pk) for child in children_of(one)]


def retire_profile(
    *, user: Any, profile: StandardProfile, revision: int | None = None, reason: str = ""
) -> StandardProfile:
    """Take a published profile out of use. Runs that rest on it stay; new ones are refused."""
    _demand(user, "standard.publish", profile.area)
    with transaction.atomic():
        _one_at_a_time()
        profile = StandardProfile.objects.select_for_update().get(pk=profile.pk)
        _unchanged(profile, revision)
        if profile.is_default:
            raise DomainError(
                "profile-is-default",
                _("These are the default standards. Make others the default first."),
            )
        if profile.status != ProfileStatus.PUBLISHED:
            raise DomainError("profile-not-published", _("Only published standards can be retired."))
        _retire(profile, timezone.localdate())
        audit.record(
            user=user, act="standard.retire", subject=profile, ref=profile.code, after=_told(profile), reason=reason
        )  # fmt: skip
    return profile


def make_default(*, user: Any, profile: StandardProfile) -> StandardProfile:
    """Let runs use these standards when nobody names others."""
    _demand(user, "standard.publish", None)
    with transaction.atomic():
        _one_at_a_time()
        profile = StandardProfile.objects.select_for_update().get(pk=profile.pk)
        if profile.status != ProfileStatus.PUBLISHED:
            raise DomainError("profile-not-published", _("Only published standards can be the default."))
        _holds_everywhere(profile)
        former = StandardProfile.objects.filter(is_default=True).exclude(pk=profile.pk)
        before = list(former.values_list("code", flat=True))
        former.update(is_default=False)
        profile.is_default = True
        profile.save()
        audit.record(
            user=user, act="standard.default", subject=profile, ref=profile.code,
            before={"default": before}, after={"default": profile.code},
        )  # fmt: skip
    return profile


def locked_draft(user: Any, profile: StandardProfile, revision: int | None) -> StandardProfile:
    """The draft, locked until the transaction ends. Refuses published and retired ones, and a revision that is no longer
    the present one. `user` None: the right to edit was asked already."""
    if user is not None:
        _demand(user, "standard.edit", profile.area)
    found = (
        StandardProfile.objects.select_for_update(of=("self",))
        .select_related("parent", "area")
        .filter(pk=profile.pk)
        .first()
    )
    if found is None:
        raise DomainError("draft-gone", _("Somebody has thrown this draft away."), status=404)
    if found.status != ProfileStatus.DRAFT:
        raise DomainError(
            "profile-published",
            _("Published standards stay as they are. Draft the next version and change that."),
        )
    _unchanged(found, revision)
    return found


def _unchanged(profile: StandardProfile, revision: int | None) -> None:
    if revision is not None and revision != revision_of(profile):
        raise DomainError(
            "changed-meanwhile",
            _("The profile was changed meanwhile; read it again."),
            status=412,
            revision=revision_of(profile),
        )


def _retire(profile: StandardProfile, today: datetime.date) -> None:
    profile.status, profile.retired_at, profile.is_default = ProfileStatus.RETIRED, timezone.now(), False
    profile.valid_to = profile.valid_to or today
    profile.save()


def _two_people(user: Any, profile: StandardProfile) -> None:
    """A command of this machine answers to whoever runs it; a person must not have had a hand in the draft."""
    if user is None:
        return
    written = AuditEntry.objects.filter(
        subject_type=profile._meta.label_lower, subject_ref=profile.code, user=user
    )
    if profile.created_by_id == user.pk or written.exists():
        raise DomainError(
            "two-people",
            _("Who drafted a profile or changed its numbers cannot publish it; somebody else must."),
            status=403,
        )


def _demand(user: Any, act: str, area: Area | None) -> None:
    """Standards of no area hold everywhere: only who may act for a whole city changes them."""
    if user is not None:
        policies.demand(user, act, area if area is not None else StandardProfile())


def _holds_everywhere(profile: StandardProfile) -> None:
    """The default judges every city, so it may hold for one only where there is no other."""
    area = profile.area
    if area is not None and (area.parent_id or City.objects.exclude(pk=area.city_id).exists()):
        raise DomainError(
            "default-holds-everywhere", _("The default must hold in every city of this installation."), status=422
        )  # fmt: skip


def _one_at_a_time() -> None:
    """Versions, the one that is published and the default are decided one after the other: who comes second sees what the
    first has done, and is told in words instead of by the database."""
    with connection.cursor() as cursor:
        cursor.execute("select pg_advisory_xact_lock(%s)", [LOCK])


def _person(user: Any) -> Any:
    return user if getattr(user, "is_authenticated", False) else None


def _free_code(family: str, version: int) -> str:
    tail = f"-{version}"
    code = family[: 60 - len(tail)] + tail
    while StandardProfile.objects.filter(code=code).exists():
        tail += "a"
        code = family[: 60 - len(tail)] + tail
    return code


def _told(profile: StandardProfile) -> dict[str, Any]:
    return {
        "code": profile.code, "family": profile.family, "version": profile.version, "level": profile.level,
        "parent": profile.parent.code if profile.parent else None, "area": profile.area.code if profile.area else None,
        "status": profile.status, "is_default": profile.is_default, "reason": profile.reason,
        "valid_from": profile.valid_from, "valid_to": profile.valid_to,
    }  # fmt: skip


def _check(
    values: dict[str, Any],
    parent: StandardProfile | None,
    code: str,
    profile: StandardProfile | None = None,
) -> None:
    """Everything wrong with what a draft is called, where it holds and what it derives from, at once."""
    found: list[Problem] = []

    def say(column: str, key: str, words: Any) -> None:
        found.append(Problem(key, words, column=column))

    if not values["name"]:
        say("name", "name-missing", _("Give the profile a name."))
    if len(values["name"]) > 120 or len(values["name_en"]) > 120:
        say("name", "name-long", _("A name has at most 120 characters."))
    if profile is None and not code:
        say(
            "code",
            "code-missing",
            _("Give a code of letters, digits and hyphens, or an English name to make it from."),
        )
    elif profile is None and code in RESERVED:
        say("code", "code-taken", _("This word is an address of its own; choose another code."))
    elif profile is None and (
        StandardProfile.objects.filter(code=code).exists()
        or StandardProfile.objects.filter(family=code).exists()
    ):
        say("code", "code-taken", _("There is a profile of this code already."))
    if values["level"] not in ProfileLevel.values:
        say("level", "level-unknown", _("Choose one of the levels."))
    district = values["level"] == ProfileLevel.DISTRICT
    inside = values["area"] is not None and values["area"].parent_id is not None
    if district and not inside:
        say("area", "area-missing", _("Choose the district that the profile holds for."))
    if inside and not district:
        say("level", "level-of-district", _("A profile for a part of a city is one of a district."))
    if district and parent is None:
        say("parent", "parent-missing", _("Choose what the district's profile derives from."))
    if parent is not None:
        if parent.status == ProfileStatus.RETIRED and (profile is None or profile.parent_id != parent.pk):
            say("parent", "parent-retired", _("The profile above is retired; choose one in force."))
        if profile is not None and any(one.pk == profile.pk for one in chain(parent)):
            say("parent", "parent-loop", _("A profile cannot derive from itself."))
        if (
            parent.area is not None
            and (values["area"] is None or not values["area"].path.startswith(parent.area.path))
        ) or (
            parent.area is not None
            and values["area"] is not None
            and parent.area.city_id != values["area"].city_id
        ):
            say(
                "parent",
                "parent-elsewhere",
                _("The profile above must hold for a wider area around this one."),
            )
        if not values["reason"]:
            say("reason", "reason-missing", _("Say why there are local values."))
    if values["valid_from"] and values["valid_to"] and values["valid_to"] < values["valid_from"]:
        say("valid_to", "dates-crossed", _("The last day lies before the first."))
    if found:
        raise InvalidInput(_("Some answers are missing or not possible."), found)
