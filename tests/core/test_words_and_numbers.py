"""How numbers, money, dates and names are written, in both languages."""

import datetime

import pytest
from django.utils.translation import override

from core.templatetags import pingji as tags


@pytest.mark.parametrize(
    ("value", "words"), [(1234567, "1,234,567"), (-5, "−5"), (None, "—"), (0, "0"), (2.5, "2")]
)
def test_numbers_have_commas_a_true_minus_and_a_dash_for_unknown(value, words):
    assert tags.num(value) == words


def test_a_share_of_nothing_is_unknown_not_zero():
    assert tags.share(3, 0) == tags.share(None, 5) == "—"
    assert tags.share(1, 4) == "25.0\u00a0%"


def test_chinese_sets_no_space_before_the_percent_sign():
    with override("zh-hans"):
        assert tags.share(1, 4) == "25.0%"


@pytest.mark.parametrize(
    ("fen", "english", "chinese"),
    [
        (1_599_100_000, "¥15.99 M", "1,599.1 万元"),
        (86_000_000, "¥860 k", "86.0 万元"),
        (73_000, "¥730", "730 元"),
        (-1_599_100_000, "−¥15.99 M", "−1,599.1 万元"),
        (None, "—", "—"),
    ],
)
def test_money_is_said_as_the_reader_says_it(fen, english, chinese):
    assert tags.yuan(fen) == english
    with override("zh-hans"):
        assert tags.yuan(fen) == chinese


def test_a_name_falls_back_to_the_language_that_has_one():
    both, only = {"name": "武侯区", "name_en": "Wuhou"}, {"name": "旧厂", "name_en": ""}
    assert (tags.local_name(both), tags.local_name(only), tags.other_name(only)) == ("Wuhou", "旧厂", "")
    with override("zh-hans"):
        assert (tags.local_name(both), tags.other_name(both)) == ("武侯区", "Wuhou")


def test_a_date_is_written_in_the_order_of_the_language():
    moment = datetime.datetime(2026, 11, 20, 1, 14, tzinfo=datetime.UTC)
    assert tags.dt(moment) == "20 Nov 2026 09:14"
    with override("zh-hans"):
        assert tags.dt(moment) == "2026年11月20日 09:14"


def test_the_four_states_fill_the_bar_exactly():
    row = {"need": 7, "served": 1, "late": 2, "no_room": 3, "out_of_reach": 1}
    parts = tags.states(row)
    assert [part["code"] for part in parts] == ["served", "late", "no_room", "out_of_reach"]
    assert sum(float(part["width"]) for part in parts) == pytest.approx(100, abs=0.01)
    assert float(parts[2]["left"]) == pytest.approx(300 / 7, abs=0.01)
    assert tags.gap(row) == 6


def test_a_bar_of_nothing_is_empty_not_broken():
    assert all(part["width"] == "0.000" for part in tags.states({"need": 0}))
    assert 'width="0.00%"' in tags.bar(None, 0)


def test_a_role_that_supplies_nothing_is_drawn_hollow():
    assert "sh-square off" in tags.shape("lodging", False) and "through" in tags.shape("lodging", False)
    assert "sh-circle" in tags.shape("a shape nobody drew")
