"""Which projects are inspected: drawn by risk, so that nobody can choose and anybody can draw again.

Weighted sampling without replacement (Efraimidis and Spirakis 2006): each project has u in (0, 1) from the seed and its
reference, and those with the largest u^(1/w) are drawn. The list with its weights is frozen and published before the seed
exists; the seed is the outcome of a public event that was named with it. docs/algorithms/inspection-draw.md works an
example by hand; the database computes the same and refuses any other result (migration 0016).
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import IntegrityError, connection, transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from core import policies
from core.errors import DomainError, Forbidden
from core.models import Area, City
from core.services import audit
from core.services.refs import next_ref
from projects.models import InspectionDraw, Project
from projects.selectors.works_rules import Limits
from projects.services import events, inspections, works_rules
from projects.services.working_days import add_working_days

Weighted = tuple[str, float]


# --- the method ------------------------------------------------------------------------------------


def uniform(seed: str, ref: str) -> float:
    """A number in (0, 1) that seed and reference fix: the first 52 bits of SHA-256("seed|ref"), plus a half."""
    digest = hashlib.sha256(f"{seed}|{ref}".encode()).hexdigest()
    return (int(digest[:13], 16) + 0.5) / 2**52


def draw_refs(seed: str, weighted: Sequence[Weighted], count: int) -> list[str]:
    """References drawn, the first first. ln(u)/w has the same order as u^(1/w) and loses no digits."""
    keys = sorted(((-math.log(uniform(seed, ref)) / weight, ref) for ref, weight in weighted))
    return [ref for _key, ref in keys[:count]]


def list_sha256(weighted: Sequence[Weighted], count: int) -> str:
    """Hash of what is announced: one line "reference<tab>weight with four digits" each, then the number drawn."""
    lines = [f"{ref}\t{weight:.4f}" for ref, weight in weighted]
    return hashlib.sha256("\n".join([*lines, str(count)]).encode()).hexdigest()


def weight_of(facts: dict[str, Any], limits: Limits) -> float:
    """Weight of one project from its facts (see `facts_of`), to four digits, which are what is published."""
    alerts = min(facts["alerts_open"], limits.draw_alerts_most)
    overdue = min(facts["findings_overdue"], limits.draw_overdue_findings_most)
    ahead = min(max(facts["paid_percent"] - facts["seen_percent"], 0.0), limits.draw_paid_ahead_points_most)
    months = min(facts["days_unseen"] / 30, limits.draw_unseen_months_most)
    tenfolds = min(max(math.log10(max(facts["cost_fen"], 1) / 10**8), 0.0), limits.draw_cost_tenfolds_most)
    weight = (
        limits.draw_base
        + limits.draw_alert * alerts
        + limits.draw_overdue_finding * overdue
        + limits.draw_paid_ahead_point * ahead
        + limits.draw_unseen_month * months
        + limits.draw_cost_tenfold * tenfolds
    )
    return round(weight, 4)


def facts_of(city: City, area: Area | None = None) -> list[dict[str, Any]]:
    """What is known of every project in works, by reference, in one statement. `seen_percent` is 0 where nobody has been
    on site; `days_unseen` counts from the last inspection, or from the start of the works."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            select p.ref, coalesce(p.approved_fen, p.cost_fen),
                (select count(*) from projects_supervisionalert a where a.project_id = p.id and a.state <> 'closed'),
                (select count(*) from projects_finding f join projects_inspection i on i.id = f.inspection_id
                    where i.project_id = p.id and f.state = 'open' and f.due_on < %(today)s),
                (select coalesce(sum(amount_fen), 0) from projects_payment y where y.project_id = p.id),
                coalesce(s.works_percent, 0), %(today)s - coalesce(s.done_on, p.started_on)
            from projects_project p left join core_area r on r.id = p.area_id
            left join lateral (select works_percent, done_on from projects_inspection i
                where i.project_id = p.id and i.done_on is not null order by done_on desc, id desc limit 1) s on true
            where p.city_id = %(city)s and p.state = 'works' and (%(path)s = '' or r.path like %(path)s || '%%')
            order by p.ref
            """,
            {"city": city.pk, "today": timezone.localdate(), "path": area.path if area else ""},
        )
        return [
            {
                "ref": ref, "cost_fen": int(cost), "alerts_open": alerts, "findings_overdue": overdue,
                "paid_percent": round(100 * int(paid) / int(cost), 2) if cost else 0.0,
                "seen_percent": round(float(seen), 2), "days_unseen": max(int(days or 0), 0),
            }
            for ref, cost, alerts, overdue, paid, seen, days in cursor.fetchall()
        ]  # fmt: skip


# --- announce, draw, call off ----------------------------------------------------------------------


def announce(
    *,
    user: Any,
    city: City,
    count: int,
    seed_source: str,
    seed_expected_at: datetime,
    area: Area | None = None,
) -> InspectionDraw:
    """Freeze and publish the list with its weights, and name the public event whose outcome will be the seed."""
    policies.demand(user, "inspection.draw", area or city)
    if area is not None and area.city_id != city.pk:
        raise DomainError("other-city", _("The area belongs to another city."), status=422)
    if not seed_source.strip():
        raise DomainError(
            "no-seed-source",
            _("Name the public event whose outcome will be the seed, say a state lottery with its number."),
            status=422,
        )
    if seed_expected_at <= timezone.now():
        raise DomainError(
            "seed-known",
            _("The seed must not be known yet: name an event that is still to come."),
            status=422,
        )
    limits = works_rules.current()
    listed = [{**facts, "weight": weight_of(facts, limits)} for facts in facts_of(city, area)]
    if int(count) != count or not 0 < count <= len(listed):
        raise DomainError(
            "bad-count",
            _("From 1 to %(most)d projects can be drawn: so many are in works here.") % {"most": len(listed)},
            status=422,
            most=len(listed),
        )
    try:
        with transaction.atomic():
            made = InspectionDraw.objects.create(
                city=city, area=area, ref=next_ref("D"), rule=limits.rule, count=count, weights=listed,
                list_sha256=list_sha256(pairs(listed), count), seed_source=seed_source.strip()[:200],
                seed_expected_at=seed_expected_at, announced_by=user,
            )  # fmt: skip
            audit.record(
                user=user, act="inspection.announce", subject=area or city, ref=made.ref,
                after={"projects": len(listed), "count": count, "list_sha256": made.list_sha256, "seed_source": made.seed_source},
            )  # fmt: skip
    except IntegrityError as refused:
        if "draw_one_announced" not in str(refused):
            raise DomainError("draw-refused", _("The register refuses this draw.")) from None
        raise DomainError(
            "draw-announced", _("A draw is announced here already: draw it, or call it off with a reason.")
        ) from None
    return made


def pairs(weights: Sequence[dict[str, Any]]) -> list[Weighted]:
    return [(one["ref"], float(one["weight"])) for one in weights]


def draw(*, user: Any, draw: InspectionDraw, seed: str) -> InspectionDraw:
    """Enter the outcome that was announced; everything else follows from it. Each drawn project gets an inspection."""
    policies.demand(user, "inspection.draw", draw.area or draw.city)
    text = " ".join(seed.split())
    if not text or len(text) > 200:
        raise DomainError("no-seed", _("Enter the outcome of the event, up to 200 characters."), status=422)
    if timezone.now() < draw.seed_expected_at:
        raise DomainError("seed-early", _("The event that gives the seed has not taken place yet."))
    limits = works_rules.current()
    with transaction.atomic():
        held = InspectionDraw.objects.select_for_update().get(pk=draw.pk)
        if held.drawn_at is not None or held.voided_at is not None:
            raise DomainError("draw-over", _("This draw was made or called off already."))
        held.seed, held.drawn_by, held.drawn_at = text, user, timezone.now()
        held.chosen = draw_refs(text, pairs(held.weights), held.count)
        held.save(update_fields=["seed", "drawn_by", "drawn_at", "chosen"])
        due = add_working_days(timezone.localdate(), limits.inspect_working_days)
        # A project that was commissioned between list and seed has nothing left to be inspected; the page says so.
        for project in (
            Project.objects.filter(ref__in=held.chosen, state="works").select_related("area").order_by("ref")
        ):
            made = inspections.plan(user=user, project=project, planned_on=due, drawn=held)
            events.tell(
                project=project, kind="inspection.drawn", ref=made.ref,
                payload={"draw": held.ref, "planned_on": due.isoformat(), "seed": text},
            )  # fmt: skip
        audit.record(
            user=user, act="inspection.draw", subject=held.area or held.city, ref=held.ref,
            after={"seed": text, "chosen": held.chosen},
        )  # fmt: skip
    draw.refresh_from_db()
    return draw


def void(*, user: Any, draw: InspectionDraw, reason: str) -> InspectionDraw:
    """Call off a draw whose event did not take place. It stays on the list with the reason."""
    policies.demand(user, "inspection.draw", draw.area or draw.city)
    if not reason.strip():
        raise DomainError("no-reason", _("Say why."), status=422)
    if draw.announced_by_id == user.pk and timezone.now() >= draw.seed_expected_at:
        # Whoever announced it could else try until the outcome pleases.
        raise Forbidden(
            _("The outcome may be known by now; somebody else than who announced the draw calls it off."),
            "two-people",
        )
    with transaction.atomic():
        moved = InspectionDraw.objects.filter(pk=draw.pk, drawn_at=None, voided_at=None).update(
            voided_at=timezone.now(), voided_by=user, void_reason=reason.strip()
        )
        if not moved:
            raise DomainError("draw-over", _("This draw was made or called off already."))
        draw.refresh_from_db()
        audit.record(
            user=user,
            act="inspection.void",
            subject=draw.area or draw.city,
            ref=draw.ref,
            reason=reason.strip(),
        )
    return draw


@dataclass(frozen=True)
class Check:
    """A draw computed again from what is published. `same` when list and result are what was announced and drawn."""

    draw: str
    list_holds: bool
    chosen: list[str]
    recomputed: list[str]

    @property
    def same(self) -> bool:
        return self.list_holds and self.chosen == self.recomputed


def check(draw: InspectionDraw) -> Check:
    weighted = pairs(draw.weights)
    recomputed = draw_refs(draw.seed, weighted, draw.count) if draw.seed else []
    return Check(draw.ref, list_sha256(weighted, draw.count) == draw.list_sha256, draw.chosen, recomputed)
