"""Who may pay for what: the limits that follow, and the money in whole fen. Maximal flows are scipy's."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import maximum_flow

from engine.checks import InvalidInput
from engine.siting.funding import Unpayable, fund_limits, share_out, short_of

NAMES = ("central", "bond", "local", "bank", "loan", "own")


def payable(cost, allowed, limit) -> bool:
    """By a maximal flow from the options to the sources."""
    options, sources = np.shape(allowed)
    size = options + sources + 2
    net = np.zeros((size, size), np.int32)
    net[0, 1 : options + 1] = cost
    for o, s in product(range(options), range(sources)):
        if allowed[o][s]:
            net[1 + o, 1 + options + s] = cost[o]
    net[1 + options : -1, -1] = [sum(cost) if one is None else one for one in limit]
    return maximum_flow(csr_matrix(net), 0, size - 1).flow_value == sum(cost)


@st.composite
def purses(draw, most_options=6, most_sources=4):
    options, sources = draw(st.integers(1, most_options)), draw(st.integers(1, most_sources))
    cost = draw(st.lists(st.integers(0, 12), min_size=options, max_size=options))
    allowed = [draw(st.lists(st.booleans(), min_size=sources, max_size=sources)) for _ in range(options)]
    limit = [draw(st.one_of(st.none(), st.integers(0, 20))) for _ in range(sources)]
    return cost, np.array(allowed, bool).reshape(options, sources), limit


@settings(max_examples=300, deadline=None)
@given(purses())
def test_a_plan_obeys_the_limits_exactly_when_a_flow_can_pay_it(purse):
    cost, allowed, limit = purse
    rows = fund_limits(cost, allowed, limit, NAMES[: len(limit)])
    for taken in product((0, 1), repeat=len(cost)):
        bill = np.array(cost) * taken
        kept = all(int(row.amount @ np.array(taken)) <= row.most for row in rows)
        assert kept == payable(bill, allowed, limit)
        assert kept == (not short_of(bill, allowed, limit))


@settings(max_examples=200, deadline=None)
@given(purses(most_options=5, most_sources=3))
def test_each_set_is_asked_once_and_only_where_it_can_bind(purse):
    cost, allowed, limit = purse
    rows = fund_limits(cost, allowed, limit, NAMES[: len(limit)])
    assert len({row.name for row in rows}) == len(rows)
    for row in rows:
        assert int(row.amount.sum()) > row.most


@settings(max_examples=300, deadline=None)
@given(purses(most_options=8, most_sources=6), st.data())
def test_what_is_shared_out_adds_up_to_the_fen(purse, data):
    cost, allowed, limit = purse
    years = data.draw(st.lists(st.integers(-1, 2), min_size=len(cost), max_size=len(cost)))
    bill = np.where(np.array(years) >= 0, cost, 0)
    if not payable(bill, allowed, limit):
        with pytest.raises(Unpayable) as caught:
            share_out(cost, allowed, limit, years, 3)
        assert all(missing > 0 for _, missing in caught.value.short)
        return
    parts = share_out(cost, allowed, limit, years, 3)
    assert parts.shape == (len(cost), len(limit), 3) and parts.min(initial=0) >= 0
    assert parts.sum(axis=(1, 2)).tolist() == bill.tolist()
    assert not parts[~allowed].any()
    for o, year in enumerate(years):
        assert parts[o].sum() == parts[o, :, max(year, 0)].sum()
    given_by = parts.sum(axis=(0, 2))
    assert all(most is None or total <= most for total, most in zip(given_by, limit, strict=True))
    assert np.array_equal(parts, share_out(cost, allowed, limit, years, 3))
    # The first source gives as much as any way of paying lets it: not one fen more.
    room = int(given_by[0]) + 1
    if limit[0] is None or room <= limit[0]:
        assert not _first_can_give(room, bill, allowed, limit[1:])


def _first_can_give(room, bill, allowed, others) -> bool:
    """Whether the bill can be paid with exactly `room` from the first source: the others then give the rest together."""
    if room > int(bill.sum()):
        return False
    rest = [one if one is not None else int(bill.sum()) for one in others]
    options = len(bill)
    size = options + len(rest) + 4
    net = np.zeros((size, size), np.int32)
    net[0, 1 : options + 1] = bill
    zero, hub, sink = options + 1, size - 2, size - 1
    for o in range(options):
        if allowed[o, 0]:
            net[1 + o, zero] = bill[o]
        for s in range(len(rest)):
            if allowed[o, 1 + s]:
                net[1 + o, zero + 1 + s] = bill[o]
    for s, most in enumerate(rest):
        net[zero + 1 + s, hub] = most
    net[zero, sink], net[hub, sink] = room, int(bill.sum()) - room
    return maximum_flow(csr_matrix(net), 0, sink).flow_value == int(bill.sum())


def test_worked_example():
    """docs/algorithms/phasing.md: a build only bonds may pay, two conversions for the district or the bond."""
    cost = [600, 300, 300]
    allowed = np.array([[0, 1], [1, 1], [1, 1]], bool)
    rows = {
        row.name: (row.amount.tolist(), row.most)
        for row in fund_limits(cost, allowed, [400, 700], ("local", "bond"))
    }
    assert rows == {"fund:local,bond": ([600, 300, 300], 1100)}
    tight = {row.name: row.most for row in fund_limits(cost, allowed, [500, 500], ("local", "bond"))}
    assert tight == {"fund:bond": 500, "fund:local,bond": 1000}
    assert share_out([600, 300, 0], allowed, [400, 700]).tolist() == [[0, 600], [300, 0], [0, 0]]
    both = share_out([600, 300, 200], allowed, [400, 700])
    assert both.tolist() == [[0, 600], [300, 0], [100, 100]]


def test_earlier_years_are_paid_by_the_source_named_first():
    allowed = np.ones((2, 2), bool)
    late, early = share_out([100, 100], allowed, [100, None], [1, 0], 2)
    assert early.tolist() == [[100, 0], [0, 0]] and late.tolist() == [[0, 0], [0, 100]]


def test_what_no_source_may_pay_is_named():
    rows = fund_limits([5, 0, 7], np.array([[0], [0], [1]], bool), [None], ["central"])
    assert [(row.name, row.amount.tolist(), row.most) for row in rows] == [("fund:", [5, 0, 0], 0)]
    with pytest.raises(Unpayable) as caught:
        share_out([5, 0, 7], np.array([[0], [0], [1]], bool), [None])
    assert caught.value.short == [((), 5)]


def test_sums_of_a_whole_city_stay_whole():
    """Costs near the largest a budget may have: nothing is lost in floating point."""
    cost = np.full(2000, 499_999_999_999, np.int64)
    allowed = np.ones((2000, 2), bool)
    total = int(cost.sum())
    parts = share_out(cost, allowed, [total - 1, 1])
    assert parts.sum(axis=0).tolist() == [total - 1, 1] and (parts.sum(axis=1) == cost).all()


def test_bad_input_is_told_together():
    with pytest.raises(InvalidInput) as caught:
        fund_limits([-1], np.ones((1, 2), bool), [1, -1], ["a", "b"])
    assert len(caught.value.problems) == 2
    with pytest.raises(InvalidInput):
        fund_limits([1], np.ones((1, 7), bool), [1] * 7, list("abcdefg"))
    with pytest.raises(InvalidInput):
        share_out([1], np.ones((1, 1), bool), [1], [3], 2)
