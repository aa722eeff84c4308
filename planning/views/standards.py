"""Standards: the list of profiles, the record of one, what differs, its life from draft to retired."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from core import policies
from core.errors import DomainError, InvalidInput
from core.templatetags.pingji import local_name, unit
from core.views.pages import page
from planning.choices import Phase, ProfileStatus
from planning.forms.standards import ProfileForm
from planning.models import Standard, StandardProfile
from planning.selectors import scenarios as selectors
from planning.selectors.deviations import Deviation, deviation_counts, deviations, profile_rows, root_of
from planning.selectors.standards import (
    chain,
    children_of,
    effective_needs,
    effective_standards,
    former_version,
    is_local,
    profiles_visible_to,
    revision_of,
    versions_of,
)
from planning.services import standard_files, standards
from planning.services.standard_checks import problems_of

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


def profile_seen(request: HttpRequest, code: str) -> StandardProfile:
    return get_object_or_404(profiles_visible_to(request.user), code=code)


def place_of(profile: StandardProfile) -> Any:
    """Where the right to change it is asked: its area, or everywhere."""
    return profile.area if profile.area is not None else StandardProfile()


def rights(request: HttpRequest, profile: StandardProfile) -> dict[str, bool]:
    draft = profile.status == ProfileStatus.DRAFT
    edits = policies.allows(request.user, "standard.edit", place_of(profile))
    publishes = policies.allows(request.user, "standard.publish", place_of(profile))
    published = profile.status == ProfileStatus.PUBLISHED
    return {
        "may_edit": draft and edits,
        "may_draft": edits and not draft,
        "may_publish": draft and publishes,
        "may_retire": published and publishes and not profile.is_default,
        "may_make_default": published
        and not profile.is_default
        and not is_local(profile)
        and policies.allows(request.user, "standard.publish", StandardProfile()),
        "may_try": profile.status != ProfileStatus.RETIRED
        and bool(request.city)
        and policies.allows(request.user, "view", request.city),
    }


def frame(request: HttpRequest, profile: StandardProfile, tab: str) -> dict[str, Any]:
    """What every page of one profile shows."""
    return {
        "profile": profile, "tab": tab, "revision": revision_of(profile), "deviation_count": deviation_counts().get(profile.pk, 0),
        **rights(request, profile),
    }  # fmt: skip


@page
def profile_list(request: HttpRequest) -> HttpResponse:
    context = {
        "profiles": profile_rows(request.user), "speeds": selectors.speed_profiles(),
        "may_draft": policies.allows(request.user, "standard.edit"),
    }  # fmt: skip
    return render(request, "planning/standards.html", context)


@page
def profile_record(request: HttpRequest, code: str) -> HttpResponse:
    profile = profile_seen(request, code)
    draft = profile.status == ProfileStatus.DRAFT
    runs = selectors.runs_with(profile, user=request.user, city=request.city)[:8] if request.city else []
    context = frame(request, profile, "") | {
        "standards": shown_rows(effective_standards(profile), profile), "runs": runs,
        "needs": effective_needs(profile), "versions": versions_of(profile),
        "problems": problems_of(profile) if draft else [], "children": children_of(profile),
        "above_retired": profile.parent is not None and profile.parent.status == ProfileStatus.RETIRED,
    }  # fmt: skip
    return render(request, "planning/standard_profile.html", context)


def shown_rows(rows: list[Standard], profile: StandardProfile) -> list[Standard]:
    """Rows with what the table shows beside their numbers."""
    for row in rows:
        row.own = row.profile_id == profile.pk
        row.phase_words = str(Phase(row.phase).label) if row.phase else _("all the time")
        row.shown, row.shown_low, row.shown_high = (
            None if value is None else f"{value * row.per_people:,.6g}"
            for value in (row.ratio, row.ratio_low, row.ratio_high)
        )
    return rows


@page
def profile_deviations(request: HttpRequest, code: str) -> HttpResponse:
    """What differs from the profile above, from the root, or from the version before; on the page or as a file."""
    profile = profile_seen(request, code)
    against, chosen = _against(request, profile)
    form = request.GET.get("format", "")
    if form in ("csv", "xlsx"):
        made = standard_files.deviations_csv if form == "csv" else standard_files.deviations_workbook
        kind = "text/csv; charset=utf-8" if form == "csv" else XLSX
        answer = HttpResponse(made(profile, against), content_type=kind)
        answer["Content-Disposition"] = (
            f'attachment; filename="deviations-{profile.code}-{timezone.localdate()}.{form}"'
        )
        return answer
    choices = []
    if profile.parent is not None:
        choices.append(("parent", profile.parent))
        if (root := root_of(profile)).pk != profile.parent_id:
            choices.append(("root", root))
    if (former := former_version(profile)) is not None:
        choices.append(("former", former))
    rows = [deviation_shown(one) for one in deviations(profile, against)] if against else []
    context = frame(request, profile, "deviations") | {
        "rows": rows, "against": against, "chosen": chosen, "choices": choices,
    }  # fmt: skip
    return render(request, "planning/standard_deviations.html", context)


def _against(request: HttpRequest, profile: StandardProfile) -> tuple[StandardProfile | None, str]:
    asked = request.GET.get("against", "")
    if asked == "root" and profile.parent is not None:
        return root_of(profile), "root"
    if asked == "former" or (profile.parent is None and asked != "parent"):
        return former_version(profile), "former"
    return profile.parent, "parent"


def deviation_shown(one: Deviation) -> dict[str, Any]:
    source, clause = standard_files.source_of(one)
    return {
        "one": one, "parameter": standard_files.parameter_name(one.parameter), "phase": standard_files.phase_words(one.row.phase),
        "own": _with_unit(one, one.row, one.own), "above": _with_unit(one, one.base, one.above),
        "difference": None if one.difference is None else f"{one.difference:+,.6g}".replace("-", "−"), "source": source, "clause": clause,
    }  # fmt: skip


def _with_unit(one: Deviation, row: Any, value: Any) -> str:
    words = standard_files.value_words(one.parameter, value)
    if not words or row is None:
        return words
    if one.parameter == "reach_limit":
        return f"{words} {row.get_reach_unit_display()}"
    if one.parameter.startswith("ratio"):
        return f"{words} {unit(row.service)}"
    return f"{words} {local_name(row, 'unit')}" if one.parameter == "amount" else words


@page
def profile_new(request: HttpRequest) -> HttpResponse:
    """Draft a profile from scratch, or derived from another one."""
    if not policies.allows(request.user, "standard.edit"):
        policies.demand(request.user, "standard.edit", StandardProfile())
    form = ProfileForm(
        request.POST or None, city=request.city, initial={"parent": request.GET.get("parent", "")}
    )
    if request.method == "POST" and form.is_valid():
        try:
            profile = standards.draft_profile(user=request.user, **form.values())
            return redirect("standard_profile", code=profile.code)
        except InvalidInput as error:
            form.take_problems(error)
    context = {"form": form, "profile": None}
    return render(request, "planning/standard_form.html", context, status=422 if form.is_bound else 200)


@page
def profile_edit(request: HttpRequest, code: str) -> HttpResponse:
    profile = profile_seen(request, code)
    policies.demand(request.user, "standard.edit", place_of(profile))
    initial = {name: getattr(profile, name) for name in standards.FIELDS} | {
        "revision": revision_of(profile), "parent": profile.parent.code if profile.parent else "",
        "area": profile.area_id,
    }  # fmt: skip
    form = ProfileForm(request.POST or None, city=request.city, profile=profile, initial=initial)
    if request.method == "POST" and form.is_valid():
        try:
            standards.update_profile(
                user=request.user,
                profile=profile,
                revision=form.cleaned_data["revision"],
                changes=form.values(),
            )
            return redirect("standard_profile", code=code)
        except InvalidInput as error:
            form.take_problems(error)
    context = {"form": form, "profile": profile}
    return render(request, "planning/standard_form.html", context, status=422 if form.is_bound else 200)


@require_POST
@page
def profile_next(request: HttpRequest, code: str) -> HttpResponse:
    """Draft the next version; where there is a draft already, go on with it."""
    try:
        draft = standards.next_version(user=request.user, profile=profile_seen(request, code))
    except DomainError as refused:
        if refused.code != "draft-exists":
            raise
        messages.info(request, str(refused.message))
        return redirect("standard_profile", code=refused.extra["profile"])
    messages.success(request, _("A draft of version %(number)s. Change it, then let somebody publish it.") % {"number": draft.version})  # fmt: skip
    return redirect("standard_profile", code=draft.code)


@page
def profile_publish(request: HttpRequest, code: str) -> HttpResponse:
    """One question: put this draft in force?"""
    profile = profile_seen(request, code)
    policies.demand(request.user, "standard.publish", place_of(profile))
    if request.method == "POST":
        standards.publish_profile(
            user=request.user, profile=profile, revision=_number(request.POST.get("revision")),
            make_default=bool(request.POST.get("make_default")),
        )  # fmt: skip
        messages.success(request, _("%(name)s is in force.") % {"name": local_name(profile)})
        return redirect("standard_profile", code=code)
    former = former_version(profile)
    against = profile.parent or former
    context = frame(request, profile, "publish") | {
        "problems": problems_of(profile), "former": former if former and former.status == ProfileStatus.PUBLISHED else None,
        "left_behind": standards.left_behind(profile), "local": is_local(profile), "against": former or profile.parent,
        "rows": [deviation_shown(one) for one in deviations(profile, former or against)] if (former or against) else [],
    }  # fmt: skip
    return render(request, "planning/standard_publish.html", context)


@page
def profile_retire(request: HttpRequest, code: str) -> HttpResponse:
    """One question: take these standards out of use?"""
    profile = profile_seen(request, code)
    policies.demand(request.user, "standard.publish", place_of(profile))
    if request.method == "POST":
        standards.retire_profile(
            user=request.user, profile=profile, revision=_number(request.POST.get("revision")),
            reason=request.POST.get("reason", "").strip(),
        )  # fmt: skip
        messages.success(request, _("%(name)s is retired.") % {"name": local_name(profile)})
        return redirect("standard_profile", code=code)
    runs = selectors.runs_with(profile, user=request.user, city=request.city) if request.city else []
    context = frame(request, profile, "retire") | {
        "runs": runs.count() if request.city else 0, "children": children_of(profile),
    }  # fmt: skip
    return render(request, "planning/standard_retire.html", context)


@require_POST
@page
def profile_default(request: HttpRequest, code: str) -> HttpResponse:
    profile = standards.make_default(user=request.user, profile=profile_seen(request, code))
    messages.success(
        request, _("%(name)s is used by runs where nobody names others.") % {"name": local_name(profile)}
    )
    return redirect("standard_profile", code=code)


@require_POST
@page
def profile_discard(request: HttpRequest, code: str) -> HttpResponse:
    profile = profile_seen(request, code)
    standards.discard_draft(
        user=request.user, profile=profile, revision=_number(request.POST.get("revision"))
    )
    messages.success(request, _("The draft %(code)s is thrown away.") % {"code": code})
    return redirect("standards")


@page
def profile_file(request: HttpRequest, code: str) -> HttpResponse:
    profile = profile_seen(request, code)
    answer = HttpResponse(standard_files.export_toml(profile), content_type="application/toml; charset=utf-8")
    answer["Content-Disposition"] = f'attachment; filename="{profile.code}.toml"'
    return answer


@page
def profile_import(request: HttpRequest) -> HttpResponse:
    """A file makes a draft; everything wrong with it is said at once."""
    if not policies.allows(request.user, "standard.edit"):
        policies.demand(request.user, "standard.edit", StandardProfile())
    problems, words = [], ""
    if request.method == "POST":
        upload = request.FILES.get("file")
        try:
            if upload is None:
                raise DomainError("file-missing", _("Choose a file."), status=422)
            text = upload.read(standard_files.LARGEST_FILE + 1).decode("utf-8", errors="replace")
            profile = standard_files.import_toml(user=request.user, text=text)
            messages.success(request, _("The file has become a draft."))
            return redirect("standard_profile", code=profile.code)
        except InvalidInput as error:
            problems, words = error.problems, str(error.message)
        except DomainError as error:
            words = str(error.message)
    context = {"problems": problems, "words": words}
    return render(request, "planning/standard_import.html", context, status=422 if words else 200)


@page
def help_standards(request: HttpRequest) -> HttpResponse:
    listed = profiles_visible_to(request.user).filter(status=ProfileStatus.PUBLISHED)
    groups = [
        {"profile": one, "standards": shown_rows(effective_standards(one), one), "needs": effective_needs(one), "chain": chain(one)[1:]}
        for one in listed.order_by("-is_default", "code")
    ]  # fmt: skip
    context = {
        "profiles": groups,
        "rules": selectors.capacity_rules(),
        "rates": selectors.cost_rates(),
    }
    return render(request, "help/standards.html", context)


def _number(text: str | None) -> int | None:
    return int(text) if text and text.isdecimal() else None
