"""Sources, clauses and formulas of the values that ship with the platform, and the names of layers and zones in the
packs beside it, so that the catalogue has them.

They are data (`*/reference/*.toml`, the packs of `cases/` and of `make_city`) and stored once, in English. Pages show
them through `{% trans value %}`, which translates those listed here and leaves what a city wrote itself as it is.
A percent sign is doubled here because that tag looks it up so. Names of documents that are the same in both
languages (GB 51143-2015) are not listed.
"""

from django.utils.translation import gettext_noop as _
from django.utils.translation import pgettext_lazy

SHIPPED = (
    _("table 3.1.10"),
    _("Guangdong shelter plan outline; GB 51143-2015"),
    _("500 m, 10 min on foot"),
    _("4.1.1, commentary (opens in 1–3 days)"),
    _("responsibility-area table, short fixed"),
    _("National Health Commission, press conference of 2021-09-29"),
    _("national floor by 2021-10"),
    _("Our proposal"),
    _("Our proposal, from one field case (Suzhou, two sites rebuilt in 48 h)"),
    _("HRSA surge benchmark (500 patients per million)"),
    _("AHRQ archive"),
    _("Our proposal (15 min)"),
    _("Our arithmetic on the draft of 建标121"),
    _("store size by relocated people"),
    _("Our proposal; relief within 10 hours per 国减发〔2022〕1号"),
    _("GB 51143-2015 (area a person, 3 days); share usable from the Chengdu hotel-shelter study"),
    _("GB 51143-2015 (area a person, 15 days); share usable from the Chengdu hotel-shelter study"),
    _("GB 51143-2015 (area a person, 15 days); share usable proposed"),
    _("Chengdu hotel-shelter study, published code"),
    _("hotel capacity, middle value"),
    _("Our proposal: one person a room; most rooms single per 国卫办规划函〔2022〕255号"),
    _("Bayram 2011: surge of 18 %% of staffed beds"),
    _("Our proposal: observation beds of the clinic"),
    _("Our proposal, from the floor a bed of makeshift hospitals (6.3 m² Nansha to 19.4 m² Penny's Bay)"),
    _("Our proposal: half of the floor can be cleared for relief goods"),
    _("rooms × 1"),
    _("rooms × 2 × 0.7"),
    _("beds × 1"),
    _("beds × 0.18"),
    _("Pingji rate card, proposal 2026"),
    _("InaSAFE earthquake ladder of 2013, hazard_classifications.py @677c0421"),
    _("Our proposal; shallow follows relocated / affected of Henan 2021 (10.1 %%)"),
    _("Our middle tier between the national floor of 2021 (20) and Guangzhou 2022 (131)"),
    _(
        "Our proposal: 12 %% of the people present leave home; between 10 %% at intensity VII and 50 %% at VIII of the"
        " InaSAFE ladder of 2013"
    ),
    _("National floor of 2021: 20 isolation rooms per 10,000 residents; no share of the people is assumed"),
    _(
        "Our proposal from the reconciliation with the census of 2020: the night grid holds 10 %% more people than"
        " 6,361,365; its districts differ by -25 to +31 %%, 18 %% in the root mean square once the total agrees"
    ),
    _("Invented: the grid holds about 3 %% more people than the invented census"),
    _("Seventh national census 2020 by county, github thebamboogrove/tudigong@4db2f14"),
    _(
        "InaSAFE flood rates by depth, hazard_classifications.py @677c0421, from Jakarta floods; base: people in the water"
    ),
    _("InaSAFE flood rates by depth; the range is our proposal: one class less deep, and as far above"),
    _("InaSAFE flood rates by depth; the range is our proposal: one class less deep, one class deeper"),
    _("InaSAFE flood rates by depth; the range is our proposal: half, one class deeper"),
    _("InaSAFE rate of wet ground; the range is our proposal: its makers doubt the 1 %%"),
    _("Contained in the InaSAFE rate, which counts people in shelters"),
    _(
        "InaSAFE rate of dam inundation above 1.5 m, hazard_classifications.py @677c0421; base: people in the water"
    ),
    _("InaSAFE rate of dam inundation; the high end is its rate of any flood as deep"),
    _(
        "Henan press conference of 2021-08-02: 1.4708 m relocated of 14.53 m affected, whole province, same date; base: people"
        " affected"
    ),
    _("Our proposal: everybody in a flooded zone counts as affected"),
    _(
        "Henan 2021, base 14.53 m affected: low counts only the 0.9338 m evacuated in haste, high counts nobody twice of evacuated"
        " and relocated"
    ),
    _("press conference of 2021-08-02"),
    _("Our proposal: the reports count people moved and housed, not who stayed with relatives"),
    _(
        "InaSAFE earthquake ladder of 2013, hazard_classifications.py @677c0421; base: people on the shaken ground"
    ),
    _(
        "InaSAFE earthquake ladder of 2013; the range is our proposal: half a step down and up, as near as intensity is known"
    ),
    _("Our proposal of 0.30 within the Hazus factors of income, 0.13 to 0.62"),
    _("Hazus 6.1, section 13"),
    _(
        "Hazus 6.1 section 13, equations of displaced households and shelter; factors of ethnicity, tenure and age left out; chances"
        " of damage are our proposal"
    ),
    _("Our proposal; the city's own seismic damage prediction should take its place"),
    _("National Health Commission, press conference of 2021-09-29: at least 20 rooms for 10,000 people"),
    _("National floor of 2021; the high end is our middle tier"),
    _("press conference of 2021-09-29"),
    _("National floor of 2021 (20) to what Shanghai and Guangzhou planned in 2022 (119 to 131)"),
    _(
        "Guangzhou 2022-11-17: 246,407 places planned, 131 for 10,000 people; Shanghai 2022-04: 119 contacts for 10,000"
    ),
    _("Shanghai 2022: 119 contacts for 10,000 people, 183 with the 64 beds of cases"),
    _(
        "Compartment model after Kermack and McKendrick 1927; every value is our proposal for the health authority to replace"
    ),
    _("Our proposal, for the health authority to replace"),
    _("Our proposal: no published shares were found; the event's own safety plan should take its place"),
    _("Our proposal: those who cannot leave at once by themselves"),
    _("Our proposal: those who cannot go home that night"),
    _("Our proposal: visitors have nobody to stay with"),
    _("HRSA surge benchmark (500 patients per million); the range is our proposal: half and double"),
    _("Henan press conference of 2021-08-02"),
    _("Early report, copy; residents of the same year"),
    _(
        "Our proposal: 10 %% as at intensity VII of the InaSAFE ladder of 2013; 20 %% as where a quarter of the people are at VIII,"
        " the others at VII"
    ),
    _("Our proposal: everybody on the shaken ground"),
    _("Our proposal: a third less, a third more"),
    _("Our proposal: half, and half as much again"),
    _("Our proposal: an eighth less and more"),
    _("Our proposal: four tenths less and more"),
    _("Our proposal: half as many, twice as many"),
    _(
        "Displaced of all people 75, 50 and 10 %%: InaSAFE earthquake ladder of 2013 (hazard_classifications.py @677c0421); the share"
        " affected is our proposal"
    ),
    _("places for 10,000 residents"),
    _("people for 10,000 residents"),
    _("beds for 1,000 people"),
    _("days"),
    _("make_city"),
    _("Planning convention of 4.5 km/h; between 1.0 and 1.4 m/s in pedestrian design"),
    _("Pingji proposal 2026: as driven in a large city, below the signed speed"),
    _("Pingji proposal 2026: any other class, as a residential street"),
    _("OSRM car profile, profiles/car.lua, speed_profile"),
    _("OSRM car profile, profiles/car.lua, tracktype grade 5"),
    _("OSRM car profile, profiles/car.lua, default"),
    _("Pingji proposal 2026: busy hours take between 1.3 and 1.8 times as long"),
    _("Pingji proposal 2026: side streets lose less than main roads"),
)

# Sources, clauses and reasons of the shipped standard profiles and minimum needs.
PROFILES = (
    _("responsibility-area table, mid fixed"),
    _("Our proposal: ready when the short-term shelters end, after 15 days"),
    _("responsibility-area table, long fixed"),
    _("Our proposal: ready when the mid-term shelters end, after 30 days"),
    _("Practice of Shanghai, 2019 (980 vehicles)"),
    _("National health authority, notice reported on 2020-09-25"),
    _("base radius in towns, by 2025"),
    _("Our proposal; no standard found"),
    _("Our proposal (24–48 h)"),
    _("Sphere 2018"),
    _("water supply; daily, not weekly"),
    _("No national figure could be read; the one of Sphere 2018 stands in."),
    _("water supply, survival (7.5–15 L)"),
    _("InaSAFE, minimum_needs/SPHERE.json"),
    _("energy a person and day"),
    _("sanitation, at first"),
    _("sanitation, longer term"),
    _("hygiene"),
    _("water supply"),
    _("250 g a person and month of 30 days"),
    _("table 3.1.10, 30 days (4.5 m² up to 100 days)"),
    _("4.2.1, 50 m² for 10,000 persons"),
    _("Our proposal: one bed for each person"),
    _("Our proposal: one for 50 people, in shifts"),
    _(
        "International relief, to compare with: the same hall holds 1.75 times as many people under the Chinese rule (2.0 m² a person, 15 days) as under Sphere (3.5 m²)."
    ),
    _("covered living space; 4.5–5.5 m² in the cold or in towns"),
    _("Our proposal: as in GB 51143-2015, since Sphere names no distance to a shelter"),
    _("covered living space (4.5–5.5 m² in the cold or in towns)"),
    _("camp, gross area (30 m² with good services near)"),
    _(
        "As published with the study: shelters within 3,000 m, hotels within 1,000 m, 2.0 m² a person. All else is as in the national standards."
    ),
    _("area of a shelter × 0.60 ÷ 2.0"),
    _("d0 of shelters"),
    _("The study lets distance count less and less up to 3,000 m instead of ending at 1,000 m."),
    _("hotel capacity, middle value; from two stars and 30 rooms"),
    _("d0 of hotels"),
    _("The study counts hotels as shelters of their own; the national standards have no such service."),
)

LAYERS_AND_ZONES = (
    _("city"), _("districts"), _("townships"), _("areas"), _("water"), _("green"), _("day"), _("night"), _("daytime"), _("nighttime"),
    _("worldpop-night"), _("roads"), _("main-roads"), _("inner-city-roads"), _("facilities"), _("shelters"), _("hotels"), _("idle-assets"),
    _("roles"), _("agreements"), _("certificates"), _("flood"), _("earthquake"), _("epidemic"), _("flood-zone"), _("fault-zone"),
    _("deep"), _("medium"), _("shallow"),
)  # fmt: skip

NOTES_ON_ROADS = (
    _("under water; the ring road stands on piers"),
    _("more than 0.3 m of water stops cars"),
    _("one lane kept open"),
    _("walking pace through shallow water"),
)

# Words of a road class; "service" and "path" mean other things elsewhere.
ROAD_CLASSES = {
    "motorway": pgettext_lazy("road class", "motorway"),
    "motorway_link": pgettext_lazy("road class", "motorway_link"),
    "trunk": pgettext_lazy("road class", "trunk"),
    "trunk_link": pgettext_lazy("road class", "trunk_link"),
    "primary": pgettext_lazy("road class", "primary"),
    "primary_link": pgettext_lazy("road class", "primary_link"),
    "secondary": pgettext_lazy("road class", "secondary"),
    "secondary_link": pgettext_lazy("road class", "secondary_link"),
    "tertiary": pgettext_lazy("road class", "tertiary"),
    "tertiary_link": pgettext_lazy("road class", "tertiary_link"),
    "unclassified": pgettext_lazy("road class", "unclassified"),
    "residential": pgettext_lazy("road class", "residential"),
    "living_street": pgettext_lazy("road class", "living_street"),
    "service": pgettext_lazy("road class", "service"),
    "track": pgettext_lazy("road class", "track"),
    "footway": pgettext_lazy("road class", "footway"),
    "path": pgettext_lazy("road class", "path"),
    "pedestrian": pgettext_lazy("road class", "pedestrian"),
    "steps": pgettext_lazy("road class", "steps"),
    "cycleway": pgettext_lazy("road class", "cycleway"),
    "busway": pgettext_lazy("road class", "busway"),
    "arterial": pgettext_lazy("road class", "arterial"),
    "link": pgettext_lazy("road class", "link"),
    "local": pgettext_lazy("road class", "local"),
    "radial": pgettext_lazy("road class", "radial"),
    "ring": pgettext_lazy("road class", "ring"),
}


def road_class_word(name: str) -> str:
    """The name of a road class for a reader; a class that the platform does not know keeps the source's own."""
    return str(ROAD_CLASSES.get(name, name))
