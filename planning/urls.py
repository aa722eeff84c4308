from django.urls import URLPattern, path

from planning.views import gaps, home, maps, networks, plans, runs, scenarios, standards, tiles, why

urlpatterns: list[URLPattern] = [
    path("", home.home_page, name="home"),
    path("map/", maps.map_page, name="map"),
    path("map/card/", maps.map_card, name="map_card"),
    path("map/run/", maps.map_run, name="map_run"),
    path("gaps/", gaps.gap_list, name="gaps"),
    path("gaps/<str:area_code>/<slug:service_code>/", why.why_page, name="why"),
    path("scenarios/", scenarios.scenario_list, name="scenarios"),
    path("scenarios/new/", scenarios.scenario_new, name="scenario_new"),
    path("scenarios/<str:ref>/", scenarios.scenario_record, name="scenario"),
    path("standards/", standards.profile_list, name="standards"),
    path("standards/<slug:code>/", standards.profile_record, name="standard_profile"),
    path("help/standards/", standards.help_standards, name="help_standards"),
    path("networks/", networks.network_list, name="networks"),
    path("networks/<str:ref>/", networks.network_record, name="network"),
    path("networks/<str:ref>/report/", networks.network_report, name="network_report"),
    path("runs/", runs.run_list, name="runs"),
    path("runs/<str:ref>/", runs.run_record, name="run"),
    path("plans/", plans.plan_list, name="plans"),
    path("plans/new/", plans.plan_new, name="plan_new"),
    path("plans/<str:ref>/", plans.plan_record, name="plan"),
    path("plans/<str:ref>/suggest/", plans.plan_suggest, name="plan_suggest"),
    path("plans/<str:ref>/freeze/", plans.plan_freeze, name="plan_freeze"),
    *tiles.urlpatterns,
]
