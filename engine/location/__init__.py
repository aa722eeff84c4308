"""Classic location models by name: covering, median, centre, capacitated. Every answer carries its proof."""

from engine.location.capacitated import capacitated
from engine.location.covering import backup_cover, maximal_cover, partial_cover, set_cover
from engine.location.p_centre import p_centre
from engine.location.p_median import p_median
from engine.location.records import Cover, Located, Sites, Warehouses, cover_within

__all__ = [
    "Cover", "Located", "Sites", "Warehouses", "backup_cover", "capacitated", "cover_within", "maximal_cover", "p_centre",
    "p_median", "partial_cover", "set_cover",
]  # fmt: skip
