from planning.models.hazards import HazardLayer, HazardZone
from planning.models.networks import RoadNetwork
from planning.models.plans import CostRate, Intervention, Plan, PlanVersion
from planning.models.population import CellGroup, CellPopulation, DemandCell, PopulationLayer
from planning.models.results import AreaResult, CellGroupResult, CellResult, FacilityResult
from planning.models.runs import Run, Snapshot
from planning.models.scenarios import Scenario
from planning.models.standards import Standard, StandardProfile

__all__ = [
    "AreaResult", "CellGroup", "CellGroupResult", "CellPopulation", "CellResult", "CostRate", "DemandCell",
    "FacilityResult", "HazardLayer", "HazardZone", "Intervention", "Plan", "PlanVersion", "PopulationLayer",
    "RoadNetwork", "Run", "Scenario", "Snapshot", "Standard", "StandardProfile",
]  # fmt: skip
