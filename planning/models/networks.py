"""Road networks, what was found out about them, and how fast people move on them."""

from django.contrib.gis.db import models
from django.utils.translation import gettext_lazy as _

from core.choices import Certainty, TimeOfDay


class RoadNetwork(models.Model):
    """One version of a city's roads: a folder of arrays in the artefact store, named by its hash."""

    city = models.ForeignKey(
        "core.City", on_delete=models.CASCADE, related_name="road_networks", verbose_name=_("city")
    )
    ref = models.CharField(_("reference"), max_length=24, unique=True)
    version = models.PositiveIntegerField(_("version"), default=1)
    sha256 = models.CharField(_("hash"), max_length=64)
    folder = models.CharField(_("folder"), max_length=120)
    source = models.CharField(_("source"), max_length=300, blank=True)
    nodes = models.PositiveIntegerField(_("nodes"))
    edges = models.PositiveIntegerField(_("edges"))
    length_km = models.FloatField(_("length, km"))
    largest_part_share = models.FloatField(_("share of nodes in the largest part"), default=1)
    facts = models.JSONField(
        _("what the import found"),
        default=dict,
        blank=True,
        help_text=_("Counts by road class, what was mended."),
    )
    report = models.JSONField(_("quality report"), default=dict, blank=True)
    reported_at = models.DateTimeField(_("report made"), null=True, blank=True)
    layer = models.ForeignKey(
        "core.PackLayer",
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("read from"),
    )
    synthetic = models.BooleanField(_("synthetic"), default=False)
    current = models.BooleanField(_("in use"), default=True)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)

    class Meta:
        ordering = ["-id"]
        verbose_name = _("road network")
        verbose_name_plural = _("road networks")
        constraints = [
            models.UniqueConstraint(
                fields=["city"], condition=models.Q(current=True), name="one_current_network"
            )
        ]

    def __str__(self) -> str:
        return self.ref


class NetworkIsland(models.Model):
    """A part of the roads that the largest part cannot reach and be reached from, with the people who live on it."""

    network = models.ForeignKey(
        RoadNetwork, on_delete=models.CASCADE, related_name="islands", verbose_name=_("road network")
    )
    number = models.PositiveIntegerField(_("number"))
    nodes = models.PositiveIntegerField(_("nodes"))
    length_km = models.FloatField(_("length, km"))
    people = models.FloatField(_("people"), default=0)
    cells = models.PositiveIntegerField(_("cells"), default=0)
    facilities = models.PositiveIntegerField(_("facilities"), default=0)
    area = models.ForeignKey(
        "core.Area",
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("area"),
    )
    point = models.PointField(_("position"))
    geometry = models.MultiLineStringField(_("streets"))

    class Meta:
        ordering = ["network", "-people", "number"]
        verbose_name = _("road island")
        verbose_name_plural = _("road islands")
        constraints = [models.UniqueConstraint(fields=["network", "number"], name="network_island_once")]


class SpeedProfile(models.Model):
    """How fast people move: on foot, by class of road, by time of day. Data with a source, never code."""

    code = models.SlugField(_("code"), max_length=60, unique=True)
    name = models.CharField(_("name"), max_length=120)
    name_en = models.CharField(_("English name"), max_length=120)
    walk_m_per_min = models.FloatField(_("on foot, m/min"), default=75)
    entry_m_per_min = models.FloatField(_("by car between door and mapped road, m/min"), default=250)
    walk_source = models.CharField(_("source of the walking speed"), max_length=200, blank=True)
    walk_certainty = models.CharField(
        _("certainty of the walking speed"), max_length=1, choices=Certainty.choices, default=Certainty.D
    )
    is_default = models.BooleanField(_("default"), default=False)

    class Meta:
        ordering = ["code"]
        verbose_name = _("speed profile")
        verbose_name_plural = _("speed profiles")
        constraints = [
            models.UniqueConstraint(
                fields=["is_default"], condition=models.Q(is_default=True), name="one_default_speed_profile"
            ),
            models.CheckConstraint(
                condition=models.Q(walk_m_per_min__gt=0, entry_m_per_min__gt=0),
                name="speed_profile_is_positive",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class SpeedRule(models.Model):
    """Speed on one class of road. `kmh` is used where the source gives none; `factor` then slows all of them."""

    profile = models.ForeignKey(
        SpeedProfile, on_delete=models.CASCADE, related_name="rules", verbose_name=_("speed profile")
    )
    road_class = models.CharField(_("road class"), max_length=40, help_text=_("* stands for all others."))
    time_of_day = models.CharField(
        _("time of day"), max_length=8, choices=TimeOfDay.choices, blank=True, help_text=_("Empty: always.")
    )
    kmh = models.FloatField(_("km/h"), null=True, blank=True)
    factor = models.FloatField(_("factor"), default=1)
    source = models.CharField(_("source"), max_length=200)
    certainty = models.CharField(_("certainty"), max_length=1, choices=Certainty.choices, default=Certainty.D)

    class Meta:
        ordering = ["profile", "road_class", "time_of_day"]
        verbose_name = _("speed on a road class")
        verbose_name_plural = _("speeds on road classes")
        constraints = [
            models.UniqueConstraint(fields=["profile", "road_class", "time_of_day"], name="speed_rule_once"),
            models.CheckConstraint(
                condition=models.Q(factor__gt=0)
                & (models.Q(kmh__isnull=True) | models.Q(kmh__gt=0, kmh__lte=150)),
                name="speed_rule_in_range",
            ),
        ]
