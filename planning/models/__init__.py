from planning.models.analyses import Analysis, AreaHourResult, AreaRange, LossResult
from planning.models.batches import Batch, BatchRun
from planning.models.hazards import HazardLayer, HazardZone
from planning.models.networks import NetworkIsland, RoadNetwork, SpeedProfile, SpeedRule
from planning.models.plan_parts import Front, InterventionMoney, PlanComment, PlanExplanation
from planning.models.plans import CostRate, Intervention, Plan, PlanVersion
from planning.models.population import CellGroup, CellPopulation, CensusTotal, DemandCell, PopulationLayer
from planning.models.results import AreaGroupResult, AreaResult, CellGroupResult, CellResult, FacilityResult
from planning.models.runs import Run, Snapshot
from planning.models.scenarios import Scenario, ScenarioVersion
from planning.models.standards import MinimumNeed, Standard, StandardProfile

__all__ = [
    "Analysis", "AreaGroupResult", "AreaHourResult", "AreaRange", "AreaResult", "Batch", "BatchRun", "CellGroup",
    "CellGroupResult", "CellPopulation", "CellResult", "CensusTotal", "CostRate", "DemandCell", "FacilityResult",
    "Front", "HazardLayer", "HazardZone", "Intervention", "InterventionMoney", "LossResult", "MinimumNeed", "NetworkIsland",
    "Plan", "PlanComment", "PlanExplanation", "PlanVersion",
    "PopulationLayer", "RoadNetwork", "Run", "Scenario", "ScenarioVersion", "Snapshot", "SpeedProfile", "SpeedRule",
    "Standard", "StandardProfile",
]  # fmt: skip
