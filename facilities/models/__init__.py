from facilities.models.facilities import Agreement, Capability, Certificate, ChangeProposal, Facility
from facilities.models.imports import ImportBatch, RowIssue
from facilities.models.services import CapacityRule, PeacetimeUse, ServiceType

__all__ = [
    "Agreement", "Capability", "CapacityRule", "Certificate", "ChangeProposal", "Facility", "ImportBatch",
    "PeacetimeUse", "RowIssue", "ServiceType",
]  # fmt: skip
