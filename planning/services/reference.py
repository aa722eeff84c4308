"""Loads the standard profiles and cost rates that every installation starts with."""

import tomllib
from pathlib import Path

from django.db import transaction

from facilities.models import PeacetimeUse, ServiceType
from facilities.services import reference as registry_reference
from planning.models import CostRate, Standard, StandardProfile

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
        standards = row.pop("standard")
        profile, new = StandardProfile.objects.get_or_create(code=row.pop("code"), defaults=row)
        if new:
            Standard.objects.bulk_create(
                Standard(profile=profile, service=services[standard.pop("service")], **standard)
                for standard in standards
            )
        added["profiles"] += new
    write = CostRate.objects.update_or_create if overwrite else CostRate.objects.get_or_create
    for row in tomllib.loads((FOLDER / "cost_rates.toml").read_text(encoding="utf-8"))["rate"]:
        _rate, new = write(
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
            },
        )
        added["rates"] += new
    return added
