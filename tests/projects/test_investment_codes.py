import pytest

from core.errors import DomainError
from projects.services.investment_codes import clean


def test_a_code_is_kept_as_it_is_written():
    assert clean(" 2603-510104-04-01-482917 ") == "2603-510104-04-01-482917"
    assert clean("２６０３－510104－04－01－482917") == "2603-510104-04-01-482917"


@pytest.mark.parametrize(
    "code",
    [
        "",
        "2603-510104-04-01-48291",
        "2603-510104-04-01-48291X",
        "2603510104040148291",
        "2603-51010a-04-01-482917",
        "26O3-510104-04-01-482917",
    ],
)
def test_anything_of_another_form_is_refused(code):
    with pytest.raises(DomainError) as refused:
        clean(code)
    assert refused.value.code == "bad-investment-code"


def test_month_and_province_are_looked_at_and_both_are_told():
    with pytest.raises(DomainError, match=r"month is 13.*province has the number 99"):
        clean("2613-990104-04-01-482917")
