"""Imported by the workers of these tests: blocks of a few places, each slow enough to be killed in the middle."""

import os
import time
from typing import Any

from planning.bridge import searches

searches.LEAST_BLOCK, searches.MOST_BLOCK = 1, 2
_search = searches._search


def slow_search(search: Any, *given: Any) -> Any:
    time.sleep(float(os.environ.get("SLOW_SEARCH_SECONDS", "0")))
    return _search(search, *given)


searches._search = slow_search
