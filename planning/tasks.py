"""Work of this app that the Job row carries: importing the services registers their kinds with the workers.

Every job travels by `core.tasks.perform_job`, which loads it by reference and calls the service of its kind.
"""

from planning.services import (  # noqa: F401
    analyses,
    auto_ranges,
    batches,
    explaining,
    fronts,
    hazard_imports,
    network_imports,
    network_reports,
    plan_export,
    plan_years,
    population_imports,
    runs,
    siting,
)
