"""What is wanted from a table (`Column`) and what comes out of it (`Columns`)."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np


@dataclass(frozen=True)
class Column:
    """What is wanted from one column: its name in the file, kind of value and limits.

    kind: "text", "number" (float), "whole" (integer-valued float) or "date" (ISO text).
    """

    source: str
    kind: str = "text"
    required: bool = False
    minimum: float | None = None
    maximum: float | None = None


@dataclass
class Columns:
    """Arrays of n rows. Text is an object array of str ("" = empty), numbers are float64 (nan = empty)."""

    file: str
    values: dict[str, np.ndarray]
    rows: np.ndarray
    geometry: np.ndarray | None = None
    header: tuple[str, ...] = ()
    sources: dict[str, str] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def shapes(self) -> np.ndarray:
        """The geometry of a table that was read with it."""
        if self.geometry is None:
            raise ValueError(f"{self.file} was read without geometry")
        return self.geometry

    def __getitem__(self, name: str) -> np.ndarray:
        return self.values[name]

    def __contains__(self, name: str) -> bool:
        return name in self.values

    def text(self, name: str) -> np.ndarray:
        """The column, or empty text when it was not mapped."""
        return self.values.get(name, np.full(len(self), "", dtype=object))

    def number(self, name: str) -> np.ndarray:
        """The column, or nan when it was not mapped."""
        return self.values.get(name, np.full(len(self), np.nan))

    def source(self, name: str) -> str:
        return self.sources.get(name, name)

    def keep(self, mask: np.ndarray) -> Columns:
        values = {name: array[mask] for name, array in self.values.items()}
        geometry = None if self.geometry is None else self.geometry[mask]
        return Columns(self.file, values, self.rows[mask], geometry, self.header, self.sources)
