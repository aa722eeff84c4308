"""Loads the standard profiles, cost rates and speeds that every installation starts with."""

import tomllib
from pathlib import Path
from typing import Any

from django.db import transaction
from django.utils import timezone

from facilities.models import PeacetimeUse, ServiceType
from facilities.services import reference as registry_reference
from planning.models import CostRate, MinimumNeed, SpeedProfile, SpeedRule, Standard, StandardProfile

FOLDER = Path(__file__).resolve().parent.parent / "reference"
RATE_SOURCE = "Pingji rate card, proposal 2026"


@transaction.atomic
def load_reference(*, overwrite: bool = False) -> dict[str, int]:
    """Registry reference first, then profiles and rates. A published profile that exists is left as it is."""
    added = registry_reference.load_reference(overwrite=overwrite)
    services = {service.code: service for service in ServiceType.objects.all()}
    uses = {use.code: use for use in PeacetimeUse.objects.all()}
    added["profiles"] = added["rates"] = 0
    for row in tomllib.loads((FOLDER / "profiles.toml").read_text(encoding="utf-8"))["profile"]:
        added["profiles"] += _load_profile(row, services)
    write = CostRate.objects.update_or_create if overwrite else CostRate.objects.get_or_create
    for row in tomllib.loads((FOLDER / "cost_rates.toml").read_text(encoding="utf-8"))["rate"]:
        keeping = {
            "steps": row.get("steps", []),
            "running_fen_unit": row.get("running_yuan", 0) * 100,
            "peacetime_fen_unit": row.get("peacetime_yuan", 0) * 100,
        }
        rate, new = write(
            service=services[row["service"]],
            kind=row["kind"],
            use=uses[row["use"]] if "use" in row else None,
            defaults={
                "fixed_fen": row["fixed_yuan"] * 100,
                "per_unit_fen": row["per_unit_yuan"] * 100,
                "max_share": row.get("max_share"),
                "hours": row["hours"],
                "lead_months": row["lead_months"],
                "source": RATE_SOURCE,
                **keeping,
            },
        )
        added["rates"] += new
        # A proposal of ours from before sizes and running costs were on the card gets them; a city's own stays.
        if not new and rate.source == RATE_SOURCE and not any(getattr(rate, name) for name in keeping):
            CostRate.objects.filter(pk=rate.pk).update(**keeping)
    return added | load_speeds(overwrite=overwrite)


def _load_profile(row: dict[str, Any], services: dict[str, ServiceType]) -> bool:
    """A profile with its rows, unless there is one of that code. It comes in as a draft, since a published profile takes
    no more rows; one that would be the default stays ordinary where another is the default already."""
    standards, needs, status = row.pop("standard"), row.pop("need", []), row.pop("status")
    code = row.pop("code")
    if StandardProfile.objects.filter(code=code).exists():
        return False
    row["parent"] = StandardProfile.objects.get(code=row["parent"]) if "parent" in row else None
    row["is_default"] = row["is_default"] and not StandardProfile.objects.filter(is_default=True).exists()
    profile = StandardProfile.objects.create(code=code, family=code, **row)
    Standard.objects.bulk_create(
        Standard(profile=profile, service=services[one.pop("service")], **one) for one in standards
    )
    MinimumNeed.objects.bulk_create(MinimumNeed(profile=profile, **one) for one in needs)
    profile.status, profile.published_at = status, timezone.now()
    profile.save(update_fields=["status", "published_at"])
    return True


@transaction.atomic
def load_speeds(*, overwrite: bool = False) -> dict[str, int]:
    """Speed profiles with their rules. A profile that exists is left as it is, unless `overwrite`: then its rules are
    those of the file again. One that would be the default stays ordinary where another is the default already."""
    added = {"speed_profiles": 0}
    taken = SpeedProfile.objects.filter(is_default=True).values_list("code", flat=True).first()
    for row in tomllib.loads((FOLDER / "speeds.toml").read_text(encoding="utf-8"))["profile"]:
        rules, code = row.pop("rule"), row.pop("code")
        row["is_default"] = row["is_default"] and taken in (None, code)
        write = SpeedProfile.objects.update_or_create if overwrite else SpeedProfile.objects.get_or_create
        profile, new = write(code=code, defaults=row)
        if new or overwrite:
            profile.rules.all().delete()
            SpeedRule.objects.bulk_create(SpeedRule(profile=profile, **rule) for rule in rules)
        added["speed_profiles"] += new
    return added
