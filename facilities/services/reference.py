"""Loads the service types, peacetime uses and capacity rules that every installation starts with."""

import tomllib
from pathlib import Path

from django.db import transaction

from facilities.models import CapacityRule, PeacetimeUse, ServiceType

SOURCE = Path(__file__).resolve().parent.parent / "reference" / "services.toml"


@transaction.atomic
def load_reference(*, overwrite: bool = False) -> dict[str, int]:
    """Add what is missing; with `overwrite` also bring changed rows back. Returns how many rows were added."""
    content = tomllib.loads(SOURCE.read_text(encoding="utf-8"))
    write = "update_or_create" if overwrite else "get_or_create"
    added = {"services": 0, "uses": 0, "rules": 0}
    for order, row in enumerate(content["service"]):
        _row, new = getattr(ServiceType.objects, write)(
            code=row.pop("code"), defaults={**row, "sort_order": order}
        )
        added["services"] += new
    for order, row in enumerate(content["use"]):
        _row, new = getattr(PeacetimeUse.objects, write)(
            code=row.pop("code"), defaults={**row, "sort_order": order}
        )
        added["uses"] += new
    services = {service.code: service for service in ServiceType.objects.all()}
    uses = {use.code: use for use in PeacetimeUse.objects.all()}
    for row in content["rule"]:
        key = {"service": services[row.pop("service")], "use": uses[row.pop("use")]}
        _row, new = getattr(CapacityRule.objects, write)(**key, defaults=row)
        added["rules"] += new
    return added
