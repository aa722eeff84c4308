"""Imported by the workers of these tests: blocks of a few places, and pieces slow enough to be killed in the middle."""

import os
import time
from typing import Any

from planning.bridge import searches
from planning.services import runs

searches.LEAST_BLOCK, searches.MOST_BLOCK = 1, 2
_search = searches._search


def slow_search(search: Any, *given: Any) -> Any:
    time.sleep(float(os.environ.get("SLOW_SEARCH_SECONDS", "0")))
    return _search(search, *given)


searches._search = slow_search
_write = runs.write_run


def slow_write(params: Any, check: Any) -> Any:
    time.sleep(float(os.environ.get("SLOW_SCENARIO_SECONDS", "0")))
    return _write(params, check)


runs.write_run = slow_write
