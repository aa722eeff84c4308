"""Scoring a plan's change-set equals scoring the edited registry: 200 random change-sets of every kind, sizes and closings
included, against a snapshot taken after the registry was really changed."""

import numpy as np
import pytest

from engine.coverage import score_world
from facilities.models import Agreement, Capability, ServiceType
from inventory.models import AssetOption, IdleAsset
from planning.bridge.freeze import FACILITY
from planning.bridge.frozen import load_frozen
from planning.bridge.options import RateCard, candidates
from planning.bridge.world import build_situation
from planning.models import CostRate
from planning.services import snapshots
from planning.services.runs import frozen_of, question_of
from planning.services.siting import KINDS
from tests.planning.town import at, facility, standard

SERVICES = ("short_fixed_shelter", "isolation_lodging")


@pytest.fixture
def city(town):
    """The hand-worked town with 14 more facilities of both services, exclusive and not, and 8 idle places."""
    random = np.random.default_rng(5)
    lodging = ServiceType.objects.create(
        code="isolation_lodging", name="隔离", name_en="Isolation", domain="lodging", unit="rooms", unit_name="间"
    )  # fmt: skip
    standard(town.profile, lodging, driver="residents", ratio=0.4, reach_limit=900, conversion_limit_hours=60)
    town.scenario.services.add(lodging)
    services = [town.service, lodging]
    for number in range(14):
        place = facility(town.city, town.left, 20 + number, float(random.uniform(-100, 3200)), town.hotel)
        if random.random() < 0.2:
            Agreement.objects.create(facility=place, valid_from="2020-01-01", valid_to="2021-01-01")
        for rank, service in enumerate(services, start=1):
            if random.random() < 0.75:
                Capability.objects.create(
                    facility=place, service=service, status=str(random.choice(["active", "possible"])),
                    capacity=float(random.integers(3, 60)) + float(random.choice([0.0, 0.7])), rank=rank,
                    exclusive=bool(random.random() < 0.6), conversion_hours_declared=float(random.choice([10, 50, 90])),
                )  # fmt: skip
    for number in range(8):
        point = at(float(random.uniform(-100, 3200)))
        asset = IdleAsset.objects.create(
            city=town.city, ref=f"IA-8{number:04d}", source_id=f"r{number}", name="地", kind="land", area=town.right, point=point,
            datum="WGS-84", original_x=point.x, original_y=point.y, land_m2=500,
        )  # fmt: skip
        for service in services:
            AssetOption.objects.create(
                asset=asset, service=service, kind=str(random.choice(["build", "convert"])), capacity=float(random.integers(5, 50)),
                cost_fen=int(random.integers(1, 9)) * 10_000, conversion_hours=float(random.choice([20, 70])),
            )  # fmt: skip
    for service in services:
        for kind in (*KINDS, "retire"):
            CostRate.objects.create(
                service=service, kind=kind, fixed_fen=1_000, per_unit_fen=100, max_share=0.5, hours=30, steps=[0.3, 0.5, 1],
                running_fen_unit=10, source="worked",
            )  # fmt: skip
    return town


def _drawn(listed, random):
    """A random change-set that no place could refuse: of options that exclude each other one at most."""
    taken, keys = [], set()
    for number in random.permutation(len(listed))[: int(random.integers(1, 9))]:
        one = listed[int(number)]
        if one.exclusive_key not in keys:
            keys.add(one.exclusive_key)
            taken.append(one)
    return taken


def _edit(frozen, chosen, restore):
    """The same changes in the registry itself; `restore` takes what undoes them."""
    for one in chosen:
        pk = int(one.key.partition(":")[2].partition("@")[0][1:])
        if one.role < 0:
            option = AssetOption.objects.select_related("asset").get(pk=pk)
            place = facility(
                option.asset.city, option.asset.area, 9000 + pk, 0.0, Capability.objects.first().facility.use
            )
            place.point = option.asset.point
            place.save()
            Capability.objects.create(
                facility=place, service=option.service, status="active", capacity=one.units, exclusive=False,
                conversion_hours_declared=one.hours,
            )  # fmt: skip
            restore.append(place.delete)
            continue
        role = Capability.objects.get(pk=pk)
        before = {name: getattr(role, name) for name in ("status", "capacity", "conversion_hours_declared")}
        restore.append(lambda pk=pk, before=before: Capability.objects.filter(pk=pk).update(**before))
        if one.kind == "retire":
            role.status = "retired"
        elif one.kind == "extend":
            role.capacity += one.units
        elif one.kind == "convert":
            role.status, role.capacity, role.conversion_hours_declared = "active", one.units, one.hours
        else:
            role.conversion_hours_declared = min(role.conversion_hours_declared, one.hours)
        role.save()
        if _renews(one):
            papers = list(Agreement.objects.filter(facility=role.facility))
            Agreement.objects.filter(facility=role.facility).delete()
            restore.append(lambda papers=papers: Agreement.objects.bulk_create(papers))


def _by_place(situation, score):
    """Served, late and capacity by (place, service) of every role that supplies something."""
    frozen, roles = situation.frozen, situation.roles
    found = {}
    for role in range(len(roles.site)):
        if score.role_supply[role] > 0:
            site = int(roles.site[role])
            name = (round(float(frozen["site_lon"][site]), 9), int(roles.service[role]))
            add = np.array([score.role_supply[role], score.role_served[role], score.role_late[role]])
            found[name] = found.get(name, 0) + add
    return {name: tuple(int(one) for one in value) for name, value in found.items()}


@pytest.mark.parametrize("seed", range(4))
def test_scoring_200_change_sets_equals_scoring_the_edited_registry(city, compute, seed):
    run = compute(city)[0]
    frozen, question = frozen_of(run), question_of(run)
    situation = build_situation(frozen, question)
    listed, _left = candidates([situation], RateCard.now(), SERVICES, [*KINDS, "retire"], sizes=True)
    assert {one.kind for one in listed} >= {"build", "convert", "extend", "retire", "stock", "upgrade"}
    assert any("@" in one.key for one in listed)
    random, seen = np.random.default_rng(seed), set()
    compared = 0
    while compared < 50:
        chosen = _drawn(listed, random)
        # New papers hold for a whole place, a change-set renews them by role: compared where both are the same.
        if any(
            _lapsed_roles(situation, one.site) - _renewed(situation, chosen, one.site)
            for one in chosen
            if _renews(one)
        ):
            continue
        compared += 1
        seen |= {one.kind for one in chosen}
        after = build_situation(frozen, question, [one.change(n) for n, one in enumerate(chosen, start=1)])
        planned = score_world(after.world, run.assignment)
        restore = []
        _edit(frozen, chosen, restore)
        edited = build_situation(load_frozen(snapshots.take_snapshot(city=city.city)), question)
        real = score_world(edited.world, run.assignment)
        for undo in reversed(restore):
            undo()
        words = [one.key for one in chosen]
        for state in ("served", "late", "no_room", "out_of_reach"):
            assert np.array_equal(getattr(planned, state), getattr(real, state)), (words, state)
        assert _by_place(after, planned) == _by_place(edited, real), words
    assert seen >= {"build", "convert", "extend", "retire"}


def _renews(one):
    """Whoever designates a role anew, or renews it, signs for it."""
    return one.role >= 0 and one.kind in ("upgrade", "convert")


def _lapsed_roles(situation, site):
    roles = situation.roles
    return int(((roles.site == site) & np.isin(roles.reason, (1, 2))).sum())


def _renewed(situation, chosen, site):
    rows = {int(row): number for number, row in enumerate(situation.roles.row)}
    return sum(
        one.site == site and one.kind == "upgrade" and int(situation.roles.reason[rows[one.role]]) in (1, 2)
        for one in chosen
    )


def test_the_order_of_a_change_set_does_not_matter(city, compute):
    run = compute(city)[0]
    frozen, question = frozen_of(run), question_of(run)
    situation = build_situation(frozen, question)
    listed, _left = candidates([situation], RateCard.now(), SERVICES, [*KINDS, "retire"], sizes=True)
    random = np.random.default_rng(3)
    for _number in range(20):
        changes = [one.change(n) for n, one in enumerate(_drawn(listed, random), start=1)]
        first = score_world(build_situation(frozen, question, changes).world, "best").totals()
        assert np.array_equal(
            first, score_world(build_situation(frozen, question, changes[::-1]).world, "best").totals()
        )
    assert int((np.asarray(frozen["site_kind"]) == FACILITY).sum()) == 18
