"""Classic location models by name: covering, median, centre, capacitated. Every answer carries its proof."""

from engine.location.capacitated import capacitated
from engine.location.covering import backup_cover, maximal_cover, partial_cover, set_cover
from engine.location.near import Nearby, near_places, near_table
from engine.location.p_centre import p_centre
from engine.location.p_median import p_median
from engine.location.p_median_cutoff import p_median_cutoff
from engine.location.records import Cover, Located, Sites, Warehouses, cover_within

__all__ = [
    "Cover", "Located", "Nearby", "Sites", "Warehouses", "backup_cover", "capacitated", "cover_within", "maximal_cover",
    "near_places", "near_table", "p_centre", "p_median", "p_median_cutoff", "partial_cover", "set_cover",
]  # fmt: skip
