"""Amounts to the fen, for rows that people compare with a bank statement."""

from django import template

from core.templatetags.pingji import MINUS, UNKNOWN, yuan

register = template.Library()


@register.filter
def fen(value: int | None) -> str:
    """123450 -> "1,234.50" yuan; a true minus sign; None -> "—"."""
    if value is None:
        return UNKNOWN
    whole, part = divmod(abs(value), 100)
    return f"{MINUS if value < 0 else ''}{whole:,}.{part:02d}"


@register.filter
def signed_yuan(value: int) -> str:
    """With + before what grew."""
    return ("+" if value > 0 else "") + yuan(value)
