"""Two versions of one plan in the hand-worked town, for tests of what people do with plans.

A, within 70,000 fen: stock B (30 places, 8,000), renew C (40, 20,000), extend A (30, 40,000): 68,000 fen, all 115 served.
B, within 30,000 fen: stock B and renew C: 28,000 fen, 95 served; West keeps its gap of 20.
By night before: West needs 80, served 60; East needs 35, served 0.
"""

from types import SimpleNamespace
from typing import Any

from core.services import jobs
from planning.models import PlanVersion
from planning.services import plans
from tests.planning.test_plans import suggested

A_FEN, B_FEN = 68_000, 28_000


def two_versions(priced: SimpleNamespace, runs: list[Any]) -> tuple[PlanVersion, PlanVersion]:
    """(A, B), both of the same plan."""
    a = suggested(priced, runs, 70_000)
    b = plans.suggest_plan(
        user=None, city=priced.city, runs=runs, budget_fen=30_000, plan=a.plan, time_limit_seconds=10
    )
    jobs.perform(b.job.ref)
    b.refresh_from_db()
    assert (a.cost_fen, b.cost_fen) == (A_FEN, B_FEN)
    return a, b
