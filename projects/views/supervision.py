"""Supervision: the board of alerts, where the risk lies, one alert with its one question, the rules and their versions."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.contrib.auth import get_user_model
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import path
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from core import policies
from core.choices import Certainty, OrganisationKind
from core.errors import DomainError, InvalidInput
from core.views.pages import page, page_of
from projects.choices import AlertState, RouteState
from projects.models import AlertRule, SupervisionAlert, SupervisionRun
from projects.selectors import alert_words
from projects.selectors import alerts as read
from projects.services import alert_rules, alert_runs, alerts
from projects.views.supervision_tabs import supervision_tabs


@page
def board_page(request: HttpRequest) -> HttpResponse:
    if not request.city:
        return render(request, "planning/no_city.html")
    chosen = {key: request.GET.getlist(key) for key in read.FILTERS}
    board = read.board(request.user, request.city, chosen)
    listed = page_of(request, board.rows)
    for row in read.with_late_days(list(listed.object_list)):
        row.says = alert_words.sentence(row)
    groups = [
        {
            "legend": legend, "name": key,
            "options": [{"value": one.value, "label": one.label, "count": one.count, "checked": one.chosen} for one in facets],
        }
        for key, legend, facets in board.facets
        if facets
    ]  # fmt: skip
    return render(
        request, "projects/supervision.html",
        {
            "board": board, "page": listed, "groups": groups, "pills": _pills(request, board),
            "kept": [("project", ref) for ref in board.chosen["project"]], "tabs": supervision_tabs("supervision"),
            "waited_days": (board.today - board.oldest).days if board.oldest else None,
            "may_run": policies.allows(request.user, "alert.run", request.city),
            "api": "/api/v1/alerts/?" + urlencode({"city": request.city.code, **{
                key: board.chosen[key] for key in ("state", "rule", "project")}}, doseq=True),
        },
    )  # fmt: skip


def _pills(request: HttpRequest, board: read.Board) -> list[dict[str, Any]]:
    """What was asked for in the address, each removable."""
    words = {key: (legend, {one.value: one.label for one in facets}) for key, legend, facets in board.facets}
    words["project"] = (_("Project"), {})
    found = []
    for key in read.FILTERS:
        for value in dict.fromkeys(request.GET.getlist(key)):
            left = request.GET.copy()
            left.setlist(key, [one for one in left.getlist(key) if one != value])
            left.pop("page", None)
            legend, labels = words[key]
            found.append({"label": legend, "value": labels.get(value, value), "query": left.urlencode()})
    return found


@page
@require_POST
def run_now(request: HttpRequest) -> HttpResponse:
    job = alert_runs.start(user=request.user, city=request.city)
    messages.success(request, _("The rules are run; what they find appears here in a moment."))
    return redirect("job", job.ref)


@page
def risk_page(request: HttpRequest) -> HttpResponse:
    if not request.city:
        return render(request, "planning/no_city.html")
    risk = read.risk(request.user, request.city)
    return render(
        request, "projects/supervision_risk.html",
        {
            "risk": risk, "page": page_of(request, risk.rows), "tabs": supervision_tabs("supervision_risk"),
            "names": {rule.code: rule for rule in risk.rules},
        },
    )  # fmt: skip


# --- one alert ---------------------------------------------------------------------------------------


@page
def alert_page(request: HttpRequest, pk: int) -> HttpResponse:
    """Explain it, or judge the explanation; for everybody else what was found and said."""
    alert = get_object_or_404(read.visible_to(request.user), pk=pk)
    error, typed = None, {}
    if request.method == "POST":
        typed = {key: request.POST.get(key, "") for key in ("act", "text", "note", "owner", "reason")}
        try:
            _act(request, alert, typed)
            return redirect("alert", alert.pk)
        except DomainError as refused:
            error = refused
            alert = get_object_or_404(read.visible_to(request.user), pk=pk)
    read.with_late_days([alert])
    may_assign = alert.state == AlertState.OPEN and policies.allows(
        request.user, "alert.assign", alert.project
    )
    return render(
        request, "projects/alert.html",
        {
            "alert": alert, "project": alert.project, "says": alert_words.sentence(alert), "links": alert_words.links(alert),
            "history": alert.answers.select_related("by", "done_for"), "error": error, "typed": typed,
            "may_explain": alert.state == AlertState.OPEN and read.may_explain(request.user, alert),
            "deputy_of": read.standing_in(request.user, alert),
            "may_judge": alert.state == AlertState.EXPLAINED and read.may_close(request.user, alert),
            "may_assign": may_assign, "people": read.who_could_explain(alert) if may_assign else [],
            "thresholds": _threshold_rows(alert.rule),
        },
        status=error.status if error else 200,
    )  # fmt: skip


def _act(request: HttpRequest, alert: SupervisionAlert, typed: dict[str, str]) -> None:
    act = typed["act"]
    if act == "explain":
        alerts.explain(user=request.user, alert=alert, text=typed["text"])
        messages.success(request, _("Explained. Somebody else reads it and accepts it or sends it back."))
    elif act == "close":
        alerts.close(user=request.user, alert=alert, note=typed["note"])
        messages.success(request, _("Accepted: the alert is closed."))
    elif act == "send_back":
        alerts.send_back(user=request.user, alert=alert, note=typed["note"])
        messages.success(request, _("Sent back: it needs an explanation again."))
    elif act == "assign":
        owner = get_user_model().objects.filter(username=typed["owner"]).first()
        if owner is None:
            raise DomainError("no-person", _("Choose who is to explain it."), status=422)
        alerts.assign(user=request.user, alert=alert, owner=owner, reason=typed["reason"])
        messages.success(request, _("Given to another."))
    else:
        raise DomainError("no-answer-chosen", _("Choose an answer."), status=422)


# --- rules -------------------------------------------------------------------------------------------


def _threshold_rows(rule: AlertRule) -> list[dict[str, Any]]:
    return [
        {"key": key, "label": one.label, "unit": one.unit, "value": rule.thresholds.get(key), "least": one.least, "most": one.most}
        for key, one in alert_rules.THRESHOLDS[rule.code].items()
    ]  # fmt: skip


@page
def rules_page(request: HttpRequest) -> HttpResponse:
    rows = alert_rules.current()
    drafts = {one.code: one for one in AlertRule.objects.filter(state=RouteState.DRAFT)}
    runs = (
        SupervisionRun.objects.filter(city=request.city).select_related("started_by") if request.city else []
    )
    whole = request.city and policies.sees_whole_city(request.user, request.city.pk)
    return render(
        request, "projects/alert_rules.html",
        {
            "rules": [
                {"rule": rule, "thresholds": _threshold_rows(rule), "draft": drafts.get(rule.code)} for rule in rows
            ],
            "runs": runs[:10] if whole else [], "tabs": supervision_tabs("alert_rules"),
        },
    )  # fmt: skip


@page
def rule_page(request: HttpRequest, code: str) -> HttpResponse:
    """One rule: what is in force, every version, and the next one: drafted by one, published by another."""
    versions = list(
        AlertRule.objects.filter(code=code).select_related("drafted_by", "published_by").order_by("-version")
    )
    rule = next((one for one in versions if one.state == RouteState.PUBLISHED), None)
    if rule is None:
        return render(request, "404.html", status=404)
    draft = next((one for one in versions if one.state == RouteState.DRAFT), None)
    error: DomainError | None = None
    typed: dict[str, Any] = {}
    if request.method == "POST":
        typed = request.POST.dict()
        try:
            _rule_act(request, rule, draft, typed)
            return redirect("alert_rule", code)
        except DomainError as refused:
            error = refused
    base = draft or rule
    problems = {one.column: one.message for one in error.problems} if isinstance(error, InvalidInput) else {}
    thresholds = [
        row | {"said": typed.get(row["key"], row["value"]), "problem": problems.get(row["key"])}
        for row in _threshold_rows(base)
    ]
    return render(
        request, "projects/alert_rule.html",
        {
            "rule": rule, "draft": draft, "base": base, "thresholds": thresholds, "in_force": _threshold_rows(rule),
            "versions": [(one, _threshold_rows(one)) for one in versions], "error": error, "problems": problems, "typed": typed,
            "levels": OrganisationKind.choices, "certainties": Certainty.choices, "tabs": supervision_tabs("alert_rules"),
            "may_draft": policies.allows(request.user, "alert_rule.edit"),
            "may_publish": draft is not None and draft.drafted_by_id != request.user.pk
            and policies.allows(request.user, "alert_rule.publish"),
        },
        status=error.status if error else 200,
    )  # fmt: skip


def _rule_act(request: HttpRequest, rule: AlertRule, draft: AlertRule | None, typed: dict[str, Any]) -> None:
    act = typed.get("act", "draft")
    if act in ("publish", "discard"):
        if draft is None:
            raise DomainError("alert-rule-not-draft", _("There is no draft any more."))
        if act == "publish":
            alert_rules.publish(user=request.user, rule=draft)
            messages.success(request, _("In force from the next run on."))
        else:
            alert_rules.discard(user=request.user, rule=draft)
            messages.success(request, _("The draft was thrown away."))
        return
    alert_rules.draft(
        user=request.user, code=rule.code,
        thresholds={key: _whole(typed.get(key, "")) for key in alert_rules.THRESHOLDS[rule.code]},
        answer_working_days=_whole(typed.get("answer_working_days", "")),
        escalate_working_days=_whole(typed.get("escalate_working_days", "")), owner_level=typed.get("owner_level", ""),
        source=typed.get("source", ""), certainty=typed.get("certainty", ""), reason=typed.get("reason", ""),
    )  # fmt: skip
    messages.success(request, _("Drafted. Somebody else puts it in force."))


def _whole(text: str) -> Any:
    """A whole number as typed; anything else as it is, so that it is refused where it stands."""
    text = text.strip().replace(",", "")
    return int(text) if text.isascii() and text.isdigit() else text


urlpatterns = [
    path("supervision/", board_page, name="supervision"),
    path("supervision/run/", run_now, name="supervision_run"),
    path("supervision/risk/", risk_page, name="supervision_risk"),
    path("supervision/alerts/<int:pk>/", alert_page, name="alert"),
    path("supervision/rules/", rules_page, name="alert_rules"),
    path("supervision/rules/<slug:code>/", rule_page, name="alert_rule"),
]
