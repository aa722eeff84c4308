"""What the API says of works, inspections, findings, photos and draws, and what it takes to write them."""

from __future__ import annotations

from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from core.api.fields import PointField
from core.choices import Certainty
from projects.choices import Severity
from projects.models import (
    Finding,
    Inspection,
    InspectionDraw,
    Milestone,
    MilestoneChange,
    Photo,
    ProgressReport,
    Project,
    Rectification,
    ReportVersion,
    WorksRule,
)
from projects.selectors import site, works


def _person(**more: Any) -> serializers.SlugRelatedField:
    return serializers.SlugRelatedField(slug_field="username", read_only=True, allow_null=True, **more)


class ReportVersionSerializer(serializers.ModelSerializer):
    reported_by = _person()

    class Meta:
        model = ReportVersion
        fields = ["version", "works_percent", "text", "reason", "reported_by", "reported_at"]


class ReportSerializer(serializers.ModelSerializer):
    project = serializers.SlugRelatedField(slug_field="ref", read_only=True)
    reported_by = _person()
    versions = ReportVersionSerializer(many=True, read_only=True)
    photos = serializers.PrimaryKeyRelatedField(many=True, read_only=True)

    class Meta:
        model = ProgressReport
        fields = [
            "project", "month", "works_percent", "text", "reason", "version", "reported_by", "reported_at", "photos", "versions",
        ]  # fmt: skip


class MilestoneChangeSerializer(serializers.ModelSerializer):
    said_by = _person()

    class Meta:
        model = MilestoneChange
        fields = ["act", "from_on", "to_on", "text", "said_by", "said_at"]


class MilestoneSerializer(serializers.ModelSerializer):
    project = serializers.SlugRelatedField(slug_field="ref", read_only=True)
    reported_by = _person()
    seen_by = _person()
    seen_in = serializers.SlugRelatedField(slug_field="ref", read_only=True, allow_null=True)
    approved_on = serializers.SerializerMethodField(help_text="The planned day that was approved.")
    changes = MilestoneChangeSerializer(many=True, read_only=True)

    class Meta:
        model = Milestone
        fields = [
            "project", "number", "name", "name_en", "works_percent", "planned_on", "approved_on", "reported_on", "reported_by",
            "reached_on", "seen_by", "seen_in", "changes",
        ]  # fmt: skip

    @extend_schema_field(OpenApiTypes.DATE)
    def get_approved_on(self, row: Milestone) -> Any:
        moved = [one.from_on for one in row.changes.all() if one.act == "revised"]
        return moved[0] if moved else row.planned_on


class ShareSerializer(serializers.Serializer):
    on = serializers.DateField()
    percent = serializers.FloatField()
    basis = serializers.ChoiceField(choices=["seen", "reported"])


class WorksRowSerializer(serializers.ModelSerializer):
    """The works of one project in a list: what was seen, what was said, what is open."""

    project = serializers.CharField(source="ref")
    seen_percent = serializers.FloatField(allow_null=True)
    seen_on = serializers.DateField(allow_null=True)
    reported_percent = serializers.FloatField(allow_null=True)
    reported_month = serializers.DateField(allow_null=True)
    findings_open = serializers.IntegerField()
    findings_overdue = serializers.IntegerField()

    class Meta:
        model = Project
        fields = [
            "project", "name", "name_en", "state", "started_on", "seen_percent", "seen_on", "reported_percent", "reported_month",
            "findings_open", "findings_overdue",
        ]  # fmt: skip


class WorksSerializer(serializers.ModelSerializer):
    """The works of one project: what is known best, and every share that was said or seen."""

    project = serializers.CharField(source="ref")
    percent = serializers.SerializerMethodField(
        help_text="Seen on site; as reported where nobody was there yet."
    )
    planned_percent = serializers.SerializerMethodField()
    months_missing = serializers.SerializerMethodField()
    findings_open = serializers.SerializerMethodField()
    findings_overdue = serializers.SerializerMethodField()
    shares = serializers.SerializerMethodField()

    class Meta:
        model = Project
        fields = [
            "project", "name", "name_en", "state", "started_on", "percent", "planned_percent", "months_missing", "findings_open",
            "findings_overdue", "shares",
        ]  # fmt: skip

    def _summary(self, row: Project) -> works.WorksSummary:
        kept = self.__dict__.setdefault("_summaries", {})
        if row.pk not in kept:
            kept[row.pk] = works.summary(row)
        return kept[row.pk]

    @extend_schema_field(serializers.FloatField(allow_null=True))
    def get_percent(self, row: Project) -> float | None:
        return self._summary(row).percent

    @extend_schema_field(OpenApiTypes.INT)
    def get_planned_percent(self, row: Project) -> int:
        return self._summary(row).planned_percent

    @extend_schema_field(serializers.ListField(child=serializers.CharField()))
    def get_months_missing(self, row: Project) -> list[str]:
        return [f"{month:%Y-%m}" for month in self._summary(row).months_missing]

    @extend_schema_field(OpenApiTypes.INT)
    def get_findings_open(self, row: Project) -> int:
        return len(self._summary(row).findings_open)

    @extend_schema_field(OpenApiTypes.INT)
    def get_findings_overdue(self, row: Project) -> int:
        return self._summary(row).findings_overdue

    @extend_schema_field(ShareSerializer(many=True))
    def get_shares(self, row: Project) -> list[dict[str, Any]]:
        return [
            {"on": day.isoformat(), "percent": percent, "basis": basis}
            for day, percent, basis in works.percent_series(row)
        ]


class PhotoSerializer(serializers.ModelSerializer):
    project = serializers.SlugRelatedField(slug_field="ref", read_only=True)
    month = serializers.DateField(source="report.month", read_only=True, default=None)
    inspection = serializers.SlugRelatedField(slug_field="ref", read_only=True, allow_null=True)
    finding = serializers.SerializerMethodField()
    milestone = serializers.IntegerField(source="milestone.number", read_only=True, default=None)
    point = PointField(read_only=True, allow_null=True)
    problems = serializers.SerializerMethodField(help_text="What was found, as code and words.")
    added_by = _person()
    rule = serializers.IntegerField(source="rule.version", read_only=True, default=None)

    class Meta:
        model = Photo
        fields = [
            "id", "project", "month", "inspection", "finding", "milestone", "name", "form", "size_bytes", "width_px", "height_px",
            "sha256", "taken_at", "point", "distance_m", "problems", "rule", "added_by", "added_at",
        ]  # fmt: skip

    @extend_schema_field(serializers.CharField(allow_null=True))
    def get_finding(self, row: Photo) -> str | None:
        found = row.finding or (row.rectification.finding if row.rectification else None)
        return found.ref if found else None

    @extend_schema_field(serializers.ListField(child=serializers.DictField(child=serializers.CharField())))
    def get_problems(self, row: Photo) -> list[dict[str, str]]:
        view = site.photo_views([row], self.context["request"].user)[0]
        return [{"code": one.code, "words": one.words} for one in view.problems]


class RectificationSerializer(serializers.ModelSerializer):
    done_by = _person()
    checked_by = _person()

    class Meta:
        model = Rectification
        fields = [
            "number",
            "due_on",
            "text",
            "done_by",
            "done_at",
            "accepted",
            "answer",
            "checked_by",
            "checked_at",
        ]


class FindingSerializer(serializers.ModelSerializer):
    project = serializers.CharField(source="inspection.project.ref", read_only=True)
    inspection = serializers.SlugRelatedField(slug_field="ref", read_only=True)
    closed_by = _person()
    rectifications = RectificationSerializer(many=True, read_only=True)

    class Meta:
        model = Finding
        fields = [
            "ref", "project", "inspection", "text", "clause", "severity", "due_on", "state", "closed_by", "closed_at",
            "rectifications",
        ]  # fmt: skip


class InspectionSerializer(serializers.ModelSerializer):
    project = serializers.SlugRelatedField(slug_field="ref", read_only=True)
    draw = serializers.SlugRelatedField(slug_field="ref", read_only=True, allow_null=True, source="drawn")
    inspectors = serializers.SlugRelatedField(slug_field="username", read_only=True, many=True)
    done_by = _person()
    findings = serializers.SlugRelatedField(slug_field="ref", read_only=True, many=True)

    class Meta:
        model = Inspection
        fields = [
            "ref", "project", "draw", "planned_on", "done_on", "works_percent", "inspectors", "note", "done_by", "findings",
            "called_off_at", "called_off_reason",
        ]  # fmt: skip


class DrawSerializer(serializers.ModelSerializer):
    """Everything that is needed to compute the draw again. `weights`: reference and weight of every project on the list."""

    city = serializers.SlugRelatedField(slug_field="code", read_only=True)
    area = serializers.SlugRelatedField(slug_field="code", read_only=True, allow_null=True)
    rule = serializers.IntegerField(source="rule.version", read_only=True)
    announced_by = _person()
    drawn_by = _person()
    weights = serializers.SerializerMethodField()
    chosen = serializers.ListField(child=serializers.CharField(), read_only=True)

    class Meta:
        model = InspectionDraw
        fields = [
            "ref", "city", "area", "rule", "count", "weights", "list_sha256", "seed_source", "seed_expected_at", "announced_by",
            "announced_at", "seed", "chosen", "drawn_by", "drawn_at", "void_reason", "voided_at",
        ]  # fmt: skip

    @extend_schema_field(serializers.ListField(child=serializers.DictField(child=serializers.CharField())))
    def get_weights(self, row: InspectionDraw) -> list[dict[str, Any]]:
        return [{"ref": one["ref"], "weight": f"{float(one['weight']):.4f}"} for one in row.weights]


class DrawCheckSerializer(serializers.Serializer):
    draw = serializers.CharField()
    list_holds = serializers.BooleanField()
    same = serializers.BooleanField()
    chosen = serializers.ListField(child=serializers.CharField())
    recomputed = serializers.ListField(child=serializers.CharField())


class WorksRuleSerializer(serializers.ModelSerializer):
    drafted_by = _person()
    published_by = _person()

    class Meta:
        model = WorksRule
        fields = [
            "version", "state", "values", "source", "certainty", "reason", "drafted_by", "drafted_at", "published_by",
            "published_at",
        ]  # fmt: skip


# --- what is sent ----------------------------------------------------------------------------------


class StartInSerializer(serializers.Serializer):
    started_on = serializers.DateField()
    reason = serializers.CharField(required=False, allow_blank=True, default="")


class PhotosIn(serializers.Serializer):
    photos = serializers.ListField(
        child=serializers.FileField(allow_empty_file=True), required=False, default=list, help_text="JPEG, PNG or WebP; as multipart/form-data."
    )  # fmt: skip


class ReportInSerializer(PhotosIn):
    month = serializers.RegexField(r"^\d{4}-(0[1-9]|1[0-2])$", help_text="2026-10")
    works_percent = serializers.FloatField(min_value=0, max_value=100)
    text = serializers.CharField()
    reason = serializers.CharField(required=False, allow_blank=True, default="")


class ReportCorrectionInSerializer(PhotosIn):
    works_percent = serializers.FloatField(min_value=0, max_value=100)
    text = serializers.CharField()
    reason = serializers.CharField()
    version = serializers.IntegerField(required=False, help_text="The version that was read.")


class MilestoneReportInSerializer(PhotosIn):
    reported_on = serializers.DateField()
    text = serializers.CharField(required=False, allow_blank=True, default="")


class MilestoneSeenInSerializer(PhotosIn):
    reached_on = serializers.DateField()
    text = serializers.CharField(required=False, allow_blank=True, default="")
    inspection = serializers.CharField(required=False, allow_blank=True, default="")


class ReasonInSerializer(serializers.Serializer):
    reason = serializers.CharField()


class MilestoneMoveInSerializer(serializers.Serializer):
    planned_on = serializers.DateField()
    reason = serializers.CharField()


class InspectionInSerializer(serializers.Serializer):
    planned_on = serializers.DateField()
    inspectors = serializers.ListField(child=serializers.CharField(), required=False, default=list)
    note = serializers.CharField(required=False, allow_blank=True, default="")


class FindingInSerializer(serializers.Serializer):
    text = serializers.CharField()
    severity = serializers.ChoiceField(choices=Severity.choices)
    clause = serializers.CharField(required=False, allow_blank=True, max_length=80, default="")
    due_on = serializers.DateField(required=False, allow_null=True, default=None)


class InspectionDoneInSerializer(serializers.Serializer):
    done_on = serializers.DateField()
    works_percent = serializers.FloatField(min_value=0, max_value=100)
    note = serializers.CharField()
    inspectors = serializers.ListField(child=serializers.CharField(), required=False, default=list)
    milestones = serializers.ListField(child=serializers.IntegerField(), required=False, default=list)
    findings = FindingInSerializer(many=True, required=False, default=list)


class RectifyInSerializer(PhotosIn):
    text = serializers.CharField()


class FindingCheckInSerializer(serializers.Serializer):
    accepted = serializers.BooleanField()
    answer = serializers.CharField()
    due_on = serializers.DateField(required=False, allow_null=True, default=None)


class PhotoInSerializer(PhotosIn):
    project = serializers.CharField()
    month = serializers.RegexField(r"^\d{4}-(0[1-9]|1[0-2])$", required=False, default="", allow_blank=True)
    inspection = serializers.CharField(required=False, allow_blank=True, default="")
    finding = serializers.CharField(
        required=False, allow_blank=True, default="", help_text="The finding that an inspector's photo shows."
    )


class DrawInSerializer(serializers.Serializer):
    city = serializers.CharField()
    area = serializers.CharField(required=False, allow_blank=True, default="")
    count = serializers.IntegerField(min_value=1, max_value=10_000)
    seed_source = serializers.CharField(max_length=200)
    seed_expected_at = serializers.DateTimeField()


class SeedInSerializer(serializers.Serializer):
    seed = serializers.CharField(max_length=200)


class WorksRuleInSerializer(serializers.Serializer):
    values = serializers.DictField(child=serializers.FloatField(), help_text="Only what changes.")
    source = serializers.CharField(max_length=300)
    certainty = serializers.ChoiceField(choices=Certainty.choices)
    reason = serializers.CharField()
