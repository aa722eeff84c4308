from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from core.choices import Certainty, DepartmentFunction, Role
from projects.choices import RouteKind, RouteState, TaskKind


class Route(models.Model):
    """The way a case goes, as versioned data. A published version never changes (a trigger refuses); running cases keep
    theirs."""

    code = models.SlugField(_("code"), max_length=40)
    version = models.PositiveSmallIntegerField(_("version"), default=1)
    name = models.CharField(_("name"), max_length=120)
    name_en = models.CharField(_("English name"), max_length=120, blank=True)
    kind = models.CharField(_("kind"), max_length=14, choices=RouteKind.choices)
    for_tranche = models.BooleanField(_("releases money"), default=False)
    state = models.CharField(_("state"), max_length=10, choices=RouteState.choices, default=RouteState.DRAFT)
    source = models.CharField(_("source"), max_length=300, blank=True)
    certainty = models.CharField(_("certainty"), max_length=1, choices=Certainty.choices, default=Certainty.D)
    document = models.JSONField(_("document"), default=dict)
    sha256 = models.CharField(max_length=64)
    drafted_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("drafted by"),
    )
    published_at = models.DateTimeField(_("published"), null=True, blank=True)
    published_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("published by"),
    )

    class Meta:
        ordering = ["code", "-version"]
        verbose_name = _("route")
        verbose_name_plural = _("routes")
        constraints = [
            models.UniqueConstraint(fields=["code", "version"], name="route_version_once"),
            models.CheckConstraint(
                condition=models.Q(published_by=None) | ~models.Q(published_by=models.F("drafted_by")),
                name="route_by_two_people",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.code} v{self.version}"


class RouteStage(models.Model):
    route = models.ForeignKey(Route, on_delete=models.CASCADE, related_name="stages", verbose_name=_("route"))
    order = models.PositiveSmallIntegerField(_("order"))
    code = models.SlugField(_("code"), max_length=40)
    name = models.CharField(_("name"), max_length=80)
    name_en = models.CharField(_("English name"), max_length=80, blank=True)

    class Meta:
        ordering = ["route", "order"]
        verbose_name = _("stage")
        verbose_name_plural = _("stages")
        constraints = [
            models.UniqueConstraint(fields=["route", "order"], name="stage_order_once"),
            models.UniqueConstraint(fields=["route", "code"], name="stage_code_once"),
        ]


class RouteTask(models.Model):
    """One thing that somebody does. Tasks of a stage with the same `order` open together; the next order opens when all
    of these are over."""

    stage = models.ForeignKey(
        RouteStage, on_delete=models.CASCADE, related_name="tasks", verbose_name=_("stage")
    )
    order = models.PositiveSmallIntegerField(_("order"))
    code = models.SlugField(_("code"), max_length=40)
    name = models.CharField(_("name"), max_length=120)
    name_en = models.CharField(_("English name"), max_length=120, blank=True)
    kind = models.CharField(_("kind"), max_length=12, choices=TaskKind.choices)
    role = models.CharField(_("role"), max_length=12, choices=Role.choices)
    department = models.CharField(
        _("department"), max_length=20, choices=DepartmentFunction.choices, blank=True
    )
    # The area whose officers do it: that of the project, or one above it.
    area_level = models.PositiveSmallIntegerField(
        _("level"), null=True, blank=True, help_text=_("Empty: whoever is responsible for the place.")
    )
    due_working_days = models.PositiveSmallIntegerField(_("due after working days"), default=5)
    escalate_working_days = models.PositiveSmallIntegerField(
        _("told to the one above after further working days"), default=3
    )
    escalate_role = models.CharField(_("told to"), max_length=12, choices=Role.choices, default=Role.APPROVER)
    condition = models.JSONField(_("only where"), default=dict, blank=True)

    class Meta:
        ordering = ["stage__order", "order", "code"]
        verbose_name = _("task")
        verbose_name_plural = _("tasks")
        constraints = [models.UniqueConstraint(fields=["stage", "code"], name="task_code_once")]
