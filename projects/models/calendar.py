from django.db import models
from django.utils.translation import gettext_lazy as _


class CalendarYear(models.Model):
    """What is known of a year's working days. Until the State Council has announced them, only weekends and the days
    fixed by law count as free, and the year says so."""

    year = models.PositiveSmallIntegerField(_("year"), unique=True)
    announced = models.BooleanField(_("announced"), default=False)
    source = models.CharField(_("source"), max_length=200, blank=True)

    class Meta:
        ordering = ["year"]
        verbose_name = _("calendar year")
        verbose_name_plural = _("calendar years")


class CalendarDay(models.Model):
    """A day that differs from its weekday: a holiday on a weekday, or a make-up day on a weekend."""

    date = models.DateField(_("date"), unique=True)
    working = models.BooleanField(_("working day"))
    name = models.CharField(_("name"), max_length=60, blank=True)
    name_en = models.CharField(_("English name"), max_length=60, blank=True)

    class Meta:
        ordering = ["date"]
        verbose_name = _("calendar day")
        verbose_name_plural = _("calendar days")
