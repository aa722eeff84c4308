from django.conf import settings
from django.contrib.gis.db import models
from django.utils.translation import gettext_lazy as _

from projects.choices import FindingState, Severity
from projects.models.projects import Project


class ProgressReport(models.Model):
    """What the builder says of one month."""

    project = models.ForeignKey(
        Project, on_delete=models.PROTECT, related_name="reports", verbose_name=_("project")
    )
    month = models.DateField(_("month"), help_text=_("Its first day."))
    works_percent = models.FloatField(_("works done, %"))
    text = models.TextField(_("what was done"), blank=True)
    reported_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    reported_at = models.DateTimeField(_("reported"), auto_now_add=True)
    # A correction replaces what stands here; the database keeps what stood before (ReportVersion).
    version = models.PositiveSmallIntegerField(_("version"), default=1)
    reason = models.TextField(_("why less than before, or why corrected"), blank=True)

    class Meta:
        ordering = ["project", "month"]
        verbose_name = _("progress report")
        verbose_name_plural = _("progress reports")
        constraints = [
            models.UniqueConstraint(fields=["project", "month"], name="report_once_a_month"),
            models.CheckConstraint(
                condition=models.Q(works_percent__gte=0, works_percent__lte=100), name="report_is_a_share"
            ),
        ]


class Inspection(models.Model):
    project = models.ForeignKey(
        Project, on_delete=models.PROTECT, related_name="inspections", verbose_name=_("project")
    )
    ref = models.CharField(_("reference"), max_length=24, unique=True)
    drawn = models.ForeignKey(
        "projects.InspectionDraw",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="inspections",
        verbose_name=_("drawn in"),
    )
    planned_on = models.DateField(_("planned"))
    done_on = models.DateField(_("done"), null=True, blank=True)
    works_percent = models.FloatField(_("works seen, %"), null=True, blank=True)
    inspectors = models.ManyToManyField(
        settings.AUTH_USER_MODEL, blank=True, related_name="+", verbose_name=_("inspectors")
    )
    note = models.TextField(_("note"), blank=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    done_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    # Planned, drawn even, but not made: it stays with the reason.
    called_off_reason = models.TextField(_("why it was called off"), blank=True)
    called_off_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    called_off_at = models.DateTimeField(_("called off"), null=True, blank=True)

    class Meta:
        ordering = ["-planned_on", "-id"]
        verbose_name = _("inspection")
        verbose_name_plural = _("inspections")
        constraints = [
            models.CheckConstraint(
                condition=models.Q(works_percent=None)
                | models.Q(works_percent__gte=0, works_percent__lte=100),
                name="inspection_sees_a_share",
            ),
            models.CheckConstraint(
                condition=models.Q(done_on=None)
                | models.Q(done_by__isnull=False, works_percent__isnull=False),
                name="inspection_done_by_somebody",
            ),
            models.CheckConstraint(
                condition=models.Q(called_off_at=None)
                | (models.Q(done_on=None, called_off_by__isnull=False) & ~models.Q(called_off_reason="")),
                name="inspection_called_off_with_a_reason",
            ),
            # The same project is drawn once in a draw.
            models.UniqueConstraint(fields=["drawn", "project"], name="inspection_once_a_draw"),
        ]


class Photo(models.Model):
    """A picture of the works with what is wrong about its place, its time or itself."""

    project = models.ForeignKey(
        Project, on_delete=models.PROTECT, related_name="photos", verbose_name=_("project")
    )
    report = models.ForeignKey(
        ProgressReport, on_delete=models.PROTECT, null=True, blank=True, related_name="photos"
    )
    inspection = models.ForeignKey(
        Inspection, on_delete=models.PROTECT, null=True, blank=True, related_name="photos"
    )
    # The finding it shows, or what was done about it; the milestone it stands for.
    finding = models.ForeignKey(
        "projects.Finding", on_delete=models.PROTECT, null=True, blank=True, related_name="photos"
    )
    rectification = models.ForeignKey(
        "projects.Rectification", on_delete=models.PROTECT, null=True, blank=True, related_name="photos"
    )
    milestone = models.ForeignKey(
        "projects.Milestone", on_delete=models.PROTECT, null=True, blank=True, related_name="photos"
    )
    file = models.FileField(_("file"), upload_to="photos/%Y/%m/")
    thumbnail = models.FileField(_("small picture"), upload_to="photos/%Y/%m/", blank=True)
    name = models.CharField(_("name of the file"), max_length=200, blank=True)
    form = models.CharField(_("form"), max_length=8, blank=True)
    size_bytes = models.PositiveBigIntegerField(_("bytes"), default=0)
    width_px = models.PositiveIntegerField(_("width, pixels"), default=0)
    height_px = models.PositiveIntegerField(_("height, pixels"), default=0)
    sha256 = models.CharField(max_length=64, db_index=True)
    # Nearly the same picture: few of these 64 bits differ.
    likeness = models.BigIntegerField(_("likeness"), null=True, blank=True)
    taken_at = models.DateTimeField(_("taken"), null=True, blank=True)
    point = models.PointField(_("position"), null=True, blank=True)
    distance_m = models.FloatField(_("distance from the site, m"), null=True, blank=True)
    # [{"code": …, facts}] found when it came in, by the limits of `rule`.
    problems = models.JSONField(_("what is wrong"), default=list, blank=True)
    rule = models.ForeignKey(
        "projects.WorksRule", on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    added_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    added_at = models.DateTimeField(_("added"), auto_now_add=True)

    class Meta:
        ordering = ["-added_at"]
        verbose_name = _("photo")
        verbose_name_plural = _("photos")


class Finding(models.Model):
    inspection = models.ForeignKey(
        Inspection, on_delete=models.PROTECT, related_name="findings", verbose_name=_("inspection")
    )
    ref = models.CharField(_("reference"), max_length=24, unique=True)
    text = models.TextField(_("finding"))
    clause = models.CharField(_("clause"), max_length=80, blank=True)
    severity = models.CharField(_("severity"), max_length=8, choices=Severity.choices)
    due_on = models.DateField(_("due"))
    state = models.CharField(
        _("state"), max_length=10, choices=FindingState.choices, default=FindingState.OPEN
    )
    rectification = models.TextField(_("what was done"), blank=True)
    rectified_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    rectified_at = models.DateTimeField(_("rectified"), null=True, blank=True)
    closed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    closed_at = models.DateTimeField(_("closed"), null=True, blank=True)

    class Meta:
        ordering = ["due_on", "id"]
        verbose_name = _("finding")
        verbose_name_plural = _("findings")
        constraints = [
            models.CheckConstraint(
                condition=models.Q(closed_by=None) | ~models.Q(closed_by=models.F("rectified_by")),
                name="finding_closed_by_another",
            )
        ]


class InspectionDraw(models.Model):
    """Which projects are looked at, drawn by risk so that anybody can draw again.

    First it is announced: list and weights are frozen and published, with the public event whose outcome will be the
    seed. Then that outcome is entered, once; from then on everything follows, and the database computes it too.
    """

    city = models.ForeignKey("core.City", on_delete=models.PROTECT, related_name="inspection_draws")
    area = models.ForeignKey(
        "core.Area", on_delete=models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("area")
    )
    ref = models.CharField(_("reference"), max_length=24, unique=True)
    rule = models.ForeignKey("projects.WorksRule", on_delete=models.PROTECT, related_name="draws")
    count = models.PositiveSmallIntegerField(_("number drawn"))
    # [{"ref", "weight", facts}], in the order of the references. list_sha256 names refs and weights.
    weights = models.JSONField(_("weights"), default=list)
    list_sha256 = models.CharField(max_length=64)
    seed_source = models.CharField(_("where the seed will come from"), max_length=200)
    seed_expected_at = models.DateTimeField(_("known from"))
    announced_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    announced_at = models.DateTimeField(_("announced"), auto_now_add=True)
    seed = models.CharField(_("seed"), max_length=200, blank=True)
    chosen = models.JSONField(_("drawn"), default=list)
    drawn_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    drawn_at = models.DateTimeField(_("drawn on"), null=True, blank=True)
    void_reason = models.TextField(_("why it does not count"), blank=True)
    voided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    voided_at = models.DateTimeField(_("called off"), null=True, blank=True)

    class Meta:
        ordering = ["-announced_at"]
        verbose_name = _("draw of inspections")
        verbose_name_plural = _("draws of inspections")
        constraints = [
            models.UniqueConstraint(
                fields=["city", "area"],
                condition=models.Q(drawn_at=None, voided_at=None),
                name="draw_one_announced",
                nulls_distinct=False,
            ),
            models.CheckConstraint(
                condition=models.Q(voided_at=None)
                | (models.Q(drawn_at=None, voided_by__isnull=False) & ~models.Q(void_reason="")),
                name="draw_voided_with_a_reason",
            ),
            models.CheckConstraint(
                condition=models.Q(drawn_at=None) | (models.Q(drawn_by__isnull=False) & ~models.Q(seed="")),
                name="draw_has_a_seed",
            ),
            models.CheckConstraint(condition=models.Q(count__gt=0), name="draw_above_zero"),
        ]


class Commissioning(models.Model):
    """The works are a facility that converts: reported as built, tried, accepted and so written into the registry."""

    project = models.OneToOneField(
        Project, on_delete=models.PROTECT, related_name="commissioning", verbose_name=_("project")
    )
    # As built, said by the builder's side before anybody has looked.
    built_units = models.BigIntegerField(_("units as built"))
    barrier_free_units = models.BigIntegerField(_("of them barrier-free"), null=True, blank=True)
    reported_hours = models.FloatField(_("conversion as reported, h"), null=True, blank=True)
    # The rest of what the registry wants: place, sizes, papers, goods (see services/handover_report.py).
    as_built = models.JSONField(_("as built"), default=dict, blank=True)
    handed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    handed_at = models.DateTimeField(_("reported"), null=True, blank=True)
    # The newest check on site; all of them stand in ConversionCheck.
    conversion_hours = models.FloatField(_("conversion as tried, h"), null=True, blank=True)
    check_passed = models.BooleanField(_("conversion check passed"), default=False)
    checked_on = models.DateField(_("checked"), null=True, blank=True)
    checked_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    accepted_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    accepted_at = models.DateTimeField(_("accepted"), null=True, blank=True)
    facility = models.ForeignKey(
        "facilities.Facility", on_delete=models.PROTECT, null=True, blank=True, related_name="commissionings"
    )
    capability = models.ForeignKey(
        "facilities.Capability", on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    # What the registry held before and after: {"capability": {before, after}, "place": {before, after}}.
    written = models.JSONField(_("written into the registry"), default=dict, blank=True)
    note = models.TextField(_("note"), blank=True)

    class Meta:
        verbose_name = _("commissioning")
        verbose_name_plural = _("commissionings")
        constraints = [
            models.CheckConstraint(
                condition=models.Q(accepted_by=None) | ~models.Q(accepted_by=models.F("checked_by")),
                name="commissioning_by_two_people",
            ),
            models.CheckConstraint(
                condition=models.Q(handed_by=None)
                | models.Q(checked_by=None)
                | ~models.Q(handed_by=models.F("checked_by")),
                name="commissioning_checked_by_another",
            ),
            models.CheckConstraint(
                condition=models.Q(handed_by=None)
                | models.Q(accepted_by=None)
                | ~models.Q(handed_by=models.F("accepted_by")),
                name="commissioning_accepted_by_another",
            ),
            models.CheckConstraint(
                condition=models.Q(accepted_by=None)
                | models.Q(check_passed=True, checked_by__isnull=False, accepted_at__isnull=False),
                name="commissioning_accepted_once_passed",
            ),
            models.CheckConstraint(
                condition=models.Q(built_units__gte=0)
                & (
                    models.Q(barrier_free_units=None)
                    | models.Q(barrier_free_units__gte=0, barrier_free_units__lte=models.F("built_units"))
                ),
                name="commissioning_units_in_range",
            ),
        ]


class ConversionCheck(models.Model):
    """One trial of the conversion on site, passed or not. A failed one stays when the next is made."""

    commissioning = models.ForeignKey(
        Commissioning, on_delete=models.PROTECT, related_name="checks", verbose_name=_("commissioning")
    )
    number = models.PositiveSmallIntegerField(_("number"))
    # What had been reported when it was tried.
    reported = models.JSONField(_("as reported"), default=dict)
    checklist = models.CharField(_("checklist"), max_length=80)
    checked_on = models.DateField(_("checked"))
    tried_units = models.BigIntegerField(_("units converted in the trial"))
    tried_hours = models.FloatField(_("conversion as tried, h"))
    # [{code, name, name_en, required, source, certainty, answer: yes | no | na, note}]
    items = models.JSONField(_("checklist"), default=list)
    passed = models.BooleanField(_("passed"))
    # Why it was not passed, as codes with their numbers.
    reasons = models.JSONField(_("reasons"), default=list, blank=True)
    note = models.TextField(_("note"), blank=True)
    checked_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    recorded_at = models.DateTimeField(_("recorded"), auto_now_add=True)

    class Meta:
        ordering = ["commissioning", "-number"]
        verbose_name = _("conversion check")
        verbose_name_plural = _("conversion checks")
        constraints = [
            models.UniqueConstraint(fields=["commissioning", "number"], name="conversion_check_once"),
            models.CheckConstraint(
                condition=models.Q(tried_units__gte=0, tried_hours__gte=0),
                name="conversion_check_not_negative",
            ),
        ]


class RealisedGap(models.Model):
    """Gap that is closed in a run because the facility is there: the same question scored with it and without it.
    Without a project: all commissioned ones of the city together, for they share the people they serve."""

    city = models.ForeignKey("core.City", on_delete=models.PROTECT, related_name="+", verbose_name=_("city"))
    project = models.ForeignKey(
        Project,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="realised",
        verbose_name=_("project"),
    )
    run = models.ForeignKey("planning.Run", on_delete=models.PROTECT, related_name="+", verbose_name=_("run"))
    service = models.ForeignKey(
        "facilities.ServiceType",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("service"),
    )
    promised_units = models.BigIntegerField(_("gap closed as promised"), null=True, blank=True)
    served_with_units = models.BigIntegerField(_("served with it"))
    served_without_units = models.BigIntegerField(_("served without it"))
    facts = models.JSONField(_("facts"), default=dict)
    computed_at = models.DateTimeField(_("computed"), auto_now=True)

    class Meta:
        ordering = ["-computed_at"]
        verbose_name = _("gap closed")
        verbose_name_plural = _("gaps closed")
        constraints = [
            models.UniqueConstraint(
                fields=["city", "project", "run", "service"], name="realised_gap_once", nulls_distinct=False
            )
        ]

    @property
    def realised(self) -> int:
        """Units served in the run because of it; below 0 where a role has ended."""
        return self.served_with_units - self.served_without_units

    @property
    def promised_difference(self) -> int | None:
        """Realised less promised; None where nothing was promised."""
        return None if self.promised_units is None else self.realised - self.promised_units
