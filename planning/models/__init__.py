from planning.models.analyses import Analysis, AreaHourResult, LossResult
from planning.models.hazards import HazardLayer, HazardZone
from planning.models.networks import NetworkIsland, RoadNetwork, SpeedProfile, SpeedRule
from planning.models.plans import CostRate, Intervention, Plan, PlanVersion
from planning.models.population import CellGroup, CellPopulation, DemandCell, PopulationLayer
from planning.models.results import AreaGroupResult, AreaResult, CellGroupResult, CellResult, FacilityResult
from planning.models.runs import Run, Snapshot
from planning.models.scenarios import Scenario
from planning.models.standards import Standard, StandardProfile

__all__ = [
    "Analysis", "AreaGroupResult", "AreaHourResult", "AreaResult", "CellGroup", "CellGroupResult", "CellPopulation",
    "CellResult", "CostRate", "DemandCell", "FacilityResult", "HazardLayer", "HazardZone", "Intervention", "LossResult",
    "NetworkIsland", "Plan", "PlanVersion", "PopulationLayer", "RoadNetwork", "Run", "Scenario", "Snapshot",
    "SpeedProfile", "SpeedRule", "Standard", "StandardProfile",
]  # fmt: skip
