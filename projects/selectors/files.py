"""What can be taken away of a project: what was handed in, round by round, and the evidence kept with it."""

from __future__ import annotations

from typing import Any

from django.shortcuts import get_object_or_404

from core import policies
from projects.models import Case, Evidence, Project, Submission
from projects.selectors.pages import projects_visible_to


def project_seen(user: Any, ref: str) -> Project:
    """The project, where the person may see it; else Http404."""
    rows = projects_visible_to(user).select_related("city", "area", "service", "facility", "idle_asset")
    return get_object_or_404(rows, ref=ref)


def cases_of(project: Project) -> list[Case]:
    """Newest first, each with its submissions and evidence."""
    return list(
        project.cases.select_related("route", "tranche")
        .prefetch_related("submissions__submitted_by", "evidence")
        .order_by("-id")
    )


def case_of(project: Project, ref: str) -> Case:
    return get_object_or_404(project.cases.select_related("route", "tranche", "project__city"), ref=ref)


def _seen(user: Any, project: Project, content: Any) -> tuple[Any, int]:
    """The content without places of a list that lie outside the person's areas, and how many were left out."""
    paths = policies.visible_paths(user, project.city_id)
    left_out = 0

    def walk(thing: Any) -> Any:
        nonlocal left_out
        if isinstance(thing, dict):
            return {key: walk(one) for key, one in thing.items()}
        if not isinstance(thing, list):
            return thing
        kept = [one for one in thing if not isinstance(one, dict) or _inside(one.get("area_path"), paths)]
        left_out += len(thing) - len(kept)
        return [walk(one) for one in kept]

    return walk(content), left_out


# Sums of a whole city in evidence; they are for those who may see all of it.
CITY_SUMS = {"run": ("city",), "plan": ("value", "bound"), "snapshot": ("cells", "sites")}


def _inside(path: str | None, paths: list[str] | None) -> bool:
    return paths is None or not path or any(path.startswith(top) for top in paths)


def submission_document(user: Any, ref: str, case: str, round_: int) -> dict[str, Any]:
    """A round's content word for word with its hash. `left_out` places outside the reader's areas: then the hash is that of
    the whole."""
    project = project_seen(user, ref)
    row = get_object_or_404(
        Submission.objects.select_related("case"), case__project=project, case__ref=case, round=round_
    )
    content, left_out = _seen(user, project, row.content)
    return {
        "project": ref, "case": case, "round": row.round, "submitted_at": row.submitted_at.isoformat(), "sha256": row.sha256,
        "left_out": left_out, "content": content,
    }  # fmt: skip


def evidence_document(user: Any, ref: str, pk: int) -> dict[str, Any]:
    project = project_seen(user, ref)
    row = get_object_or_404(Evidence.objects.select_related("case"), case__project=project, pk=pk)
    content, left_out = _seen(user, project, row.content)
    if not policies.sees_whole_city(user, project.city_id):
        left_out += sum(content.pop(name, None) is not None for name in CITY_SUMS.get(row.kind, ()))
    return {
        "project": ref, "case": row.case.ref, "round": row.round, "kind": row.kind, "title": row.title, "title_en": row.title_en,
        "link": row.link, "sha256": row.sha256, "left_out": left_out, "content": content,
    }  # fmt: skip
