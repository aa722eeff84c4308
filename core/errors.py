"""Errors a person can act on. Pages, API and commands all turn them into the same words."""

from dataclasses import dataclass
from typing import Any


class DomainError(Exception):
    """A request that the rules refuse.

    `code` is stable and for machines; `message` is a translated sentence for people; `status` is the
    HTTP status of the API answer; `extra` rides along in the problem document.
    """

    status = 409

    def __init__(self, code: str, message: Any, *, status: int | None = None, **extra: Any) -> None:
        super().__init__(str(message))
        self.code, self.message, self.extra = code, message, extra
        if status is not None:
            self.status = status


class Forbidden(DomainError):
    """The policy says no."""

    status = 403

    def __init__(self, message: Any, code: str = "forbidden", **extra: Any) -> None:
        super().__init__(code, message, **extra)


@dataclass(frozen=True)
class Problem:
    """One thing wrong with a file or a request, with the place where it was found."""

    code: str
    message: Any
    file: str = ""
    row: int | None = None
    column: str = ""
    value: str = ""
    level: str = "error"

    def place(self) -> str:
        parts = [self.file, f"row {self.row}" if self.row is not None else "", self.column]
        return ", ".join(part for part in parts if part)

    def as_dict(self) -> dict[str, Any]:
        return {
            "code": self.code,
            "message": str(self.message),
            "file": self.file,
            "row": self.row,
            "column": self.column,
            "value": self.value,
            "level": self.level,
        }


class InvalidInput(DomainError):
    """Everything that is wrong with one input, said at once."""

    status = 422

    def __init__(self, message: Any, problems: list[Problem], code: str = "invalid-input") -> None:
        super().__init__(code, message)
        self.problems = problems
