from django.urls import URLPattern, path
from rest_framework.routers import BaseRouter

from planning.api import (
    analyses,
    batches,
    demand,
    explanations,
    fronts,
    hazards,
    layers,
    networks,
    plan_losses,
    plan_questions,
    plan_records,
    plan_years,
    plans,
    population,
    reach,
    runs,
    scenario_templates,
    scenarios,
    standards,
)

SCENARIO_VERSION = "scenarios/<str:scenario_ref>/versions/<int:number>/"
VERSION = "plans/<str:plan_ref>/versions/<int:number>/"
ANALYSIS = "analyses/<str:analysis_ref>/"

urlpatterns: list[URLPattern] = [
    *plan_years.urlpatterns,
    *fronts.urlpatterns,
    *plan_losses.urlpatterns,
    path(
        "scenarios/<str:scenario_ref>/course/",
        scenario_templates.ScenarioCourseViewSet.as_view({"get": "retrieve"}),
        name="scenario-course",
    ),
    path("reach/", reach.ReachViewSet.as_view({"get": "list"}), name="reach"),
    path("runs/<str:run_ref>/what-if/", reach.WhatIfViewSet.as_view({"post": "create"}), name="run-what-if"),
    path(
        "runs/<str:run_ref>/compare/",
        batches.RunComparisonViewSet.as_view({"get": "retrieve"}),
        name="run-compare",
    ),
    path("runs/<str:run_ref>/demand/", demand.RunDemandViewSet.as_view({"get": "list"}), name="run-demand"),
    path(
        "batches/<str:batch_ref>/tables/",
        demand.BatchTablesViewSet.as_view({"get": "retrieve"}),
        name="batch-tables",
    ),
    path(
        "runs/<str:run_ref>/tables/", demand.RunTablesViewSet.as_view({"get": "retrieve"}), name="run-tables"
    ),
    path("runs/<str:run_ref>/areas/", runs.RunAreasViewSet.as_view({"get": "list"}), name="run-areas"),
    path(
        "networks/<str:network_ref>/islands/",
        networks.NetworkIslandViewSet.as_view({"get": "list"}),
        name="network-islands",
    ),
    path(
        "runs/<str:run_ref>/area-groups/",
        runs.RunAreaGroupsViewSet.as_view({"get": "list"}),
        name="run-area-groups",
    ),
    path("runs/<str:run_ref>/cells/", runs.RunCellsViewSet.as_view({"get": "list"}), name="run-cells"),
    path(
        "runs/<str:run_ref>/facilities/",
        runs.RunFacilitiesViewSet.as_view({"get": "list"}),
        name="run-facilities",
    ),
    path(
        "runs/<str:run_ref>/analyses/",
        analyses.RunAnalysesViewSet.as_view({"get": "list", "post": "create"}),
        name="run-analyses",
    ),
    path(f"{ANALYSIS}hours/", analyses.AnalysisHoursViewSet.as_view({"get": "list"}), name="analysis-hours"),
    path(
        f"{ANALYSIS}losses/", analyses.AnalysisLossesViewSet.as_view({"get": "list"}), name="analysis-losses"
    ),
    path(
        f"{ANALYSIS}ranges/", analyses.AnalysisRangesViewSet.as_view({"get": "list"}), name="analysis-ranges"
    ),
    path(f"{ANALYSIS}areas/", analyses.AnalysisAreasViewSet.as_view({"get": "list"}), name="analysis-areas"),
    path(f"{ANALYSIS}cells/", analyses.AnalysisCellsViewSet.as_view({"get": "list"}), name="analysis-cells"),
    path(
        "scenarios/<str:scenario_ref>/versions/",
        scenarios.ScenarioVersionViewSet.as_view({"get": "list"}),
        name="scenario-versions",
    ),
    path(
        SCENARIO_VERSION,
        scenarios.ScenarioVersionViewSet.as_view({"get": "retrieve"}),
        name="scenario-version",
    ),
    path(
        f"{SCENARIO_VERSION}restore/",
        scenarios.ScenarioVersionViewSet.as_view({"post": "restore"}),
        name="scenario-version-restore",
    ),
    path(
        f"{SCENARIO_VERSION}changes/",
        scenarios.ScenarioVersionViewSet.as_view({"get": "changes"}),
        name="scenario-version-changes",
    ),
    path(
        "plans/<str:plan_ref>/versions/", plans.VersionViewSet.as_view({"get": "list"}), name="plan-versions"
    ),
    path(VERSION, plans.VersionViewSet.as_view({"get": "retrieve"}), name="plan-version"),
    path(
        f"{VERSION}areas/",
        plan_records.PlanAreasViewSet.as_view({"get": "retrieve"}),
        name="plan-version-areas",
    ),
    path(
        f"{VERSION}compare/",
        plan_records.PlanComparisonViewSet.as_view({"get": "retrieve"}),
        name="plan-version-compare",
    ),
    path(
        f"{VERSION}comments/",
        plan_records.PlanCommentViewSet.as_view({"get": "list", "post": "create"}),
        name="plan-version-comments",
    ),
    path(
        f"{VERSION}comments/<int:pk>/resolve/",
        plan_records.PlanCommentViewSet.as_view({"post": "resolve"}),
        name="plan-version-comment-resolve",
    ),
    path(
        f"{VERSION}export/",
        plan_records.PlanExportViewSet.as_view({"get": "retrieve"}),
        name="plan-version-export",
    ),
    path(f"{VERSION}freeze/", plans.VersionViewSet.as_view({"post": "freeze"}), name="plan-version-freeze"),
    path(
        f"{VERSION}finish/",
        plan_questions.VersionQuestionViewSet.as_view({"post": "finish"}),
        name="plan-version-finish",
    ),
    path(
        f"{VERSION}relax/",
        plan_questions.VersionQuestionViewSet.as_view({"post": "relax"}),
        name="plan-version-relax",
    ),
    path("plan-options/", plan_questions.PlanOptionViewSet.as_view({"get": "list"}), name="plan-options"),
    path(f"{VERSION}edit/", plans.VersionViewSet.as_view({"post": "edit"}), name="plan-version-edit"),
    path(
        f"{VERSION}explanation/",
        explanations.ExplanationViewSet.as_view({"get": "retrieve", "post": "ask"}),
        name="plan-version-explanation",
    ),
    path(
        f"{VERSION}explanation/rejected/",
        explanations.ExplanationViewSet.as_view({"get": "rejected"}),
        name="plan-version-rejected",
    ),
    path(
        f"{VERSION}resolve/",
        explanations.ExplanationViewSet.as_view({"post": "resolve"}),
        name="plan-version-resolve",
    ),
    path(
        f"{VERSION}options/",
        plans.VersionViewSet.as_view({"get": "open_options"}),
        name="plan-version-options",
    ),
    path(
        f"{VERSION}before-after/",
        plans.VersionViewSet.as_view({"get": "before_after"}),
        name="plan-version-before-after",
    ),
    path(
        f"{VERSION}interventions/",
        plans.InterventionViewSet.as_view({"get": "list"}),
        name="plan-version-interventions",
    ),
]


def register(router: BaseRouter) -> None:
    """Put this app's nouns on the API."""
    router.register("census-totals", population.CensusTotalViewSet, basename="census-total")
    router.register("population-layers", population.PopulationLayerViewSet, basename="population-layer")
    router.register("standard-profiles", standards.StandardProfileViewSet, basename="standard-profile")
    router.register("standards", standards.StandardViewSet, basename="standard")
    router.register("minimum-needs", standards.MinimumNeedViewSet, basename="minimum-need")
    router.register("speed-profiles", layers.SpeedProfileViewSet, basename="speed-profile")
    router.register("cost-rates", layers.CostRateViewSet, basename="cost-rate")
    router.register("hazard-layers", hazards.HazardLayerViewSet, basename="hazard-layer")
    router.register("hazard-zones", hazards.HazardZoneViewSet, basename="hazard-zone")
    router.register("networks", networks.RoadNetworkViewSet, basename="network")
    router.register("snapshots", layers.SnapshotViewSet, basename="snapshot")
    router.register("scenarios", scenarios.ScenarioViewSet, basename="scenario")
    router.register(
        "scenario-templates", scenario_templates.ScenarioTemplateViewSet, basename="scenario-template"
    )
    router.register("runs", runs.RunViewSet, basename="run")
    router.register("batches", batches.BatchViewSet, basename="batch")
    router.register("analyses", analyses.AnalysisViewSet, basename="analysis")
    router.register("plans", plans.PlanViewSet, basename="plan")
