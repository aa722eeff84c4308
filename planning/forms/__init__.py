"""Forms of the planning pages. They check what was typed; services decide what may be done."""

from planning.forms.analyses import AnalysisForm
from planning.forms.batches import BatchForm
from planning.forms.hazards import HazardFactsForm, HazardImportForm
from planning.forms.names import LocalNames, LocalNamesMany
from planning.forms.networks import RoadImportForm
from planning.forms.plan_question import PlanQuestionForm
from planning.forms.plans import WhatIfForm
from planning.forms.population import CensusImportForm, PopulationErrorForm, PopulationImportForm, ScaleForm
from planning.forms.road_rules import RoadRuleForm
from planning.forms.runs import RunForm
from planning.forms.scenarios import ScenarioForm

__all__ = [
    "AnalysisForm",
    "BatchForm",
    "CensusImportForm",
    "HazardFactsForm",
    "HazardImportForm",
    "LocalNames",
    "LocalNamesMany",
    "PlanQuestionForm",
    "PopulationErrorForm",
    "PopulationImportForm",
    "RoadImportForm",
    "RoadRuleForm",
    "RunForm",
    "ScaleForm",
    "ScenarioForm",
    "WhatIfForm",
]
