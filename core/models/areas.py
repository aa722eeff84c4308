from django.contrib.gis.db import models
from django.utils.translation import gettext_lazy as _

from core.choices import AreaLevel, Datum, MapFeatureKind


class City(models.Model):
    """A city whose pack was loaded. Everything else hangs on it."""

    code = models.CharField(_("code"), max_length=20, unique=True)
    name = models.CharField(_("name"), max_length=120)
    name_en = models.CharField(_("English name"), max_length=120, blank=True)
    synthetic = models.BooleanField(_("synthetic"), default=False)
    notes = models.JSONField(_("notes on the data"), default=dict, blank=True)
    bounds = models.PolygonField(_("extent"), null=True, blank=True)
    pack = models.CharField(_("pack"), max_length=500, blank=True)
    pack_sha256 = models.CharField(_("hash of the pack"), max_length=64, blank=True)
    loaded_at = models.DateTimeField(_("loaded"), null=True, blank=True)

    class Meta:
        ordering = ["code"]
        verbose_name = _("city")
        verbose_name_plural = _("cities")

    def __str__(self) -> str:
        return self.name


class Area(models.Model):
    """An administrative area. `path` holds the codes from the city down, so a subtree is one prefix."""

    city = models.ForeignKey(City, on_delete=models.PROTECT, related_name="areas", verbose_name=_("city"))
    code = models.CharField(_("code"), max_length=24)
    name = models.CharField(_("name"), max_length=120)
    name_en = models.CharField(_("English name"), max_length=120, blank=True)
    level = models.PositiveSmallIntegerField(_("level"), choices=AreaLevel.choices)
    parent = models.ForeignKey(
        "self",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="children",
        verbose_name=_("parent"),
    )
    path = models.CharField(
        _("path"), max_length=160, help_text=_("Codes from the city down, each closed by a slash.")
    )
    geometry = models.MultiPolygonField(_("boundary"))
    label_point = models.PointField(_("label point"))
    area_km2 = models.FloatField(_("area, km²"), default=0)
    synthetic = models.BooleanField(_("synthetic"), default=False)
    valid_from = models.DateField(_("valid from"), null=True, blank=True)
    valid_to = models.DateField(_("valid to"), null=True, blank=True)

    class Meta:
        ordering = ["path"]
        verbose_name = _("area")
        verbose_name_plural = _("areas")
        constraints = [
            models.UniqueConstraint(fields=["city", "code"], name="area_code_once"),
            models.UniqueConstraint(fields=["city", "path"], name="area_path_once"),
        ]
        indexes = [models.Index(fields=["path"], name="area_path_prefix", opclasses=["varchar_pattern_ops"])]

    def __str__(self) -> str:
        return self.name


class AreaPart(models.Model):
    """A piece of an area's boundary cut small (ST_Subdivide): point-in-area stays quick."""

    area = models.ForeignKey(Area, on_delete=models.CASCADE, related_name="parts")
    level = models.PositiveSmallIntegerField()
    geometry = models.PolygonField()


class MapFeature(models.Model):
    """A line or surface of our own base map. `rank` 1 is the most important, shown from the widest view on."""

    city = models.ForeignKey(City, on_delete=models.CASCADE, related_name="map_features")
    kind = models.CharField(max_length=8, choices=MapFeatureKind.choices)
    rank = models.PositiveSmallIntegerField(default=3)
    name = models.CharField(max_length=120, blank=True)
    geometry = models.GeometryField()

    class Meta:
        indexes = [models.Index(fields=["city", "kind", "rank"])]


class PackLayer(models.Model):
    """What was read from one layer of a city pack, and from where: the answer to "how old is this?"."""

    city = models.ForeignKey(City, on_delete=models.CASCADE, related_name="layers", verbose_name=_("city"))
    name = models.CharField(_("layer"), max_length=80)
    kind = models.CharField(_("kind"), max_length=20)
    file_name = models.CharField(_("file"), max_length=300)
    sha256 = models.CharField(_("hash"), max_length=64)
    datum = models.CharField(_("declared datum"), max_length=16)
    licence = models.CharField(_("licence"), max_length=300, blank=True)
    source = models.CharField(_("source"), max_length=500, blank=True)
    synthetic = models.BooleanField(_("synthetic"), default=False)
    rows = models.PositiveIntegerField(_("rows"), default=0)
    median_shift_m = models.FloatField(_("median shift of the datum, m"), null=True, blank=True)
    warnings = models.JSONField(_("warnings"), default=list, blank=True)
    loaded_at = models.DateTimeField(_("loaded"), auto_now=True)

    class Meta:
        ordering = ["city", "id"]
        verbose_name = _("pack layer")
        verbose_name_plural = _("pack layers")
        constraints = [models.UniqueConstraint(fields=["city", "name"], name="pack_layer_once")]

    @property
    def shifted(self) -> bool:
        return self.datum in {Datum.GCJ02, Datum.BD09}
