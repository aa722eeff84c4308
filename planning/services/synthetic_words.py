"""Names and the manifest of a made-up city."""

from __future__ import annotations

import numpy as np

from engine.synthetic import SyntheticCity
from engine.synthetic.names import ordinal

HOTELS = (
    ("悦来", "Yuelai"), ("云舍", "Yunshe"), ("江畔", "Riverside"), ("晨光", "Morning Light"), ("和居", "Heju"),
    ("锦程", "Jincheng"), ("松风", "Pine Breeze"), ("望湖", "Lakeview"), ("安驿", "Anyi"), ("新途", "Xintu"),
)  # fmt: skip
# use -> (Chinese, English) with the street's name {s}/{e}, the running number {n}/{i} and a brand {b}/{c}
PATTERNS = {
    "hospital": ("{s}人民医院", "{e} People's Hospital"),
    "clinic": ("{s}社区卫生服务中心", "{e} Community Clinic"),
    "hotel": ("{b}酒店（{s}店）", "{c} Hotel {e}"),
    "gym": ("{s}体育馆", "{e} Sports Hall"),
    "park": ("{s}公园", "{e} Park"),
    "community_centre": ("{s}社区活动中心", "{e} Community Centre"),
    "convention_centre": ("{s}会展中心", "{e} Convention Centre"),
    "warehouse": ("{s}物流仓库", "{e} Logistics Warehouse"),
}
SCHOOLS = (("小学", "Primary School"), ("小学", "Primary School"), ("中学", "Middle School"))
IDLE = {
    "factory": ("{s}旧厂房", "Former {e} Works"),
    "school": ("{s}停办校舍", "Closed {e} School"),
    "office": ("{s}空置办公楼", "Vacant {e} Offices"),
    "market": ("{s}闲置市场", "Idle {e} Market"),
    "dormitory": ("{s}空置宿舍", "Vacant {e} Dormitory"),
    "land": ("{s}闲置地块", "Idle {e} Plot"),
}


def _number(names: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """A second place of the same name is called 二号 / No. 2."""
    seen: dict[str, int] = {}
    out = []
    for name, english in names:
        count = seen[name] = seen.get(name, 0) + 1
        if count > 1:
            mark = ordinal(count) if count < 100 else str(count)
            name, english = f"{name}{mark}号", f"{english} No. {count}"
        out.append((name, english))
    return out


def facility_names(city: SyntheticCity) -> list[tuple[str, str]]:
    """One (Chinese, English) name a facility, all different."""
    places, names = city.facilities, []
    for i, (use, street) in enumerate(zip(places.use.tolist(), places.street.tolist(), strict=True)):
        chinese, english = city.street_names[street]
        if use == "school":
            kind = SCHOOLS[int(places.number[i]) % 3]
            names.append((f"{chinese}{kind[0]}", f"{english} {kind[1]}"))
            continue
        brand = HOTELS[(i * 7 + street) % len(HOTELS)]
        pattern = PATTERNS[use]
        names.append((pattern[0].format(s=chinese, b=brand[0]), pattern[1].format(e=english, c=brand[1])))
    return _number(names)


def idle_names(city: SyntheticCity) -> list[tuple[str, str]]:
    assets, names = city.idle_assets, []
    for former, street in zip(assets.former.tolist(), assets.street.tolist(), strict=True):
        chinese, english = city.street_names[street]
        names.append((IDLE[former][0].format(s=chinese), IDLE[former][1].format(e=english)))
    return _number(names)


def manifest(city: SyntheticCity, code: str) -> str:
    """city.toml of the pack."""
    name, english = city.city_name
    budget = int(np.clip(round(city.people_total / 3_000_000 * 100) * 1_000_000, 10_000_000, 1_000_000_000))
    return MANIFEST.format(
        code=code, name=f"{name}市", name_en=english, people=city.people_total, seed=city.seed,
        cells=len(city.people.x_m), spacing=f"{city.people.spacing_m:.3f}", budget=f"{budget:_}",
    )  # fmt: skip


MANIFEST = """\
# A synthetic city: {people} people, seed {seed}, {cells} cells. Everything in it is invented.
# Made by: manage.py make_city --people {people} --seed {seed} --cells {cells} DIR

[city]
code = "{code}"
name = "{name}"
name_en = "{name_en}"
synthetic = true
timezone = "Asia/Shanghai"
notes = [
    {{ text = "合成城市：地名、人口、设施、造价和灾害分区均为虚构。", text_en = "A synthetic city: names, people, facilities, costs and hazard zones are all invented." }},
]

[plan]
budget_yuan = {budget}
scenarios = ["flood", "earthquake", "epidemic"]
title = "首个补缺方案"
title_en = "First plan to close the gaps"

[[areas]]
name = "areas"
path = "areas.geojson"
datum = "WGS-84"
columns = {{ code = "code", name = "name", name_en = "name_en", level = "level" }}
synthetic = true
licence = "CC0"
source = "make_city"

[[water]]
name = "water"
path = "water.geojson"
datum = "WGS-84"
columns = {{ name = "name", rank = "rank" }}
synthetic = true
licence = "CC0"
source = "make_city"

[[green]]
name = "green"
path = "green.geojson"
datum = "WGS-84"
columns = {{ rank = "rank" }}
synthetic = true
licence = "CC0"
source = "make_city"

[[population]]
name = "night"
title = "夜间人口"
title_en = "Night-time population"
time_of_day = "night"
path = "population.csv"
datum = "WGS-84"
columns = {{ code = "code", lon = "lon", lat = "lat", people = "night", barrier_free = "night_barrier_free" }}
cell = {{ shape = "hexagon", spacing_m = {spacing}, turn_degrees = 30 }}
synthetic = true
licence = "CC0"
source = "make_city"
certainty = "D"
error_share = 0.05
error_share_district = 0.04
error_source = "Invented: the grid holds about 3 % more people than the invented census"
groups_from_census = 2020

[[population]]
name = "day"
title = "日间人口"
title_en = "Daytime population"
time_of_day = "day"
path = "population.csv"
datum = "WGS-84"
columns = {{ code = "code", lon = "lon", lat = "lat", people = "day", barrier_free = "day_barrier_free" }}
cell = {{ shape = "hexagon", spacing_m = {spacing}, turn_degrees = 30 }}
synthetic = true
licence = "CC0"
source = "make_city"
certainty = "D"
error_share = 0.05
error_share_district = 0.04
error_source = "Invented: the grid holds about 3 % more people than the invented census"

[[census]]
name = "census"
path = "census.csv"
year = 2020
certainty = "D"
columns = {{ code = "code", people = "people", age_0_14_share = "age_0_14", age_60_up_share = "age_60_up", age_65_up_share = "age_65_up" }}
synthetic = true
licence = "CC0"
source = "make_city"

[[roads]]
name = "roads"
datum = "WGS-84"
nodes = {{ path = "road_nodes.csv", columns = {{ id = "id", lon = "lon", lat = "lat" }} }}
links = {{ path = "road_links.csv", columns = {{ from = "from", to = "to", length = "length_m", class = "class", oneway = "oneway" }} }}
length_unit = "m"
speeds_kmh = {{ ring = 60, radial = 50, arterial = 40, local = 20, link = 25 }}
ranks = {{ ring = 1, radial = 2, arterial = 3, default = 4 }}
synthetic = true
licence = "CC0"
source = "make_city"

[[hazards]]
name = "flood-zone"
title = "河道洪水淹没区"
title_en = "River flood zone"
hazard = "flood"
path = "flood.geojson"
datum = "WGS-84"
columns = {{ class = "class" }}
severity = {{ shallow = 1, medium = 2, deep = 3 }}
return_period_years = 100
certainty = "D"
synthetic = true
licence = "CC0"
source = "make_city"

[[hazards]]
name = "fault-zone"
title = "断裂带烈度区"
title_en = "Intensity along the fault"
hazard = "earthquake"
path = "fault.geojson"
datum = "WGS-84"
columns = {{ class = "class" }}
severity = {{ VII = 1, VIII = 2, IX = 3 }}
certainty = "D"
synthetic = true
licence = "CC0"
source = "make_city"

[[facilities]]
name = "facilities"
path = "facilities.csv"
datum = "WGS-84"
columns = {{ id = "id", name = "name", name_en = "name_en", use = "use", lon = "lon", lat = "lat", address = "address", area_m2 = "area_m2", rooms = "rooms", beds = "beds", stars = "stars", entry_minutes = "entry_minutes", readiness_minutes = "readiness_minutes" }}
synthetic = true
licence = "CC0"
source = "make_city"

[[roles]]
name = "roles"
path = "roles.csv"
columns = {{ facility = "facility", service = "service", status = "status", hours = "hours", barrier_free_share = "barrier_free_share" }}
synthetic = true
licence = "CC0"
source = "make_city"

[[agreements]]
name = "agreements"
path = "agreements.csv"
columns = {{ facility = "facility", party = "party", valid_from = "valid_from", valid_to = "valid_to" }}
synthetic = true
licence = "CC0"
source = "make_city"

[[certificates]]
name = "certificates"
path = "certificates.csv"
columns = {{ facility = "facility", kind = "kind", number = "number", valid_from = "valid_from", valid_to = "valid_to" }}
synthetic = true
licence = "CC0"
source = "make_city"

[[idle_assets]]
name = "idle-assets"
path = "idle_assets.csv"
datum = "WGS-84"
columns = {{ id = "id", name = "name", name_en = "name_en", kind = "kind", former_use = "former_use", tenure = "tenure", address = "address", lon = "lon", lat = "lat", floor_m2 = "floor_m2", land_m2 = "land_m2" }}
options = {{ path = "idle_options.csv", columns = {{ asset = "asset", service = "service", kind = "kind", capacity = "capacity", cost_yuan = "cost_yuan", hours = "hours", lead_months = "lead_months" }} }}
synthetic = true
licence = "CC0"
source = "make_city"

[[scenarios]]
name = "flood"
title = "百年一遇洪水"
title_en = "Flood of 100 years"
hazard = "flood"
extent = "zones"
hazard_layer = "flood-zone"
zone_rates = {{ deep = {{ affected = 1.0, displaced = 0.60 }}, medium = {{ affected = 1.0, displaced = 0.30 }}, shallow = {{ affected = 1.0, displaced = 0.10 }} }}
rate_source = "Our proposal; shallow follows relocated / affected of Henan 2021 (10.1 %)"
rate_certainty = "D"
services = ["short_fixed_shelter", "supply_warehouse"]
times_of_day = ["day", "night"]
road_rules = [
    {{ kind = "zone", zone_class = "deep", road_classes = ["radial", "arterial", "local", "link"], factor = "closed", name = "under water; the ring road stands on piers" }},
    {{ kind = "zone", zone_class = "medium", road_classes = ["arterial", "local", "link"], factor = "closed", name = "more than 0.3 m of water stops cars" }},
    {{ kind = "zone", zone_class = "medium", road_classes = ["radial"], factor = 3, name = "one lane kept open" }},
    {{ kind = "zone", zone_class = "shallow", factor = 3, name = "walking pace through shallow water" }},
]
synthetic = true
[scenarios.rate_facts]
"zone_rates.deep.displaced" = {{ low = 0.40, high = 0.80, source = "Our proposal: a third less, a third more", certainty = "D" }}
"zone_rates.medium.displaced" = {{ low = 0.15, high = 0.45, source = "Our proposal: half, and half as much again", certainty = "D" }}
"zone_rates.shallow.displaced" = {{ low = 0.064, high = 0.166, source = "Henan 2021, base 14.53 m affected: low counts only the 0.9338 m evacuated in haste, high counts nobody twice of evacuated and relocated", clause = "press conference of 2021-08-02", certainty = "D" }}

[[scenarios]]
name = "earthquake"
title = "断裂带地震"
title_en = "Earthquake on the fault"
hazard = "earthquake"
extent = "zones"
hazard_layer = "fault-zone"
zone_rates = {{ IX = {{ affected = 1.0, displaced = 0.75 }}, VIII = {{ affected = 0.80, displaced = 0.625 }}, VII = {{ affected = 0.25, displaced = 0.40 }} }}
rate_source = "Displaced of all people 75, 50 and 10 %: InaSAFE earthquake ladder of 2013 (hazard_classifications.py @677c0421); the share affected is our proposal"
rate_certainty = "D"
services = ["emergency_shelter", "short_fixed_shelter", "medical_point", "supply_warehouse"]
times_of_day = ["day", "night"]
close_inside_zone = false
synthetic = true
[scenarios.rate_facts]
"zone_rates.IX.displaced" = {{ low = 0.625, high = 0.875, source = "InaSAFE earthquake ladder of 2013; the range is our proposal: half a step down and up, as near as intensity is known", clause = "hazard_classifications.py @677c0421", certainty = "D" }}
"zone_rates.VIII.affected" = {{ low = 0.70, high = 0.90, source = "Our proposal: an eighth less and more", certainty = "D" }}
"zone_rates.VIII.displaced" = {{ low = 0.375, high = 0.78, source = "InaSAFE earthquake ladder of 2013; the range is our proposal: half a step down and up, as near as intensity is known", clause = "hazard_classifications.py @677c0421", certainty = "D" }}
"zone_rates.VII.affected" = {{ low = 0.15, high = 0.35, source = "Our proposal: four tenths less and more", certainty = "D" }}
"zone_rates.VII.displaced" = {{ low = 0.20, high = 0.80, source = "Our proposal: half as many, twice as many", certainty = "D" }}

[[scenarios]]
name = "epidemic"
title = "疫情，每万人 60 间"
title_en = "Epidemic, 60 rooms per 10,000"
hazard = "epidemic"
extent = "everywhere"
affected_share = 1.0
ratio_overrides = {{ isolation_lodging = 0.006 }}
rate_source = "Our middle tier between the national floor of 2021 (20) and Guangzhou 2022 (131)"
rate_certainty = "D"
services = ["isolation_lodging", "medical_point"]
times_of_day = ["night"]
synthetic = true
[scenarios.rate_facts]
"ratio_overrides.isolation_lodging" = {{ low = 0.002, high = 0.013, source = "National floor of 2021 (20) to what Shanghai and Guangzhou planned in 2022 (119 to 131)", certainty = "D" }}
"""
