"""From a template's inputs to the rates of a scenario. The document keeps both, so that a reader can follow."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

# Template -> the document with its rates worked out from `document["model"]`.
WORK: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {}


def worked_out(document: dict[str, Any]) -> dict[str, Any]:
    """The document with the rates its template works out; as it is where they were set by hand."""
    work = WORK.get(document.get("template", ""))
    return work(document) if work and document.get("model") else document
