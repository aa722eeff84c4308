"""Amounts of money as people write them: yuan with at most two decimals, kept as whole fen and never as a float."""

from __future__ import annotations

import re

from django.utils.translation import gettext_lazy as _

from core.errors import DomainError

# More than any city's programme; one more digit is a slip of the hand.
MOST_FEN = 10**15
_WRITTEN = re.compile(r"(?P<yuan>\d{1,3}(?:[,，]\d{3})+|\d+)(?:\.(?P<fen>\d{1,2}))?", re.ASCII)


def fen_of(text: str) -> int:
    """`"1,234.5"` -> 123450. Refuses what is no amount, is not above 0 or knows parts of a fen."""
    written = (
        str(text)
        .strip()
        .translate(str.maketrans("０１２３４５６７８９．", "0123456789."))
        .lstrip("¥￥")
        .strip()
    )
    found = _WRITTEN.fullmatch(written)
    if found is None:
        raise DomainError(
            "bad-amount", _("“%(text)s” is no amount in yuan with at most two decimals.") % {"text": str(text)[:40]}, status=422
        )  # fmt: skip
    yuan = int(re.sub(r"\D", "", found["yuan"]))
    fen = yuan * 100 + int((found["fen"] or "").ljust(2, "0"))
    if not 0 < fen <= MOST_FEN:
        raise DomainError(
            "bad-amount", _("“%(text)s” is not between 0.01 yuan and 10,000 billion.") % {"text": str(text)[:40]}, status=422
        )  # fmt: skip
    return fen


def yuan_text(fen: int) -> str:
    """123450 -> `"1234.50"`, the way a form holds it."""
    sign = "-" if fen < 0 else ""
    whole, part = divmod(abs(fen), 100)
    return f"{sign}{whole}.{part:02d}"
