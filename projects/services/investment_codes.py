"""The national code of an investment project: YYMM-region(6)-department(2)-type(2)-sequence(5)+check(1).

24 characters, 20 digits. How the check digit is worked out is not published; so digits and form are checked, and nothing is
promised about the last digit. Source: NDRC 发改投资〔2020〕1439号.
"""

from __future__ import annotations

import re

from django.utils.translation import gettext_lazy as _

from core.errors import DomainError

FORM = re.compile(r"^(\d{2})(\d{2})-(\d{2})(\d{2})(\d{2})-(\d{2})-(\d{2})-(\d{6})$", re.ASCII)
# First two digits of GB/T 2260: provinces, autonomous regions, municipalities, special regions; 00 for central projects.
PROVINCES = frozenset(
    {0, 11, 12, 13, 14, 15, 21, 22, 23, 31, 32, 33, 34, 35, 36, 37, 41, 42, 43, 44, 45, 46, 50, 51, 52, 53, 54, 61, 62,
     63, 64, 65, 66, 71, 81, 82}
)  # fmt: skip


def clean(code: str) -> str:
    """The code as it is written, or DomainError saying everything that is wrong. Full-width digits and dashes are read."""
    text = code.strip().translate(str.maketrans("０１２３４５６７８９－—–", "0123456789---"))
    found = FORM.match(text)
    if found is None:
        raise DomainError(
            "bad-investment-code",
            _("An investment code has the form YYMM-123456-12-12-123456, digits only."),
            status=422,
            value=code,
        )
    problems = []
    if not 1 <= int(found[2]) <= 12:
        problems.append(_("its month is %(month)s") % {"month": found[2]})
    if int(found[3]) not in PROVINCES:
        problems.append(_("no province has the number %(number)s") % {"number": found[3]})
    if problems:
        words = "; ".join(str(one) for one in problems)
        raise DomainError(
            "bad-investment-code",
            _("This is no investment code: %(words)s.") % {"words": words},
            status=422,
            value=code,
        )
    return text
