from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from core.choices import JobState


class Job(models.Model):
    """Long work. This row is the truth; the broker only carries the word that it waits."""

    ref = models.CharField(_("reference"), max_length=24, unique=True)
    kind = models.CharField(_("kind"), max_length=40)
    queue = models.CharField(_("queue"), max_length=16, default="analysis")
    city = models.ForeignKey(
        "core.City",
        on_delete=models.CASCADE,
        null=True,
        blank=True,
        related_name="jobs",
        verbose_name=_("city"),
    )
    title = models.CharField(_("title"), max_length=200, blank=True)
    title_en = models.CharField(_("English title"), max_length=200, blank=True)
    params = models.JSONField(_("parameters"), default=dict, blank=True)
    dedupe_key = models.CharField(
        max_length=64, blank=True, help_text=_("Same key while waiting or running: the same job is answered.")
    )
    state = models.CharField(_("state"), max_length=10, choices=JobState.choices, default=JobState.QUEUED)
    progress = models.FloatField(_("share done"), default=0)
    message = models.CharField(_("message"), max_length=300, blank=True)
    error_code = models.CharField(_("error code"), max_length=60, blank=True)
    error = models.TextField(_("error"), blank=True)
    result_url = models.CharField(_("result"), max_length=200, blank=True)
    result = models.JSONField(_("result summary"), default=dict, blank=True)
    cancel_requested = models.BooleanField(_("cancel asked"), default=False)
    attempts = models.PositiveSmallIntegerField(_("attempts"), default=0)
    worker_token = models.CharField(
        max_length=120,
        blank=True,
        help_text=_("Who holds the job; a late worker with another token may not write."),
    )
    language = models.CharField(_("language of its messages"), max_length=10, blank=True)
    heartbeat_at = models.DateTimeField(_("last sign of life"), null=True, blank=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="jobs",
        verbose_name=_("started by"),
    )
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    started_at = models.DateTimeField(_("started"), null=True, blank=True)
    finished_at = models.DateTimeField(_("finished"), null=True, blank=True)

    class Meta:
        ordering = ["-id"]
        verbose_name = _("job")
        verbose_name_plural = _("jobs")
        constraints = [
            models.UniqueConstraint(
                fields=["dedupe_key"],
                condition=models.Q(state__in=["queued", "running"]) & ~models.Q(dedupe_key=""),
                name="job_once_at_a_time",
            ),
            models.CheckConstraint(
                condition=models.Q(progress__gte=0, progress__lte=1), name="job_progress_is_a_share"
            ),
        ]
        indexes = [models.Index(fields=["state", "heartbeat_at"])]

    @property
    def over(self) -> bool:
        return self.state in {JobState.DONE, JobState.FAILED, JobState.CANCELLED}


class JobShard(models.Model):
    """One piece of a job that any worker may take. What it makes is an artefact named by its inputs, so a piece done
    twice is done once: a worker that dies costs only the piece it held."""

    job = models.ForeignKey(Job, on_delete=models.CASCADE, related_name="shards", verbose_name=_("job"))
    stage = models.CharField(_("stage"), max_length=40)
    number = models.PositiveIntegerField(_("number"))
    params = models.JSONField(_("parameters"), default=dict, blank=True)
    state = models.CharField(_("state"), max_length=10, choices=JobState.choices, default=JobState.QUEUED)
    attempts = models.PositiveSmallIntegerField(_("attempts"), default=0)
    worker_token = models.CharField(max_length=120, blank=True)
    heartbeat_at = models.DateTimeField(_("last sign of life"), null=True, blank=True)
    result = models.JSONField(_("result summary"), default=dict, blank=True)
    error_code = models.CharField(_("error code"), max_length=60, blank=True)
    error = models.TextField(_("error"), blank=True)
    started_at = models.DateTimeField(_("started"), null=True, blank=True)
    finished_at = models.DateTimeField(_("finished"), null=True, blank=True)

    class Meta:
        ordering = ["job", "stage", "number"]
        verbose_name = _("part of a job")
        verbose_name_plural = _("parts of jobs")
        constraints = [models.UniqueConstraint(fields=["job", "stage", "number"], name="job_shard_once")]
        indexes = [models.Index(fields=["job", "stage", "state"])]
