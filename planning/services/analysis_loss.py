"""Loss of one: what is no longer served in time when a single facility falls out, and two of the worst together."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import combinations
from typing import Any

import numpy as np
from django.utils.translation import gettext as _

from engine.loss import loss_of_each, loss_of_pairs
from facilities.models import Facility
from inventory.models import IdleAsset
from planning.bridge.freeze import FACILITY
from planning.models import LossResult
from planning.services.analysis_case import Case, Outcome, Say, number, only

TOP, PAIRED = 10, 50


def clean(params: dict[str, Any]) -> dict[str, Any]:
    """`pairs`: among how many of the worst every two are lost together (0 to 50)."""
    only(params, ("pairs",))
    return {
        "pairs": int(number(params.get("pairs", PAIRED), _("The number of places taken in pairs"), 0, PAIRED))
    }


def work(case: Case, params: dict[str, Any], say: Say) -> Outcome:
    """Every place alone, then each two of the facilities whose loss costs most people.

    Idle assets hold roles only in a run with a plan: what they would be missed for stands in the facts, for the rows are
    of facilities."""
    frozen, score = case.frozen, case.score
    sites, k_all = frozen.sites, len(case.codes)
    supply = case.situation.world.supply
    served, held = np.zeros((sites, k_all), np.int64), np.zeros((sites, k_all), bool)
    np.add.at(served, (supply.role_site, supply.role_service), score.role_served)
    np.logical_or.at(held, (supply.role_site, supply.role_service), score.role_supply > 0)
    facility = np.asarray(frozen["site_kind"]) == FACILITY
    mine = np.flatnonzero(facility & held.any(axis=1))
    assets = np.flatnonzero(~facility & held.any(axis=1))
    every = np.union1d(mine, assets)
    say(0.05, _("Losing each of %(count)d facilities") % {"count": len(mine)})
    lost = np.zeros((sites, k_all), np.int64)
    if len(every):
        lost[every] = loss_of_each(case.situation.world, case.run.assignment, sites=every)
    ratios = np.array([one.ratio for one in case.situation.world.standards])
    worth = (lost / np.where(ratios > 0, ratios, 1.0)).sum(axis=1)
    worst = [int(one) for one in mine[np.lexsort((mine, -worth[mine]))] if worth[one] > 0][: params["pairs"]]
    pairs = np.array(list(combinations(sorted(worst), 2)), np.int64).reshape(-1, 2)
    say(0.6, _("Losing each of %(count)d pairs") % {"count": len(pairs)})
    together = (
        loss_of_pairs(case.situation.world, pairs, case.run.assignment)
        if len(pairs)
        else np.zeros((0, k_all), np.int64)
    )
    say(0.85, _("Ranking"))
    ids = np.asarray(frozen["site_id"])
    facts: dict[str, Any] = {
        "facilities": len(mine),
        "pairs": len(pairs),
        "idle_assets": len(assets),
        "services": {
            code: _facts(case, k, ids, mine[held[mine, k] | (lost[mine, k] > 0)], lost[:, k], served[:, k])
            for k, code in enumerate(case.codes)
        },
    }
    _name(facts["services"].values())
    for k, code in enumerate(case.codes):
        here = assets[held[assets, k] | (lost[assets, k] > 0)]
        facts["services"][code]["assets"] = _assets(case, k, ids[here], lost[here, k], served[here, k])
    rows = []
    for k, code in enumerate(case.codes):
        alone = mine[held[mine, k] | (lost[mine, k] > 0)]
        rows.append(_rows(case, code, ids[alone], np.full(len(alone), -1), lost[alone, k], served[alone, k]))
        both = np.flatnonzero((together[:, k] > 0) if len(pairs) else np.empty(0, bool))
        first, second = pairs[both, 0], pairs[both, 1]
        rows.append(
            _rows(
                case, code, ids[first], ids[second], together[both, k], served[first, k] + served[second, k]
            )
        )
    return Outcome(facts, rows=rows)


def _facts(
    case: Case, k: int, ids: np.ndarray, sites: np.ndarray, lost: np.ndarray, served: np.ndarray
) -> dict[str, Any]:
    """The worst ten, and how much of what is served today stands on them."""
    top = sites[np.lexsort((ids[sites], -served[sites], -lost[sites]))][:TOP]
    whole = int(case.score.served[k].sum())
    return {
        "need": int(case.need[k].sum()),
        "served": whole,
        "facilities": len(sites),
        "top": [
            {
                "facility": int(ids[one]), "lost": int(lost[one]), "served": int(served[one]),
                "people": case.people_of(k, int(lost[one])),
            }
            for one in top
            if lost[one] > 0
        ],
        "top_served_share": float(served[top].sum() / whole) if whole else 0.0,
        "critical": int((lost[sites] > 0).sum()),
    }  # fmt: skip


def _name(said: Iterable[dict[str, Any]]) -> None:
    """References and names instead of ids, once for all services."""
    told = [one for row in said for one in row["top"]]
    places = Facility.objects.in_bulk({one["facility"] for one in told})
    for one in told:
        place = places[one["facility"]]
        one |= {"facility": place.ref, "name": place.name, "name_en": place.name_en}


def _assets(
    case: Case, k: int, ids: np.ndarray, lost: np.ndarray, served: np.ndarray
) -> list[dict[str, Any]]:
    """Idle assets that the plan of this run gives the role, those that would be missed most first."""
    places = IdleAsset.objects.in_bulk(ids.tolist())
    return [
        {
            "asset": places[int(ids[one])].ref, "lost": int(lost[one]), "served": int(served[one]),
            "people": case.people_of(k, int(lost[one])),
        }
        for one in np.lexsort((ids, -served, -lost)) if int(ids[one]) in places
    ]  # fmt: skip


def _rows(
    case: Case, code: str, facility: np.ndarray, other: np.ndarray, lost: np.ndarray, served: np.ndarray
) -> tuple[str, list[tuple[str, str, np.ndarray]]]:
    return (
        LossResult._meta.db_table,
        [
            ("service_id", "int8", np.full(len(facility), case.frozen.service_ids[code])),
            ("facility_id", "int8", facility),
            ("other_id", "int8?", other),
            ("lost", "int8", lost),
            ("served", "int8", served),
        ],
    )
