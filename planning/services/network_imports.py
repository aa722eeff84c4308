"""Bring a city a new version of its roads from one file: check everything, then write all of it or nothing.

The network in use stays in use until the new one is whole. Options are the keys of a [[roads]] layer of a city pack
(docs/city-pack.md), so a file that loads here loads the same way in a pack.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from core import policies
from core.errors import DomainError, InvalidInput, Problem
from core.models import City, Job, User
from core.services import audit, jobs, uploads
from core.services.jobs import Progress
from facilities.importers.problems import WARNING, Problems
from facilities.services.imports import box_of, file_sha256
from planning.importers.osm import is_osm
from planning.importers.packs import layer_of
from planning.models import RoadNetwork
from planning.services.network_reports import queue_report
from planning.services.networks import Streets, make_streets, write_network
from planning.services.pack_roads import read_road_layer
from planning.services.reference import load_speeds

KIND, FOLDER = "import_network", "networks"
FORMATS = ("auto", "osm", "nodes-links", "lines")
# keys of a pack's [[roads]] that one file may be read with
OPTIONS = (
    "datum", "columns", "encoding", "delimiter", "layer", "sheet", "length_unit", "speeds_kmh", "profile", "oneway",
    "walk", "drop", "ranks", "licence", "source", "synthetic",
)  # fmt: skip
# of a table of nodes; the others belong to its table of links
NODE_COLUMNS = ("node", "lon", "lat")
MOST_LINES = 60


@dataclass
class NetworkImport:
    """What an import did, or with a dry run would do. `network` is None for a dry run; `unchanged`: these roads were
    the city's network already."""

    city: City
    network: RoadNetwork | None
    facts: dict[str, Any]
    warnings: list[Problem]
    unchanged: bool = False

    def as_dict(self) -> dict[str, Any]:
        network = self.network
        return {
            "city": self.city.code,
            "network": network.ref if network else None,
            "version": network.version if network else None,
            "sha256": network.sha256 if network else None,
            "unchanged": self.unchanged,
            "nodes": self.facts["nodes"],
            "streets": self.facts["streets"],
            "facts": {name: value for name, value in self.facts.items() if name not in ("nodes", "streets")},
            "warnings": [warning.as_dict() for warning in self.warnings],
        }


def keep_upload(upload: Any) -> Path:
    """Store an uploaded file under its own name until the import has read it."""
    return uploads.keep_upload(upload, kind=FOLDER, otherwise="roads", limited=False)


def import_upload(
    *, user: Any, city: City, upload: Any, links: Any = None, options: Mapping[str, Any] | None = None
) -> Job:
    """The same for files that somebody sends: kept until the job has read them, and no longer."""
    policies.demand(user, "network.import", city)
    _checked(options or {})
    path, links_path = keep_upload(upload), keep_upload(links) if links is not None else None
    try:
        return import_network(user=user, city=city, path=path, links_path=links_path, options=options)
    except DomainError:
        forget_upload(str(path), str(links_path or ""))
        raise


def import_network(
    *, user: Any, city: City, path: str | Path, links_path: str | Path | None = None, options: Mapping[str, Any] | None = None
) -> Job:  # fmt: skip
    """Queue the import of a file that the workers can read (`keep_upload`). Refuses unknown options at once."""
    if user is not None:
        policies.demand(user, "network.import", city)
    chosen = _checked(options or {})
    name = Path(path).name
    with transaction.atomic():
        job, created = jobs.submit(
            kind=KIND, user=user, city=city, title=_("Import roads from %(file)s") % {"file": name},
            title_en=f"Import roads from {name}", queue="analysis",
            params={
                "path": str(path), "links_path": str(links_path) if links_path else "", "options": chosen,
                "sha256": file_sha256(path), "user": getattr(user, "pk", None),
            },
        )  # fmt: skip
        if created:
            after = {"job": job.ref, "file": name}
            audit.record(user=user, act="network.request", subject=city, ref=city.code, after=after)
    return job


@jobs.kind(KIND)
def perform_import(job: Job, progress: Progress) -> dict[str, Any]:
    """Import the job's file. Safe to run twice: equal roads are one network."""
    params = job.params
    assert job.city is not None
    try:
        done = import_now(
            user=User.objects.filter(pk=params["user"]).first() if params["user"] else None, city=job.city,
            path=params["path"], links_path=params["links_path"] or None, options=params["options"],
            say=progress, hold=progress.hold,
        )  # fmt: skip
    except InvalidInput as refused:
        raise DomainError("network-refused", in_words(refused), status=422) from None
    assert done.network is not None
    forget_upload(params["path"], params["links_path"])
    return {"result_url": f"/networks/{done.network.ref}/", "result": done.as_dict()}


@jobs.after(KIND)
def forget_after(job: Job) -> None:
    """An upload whose import was refused or stopped is of no more use."""
    forget_upload(job.params["path"], job.params["links_path"])


def forget_upload(*paths: str) -> None:
    """Remove files that `keep_upload` stored; any other file is somebody's own and stays."""
    uploads.forget_upload(*paths, kind=FOLDER)


def import_now(
    *, user: Any, city: City, path: str | Path, links_path: str | Path | None = None,
    options: Mapping[str, Any] | None = None, dry_run: bool = False,
    say: Callable[[float, str], None] | None = None, hold: Callable[[], None] | None = None,
) -> NetworkImport:  # fmt: skip
    """Import a file in this process. Raises InvalidInput with every problem; `user` None: this machine."""
    if user is not None:
        policies.demand(user, "network.import", city)
    chosen, tell = _checked(options or {}), say or (lambda _share, _words: None)
    load_speeds()
    problems = Problems()
    tell(0.05, _("Reading roads"))
    entry = _entry(chosen, Path(path), Path(links_path) if links_path else None, problems)
    rows = None
    if entry is not None:
        layer = layer_of("roads", 1, entry, Path("/"), Path(path).name, problems)
        rows = read_road_layer(layer, problems, box_of(city))
    problems.raise_if_any(gettext_lazy("The roads were not imported. Correct what is listed and try again."))
    assert rows is not None
    tell(0.4, _("Making streets"))
    streets = make_streets(city=city, parts=[(Path(path).name, rows)], join_m=None)
    _warn(streets, Path(path).name, problems)
    facts = {**streets.facts, "nodes": streets.used.nodes, "streets": streets.used.streets}
    if dry_run:
        return NetworkImport(city, None, facts, problems.of(WARNING))
    tell(0.7, _("Writing roads"))
    with transaction.atomic():
        if hold is not None:
            hold()
        before = RoadNetwork.objects.filter(city=city, current=True).first()
        source = str(chosen.get("source", "")) or Path(path).name
        synthetic = bool(chosen.get("synthetic", False))
        network = write_network(city=city, streets=streets, layer=None, source=source, synthetic=synthetic)
        unchanged = before is not None and before.sha256 == network.sha256
        after = {"version": network.version, "sha256": network.sha256, "streets": network.edges, "file": Path(path).name}  # fmt: skip
        was = {"ref": before.ref, "sha256": before.sha256} if before else None
        audit.record(
            user=user, act="network.import", subject=network, ref=network.ref, before=was, after=after
        )
        queue_report(user=user, network=network)
    return NetworkImport(city, network, facts, problems.of(WARNING), unchanged)


def _checked(options: Mapping[str, Any]) -> dict[str, Any]:
    """The options without empty ones. Raises InvalidInput naming every one that is not known."""
    said = {name: value for name, value in options.items() if value not in (None, "", {}, [])}
    known = ("format", *OPTIONS)
    text = _("The key is not known. Known: %(known)s.") % {"known": ", ".join(known)}
    problems = [Problem("key_unknown", text, column=name) for name in said if name not in known]
    if said.get("format", "auto") not in FORMATS:
        text = _('"%(cell)s" is not one of: %(known)s.') % {
            "cell": said["format"],
            "known": ", ".join(FORMATS),
        }
        problems.append(Problem("choice_unknown", text, column="format", value=str(said["format"])))
    columns = said.get("columns", {})
    if not isinstance(columns, Mapping):
        problems.append(Problem("choice_unknown", _("Write columns as field = column."), column="columns"))
    if problems:
        raise InvalidInput(_("These options are not known."), problems)
    return said


def _entry(
    chosen: dict[str, Any], path: Path, links: Path | None, problems: Problems
) -> dict[str, Any] | None:
    """The declaration of a [[roads]] layer that reads these files; None when a table is missing."""
    entry = {name: value for name, value in chosen.items() if name not in ("format", "columns")}
    form, columns = chosen.get("format", "auto"), dict(chosen.get("columns", {}))
    entry["name"] = "roads"
    if form == "auto":
        form = "osm" if is_osm(path) else "nodes-links" if links else "lines"
    if form == "nodes-links":
        if links is None:
            text = gettext_lazy("A table of nodes needs its table of links beside it.")
            problems.add("links_missing", text, file=path.name)
            return None
        nodes = {
            ("id" if name == "node" else name): columns.pop(name) for name in NODE_COLUMNS if name in columns
        }
        entry["nodes"] = {"path": str(path), "columns": nodes}
        entry["links"] = {"path": str(links), "columns": columns}
        return entry
    if form == "lines" and path.suffix.lower() in (".csv", ".txt", ".tsv", ".xlsx"):
        text = gettext_lazy("A table holds no lines: give the table of its links too, or a drawing.")
        problems.add("links_missing", text, file=path.name)
        return None
    return {**entry, "path": str(path), "columns": columns, **({"format": "osm"} if form == "osm" else {})}


def _warn(streets: Streets, label: str, problems: Problems) -> None:
    facts = streets.facts
    if streets.largest_part_share < 0.9:
        text = gettext_lazy("Only %(percent)d %% of the crossings hang together; the rest are islands.")
        problems.warn("islands", text, file=label, percent=int(100 * streets.largest_part_share))
    if facts["mended_lengths"]:
        text = gettext_lazy(
            "%(count)d links say they are shorter than the straight line; they count as that long."
        )
        problems.warn("length_short", text, file=label, count=facts["mended_lengths"])
    if facts["repeated_links"]:
        text = gettext_lazy("%(count)d links repeat or mirror another one and became one street with it.")
        problems.warn("repeated", text, file=label, count=facts["repeated_links"])


def in_words(refused: InvalidInput) -> str:
    """A refusal with its problems, one a line."""
    lines = [f"{problem.place()}: {problem.message}".lstrip(": ") for problem in refused.problems]
    more = len(lines) - MOST_LINES
    if more > 0:
        lines = [*lines[:MOST_LINES], _("and %(more)d more") % {"more": more}]
    return "\n".join([str(refused), *lines])
