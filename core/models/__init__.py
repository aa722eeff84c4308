from core.models.areas import Area, AreaPart, City, MapFeature, PackLayer
from core.models.audit import AuditCheck, AuditEntry, AuditHead
from core.models.jobs import Job, JobShard
from core.models.people import ApiToken, Membership, Organisation, User
from core.models.refs import RefCounter

__all__ = [
    "ApiToken", "Area", "AreaPart", "AuditCheck", "AuditEntry", "AuditHead", "City", "Job", "JobShard", "MapFeature", "Membership", "Organisation",
    "PackLayer", "RefCounter", "User",
]  # fmt: skip
