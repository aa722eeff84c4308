"""Standards as versioned data: drafted, tuned with reasons, published by somebody else, and then never changed."""

from datetime import timedelta

import pytest
from django.db import DatabaseError, transaction
from django.utils import timezone

from core.errors import DomainError, Forbidden, InvalidInput
from core.models import AuditEntry, City
from facilities.models import ServiceType
from planning.models import MinimumNeed, Scenario, Standard, StandardProfile
from planning.selectors.deviations import deviation_counts, deviations, root_of
from planning.selectors.standards import effective_needs, effective_standards, local_profiles, revision_of
from planning.services import runs, standard_files, standard_rows, standards
from planning.services.reference import load_reference
from tests.planning.town import publish

SOURCED = {
    "ratio_source": "plan of the town", "ratio_certainty": "D", "reach_source": "plan of the town", "reach_certainty": "D",
}  # fmt: skip
NEED = {
    "code": "water", "name": "水", "name_en": "Water", "unit": "升", "unit_en": "L", "basis": "person_day", "amount": 15.0,
    "source": "Sphere 2018", "certainty": "B",
}  # fmt: skip


@pytest.fixture
def nation(town):
    """The town's profile, published: ratio 1, 500 m on foot, ready within 72 h."""
    StandardProfile.objects.filter(pk=town.profile.pk).update(family="worked")
    town.profile.standards.update(conversion_source="worked example", conversion_certainty="D")
    publish(town.profile)
    return town.profile


@pytest.fixture
def west(town, nation):
    """A draft for the district in the west."""
    return standards.draft_profile(
        user=None,
        name="西区标准",
        name_en="West",
        level="district",
        parent=nation,
        area=town.left,
        reason="old houses",
    )


def the_codes(refused):
    return {problem.code for problem in refused.value.problems}


def row_of(profile):
    return Standard.objects.get(profile=profile)


# --- drafting ----------------------------------------------------------------------------------------


def test_a_draft_takes_from_above_what_it_does_not_say_itself(town, nation):
    city = standards.draft_profile(
        user=None, name="市标准", name_en="City rules", parent=nation, reason="local plan"
    )
    assert (city.code, city.family, city.version, city.status) == ("city-rules", "city-rules", 1, "draft")
    assert [row.profile for row in effective_standards(city)] == [nation]
    row = standard_rows.add_standard(
        user=None, profile=city, service=town.service, values={"ratio": 1.25, "reason": "more beds a person"}
    )
    assert (row.reach_limit, row.driver, row.ratio_text_en) == (
        500,
        "displaced",
        "1.25 places for each of the people displaced",
    )
    assert [(one.profile, one.ratio) for one in effective_standards(city)] == [(city, 1.25)]
    standard_rows.remove_standard(user=None, row=row)
    assert [row.profile for row in effective_standards(city)] == [nation]


def test_everything_wrong_with_a_draft_is_said_at_once(town, nation):
    with pytest.raises(InvalidInput) as refused:
        standards.draft_profile(user=None, name=" ", code="worked", level="district")
    assert the_codes(refused) == {"name-missing", "code-taken", "area-missing", "parent-missing"}
    with pytest.raises(InvalidInput) as refused:
        standards.draft_profile(user=None, name="x", code="x", level="city", area=town.left, parent=nation)
    assert the_codes(refused) == {"level-of-district", "reason-missing"}


def test_a_row_that_differs_from_above_needs_a_reason(town, nation):
    city = standards.draft_profile(user=None, name="市", code="c", parent=nation, reason="local")
    with pytest.raises(InvalidInput) as refused:
        standard_rows.add_standard(user=None, profile=city, service=town.service, values={"ratio": 2.0})
    assert [(problem.code, problem.column) for problem in refused.value.problems] == [
        ("reason-missing", "reason")
    ]
    standard_rows.add_standard(user=None, profile=city, service=town.service, values={"ratio": 1.0})
    assert deviations(city) == []


def test_every_bad_number_of_a_row_is_named(town, nation):
    city = standards.draft_profile(user=None, name="市", code="c", parent=nation, reason="local")
    with pytest.raises(InvalidInput) as refused:
        standard_rows.add_standard(
            user=None, profile=city, service=town.service,
            values={
                "ratio": -1.0, "reach_limit": 0.0, "ratio_source": "", "ratio_certainty": "E", "conversion_limit_hours": 24.0,
                "conversion_source": "", "conversion_certainty": "", "driver": "everybody", "weight": -1.0,
            },
        )  # fmt: skip
    assert {problem.column for problem in refused.value.problems} == {
        "ratio", "reach_limit", "ratio_source", "ratio_certainty", "conversion_source", "conversion_certainty", "driver", "weight",
        "reason",
    }  # fmt: skip
    assert not city.standards.exists()


def test_a_district_changes_ratios_and_nothing_that_belongs_to_facilities(town, west):
    with pytest.raises(InvalidInput) as refused:
        standard_rows.add_standard(
            user=None, profile=west, service=town.service,
            values={"ratio": 2.0, "reach_limit": 800.0, "conversion_limit_hours": 24.0, "reason": "hills"},
        )  # fmt: skip
    assert {problem.column for problem in refused.value.problems if problem.code == "district-only-ratios"} == {
        "reach_limit", "conversion_limit_hours",
    }  # fmt: skip
    other = ServiceType.objects.create(
        code="x", name="x", name_en="x", domain="shelter", unit="places", unit_name="人"
    )
    with pytest.raises(InvalidInput) as refused:
        standard_rows.add_standard(
            user=None, profile=west, service=other, values={"ratio": 2.0, "reach_limit": 1.0, "reason": "x", "driver": "displaced", "reach_unit": "m", "mode": "walk", **SOURCED}
        )  # fmt: skip
    assert "district-adds" in the_codes(refused)


def test_phases_of_a_service_count_the_same_people(town, nation):
    draft = standards.next_version(user=None, profile=nation)
    later = standard_rows.add_standard(
        user=None, profile=draft, service=town.service,
        values={"phase": "d15_plus", "driver": "affected", "ratio": 0.5, "reach_limit": 500.0, "reach_unit": "m", "mode": "walk", **SOURCED},
    )  # fmt: skip
    assert set(draft.standards.values_list("driver", flat=True)) == {"affected"}
    standard_rows.change_standard(user=None, row=later, revision=None, changes={"driver": "present"})
    assert set(draft.standards.values_list("driver", flat=True)) == {"present"}


def test_a_profile_whose_phases_disagree_with_those_above_is_not_published(town, nation):
    city = standards.draft_profile(user=None, name="市", code="c", parent=nation, reason="local")
    standard_rows.add_standard(
        user=None, profile=city, service=town.service,
        values={"phase": "d15_plus", "driver": "affected", "ratio": 0.5, "reach_limit": 500.0, "reach_unit": "m", "mode": "walk", "reason": "later", **SOURCED},
    )  # fmt: skip
    with pytest.raises(InvalidInput) as refused:
        standards.publish_profile(user=None, profile=city)
    assert the_codes(refused) == {"phases-disagree"}


# --- two people at once ------------------------------------------------------------------------------


def test_a_row_changed_by_somebody_else_is_not_overwritten(town, nation):
    draft = standards.next_version(user=None, profile=nation)
    row = row_of(draft)
    seen = revision_of(row)
    standard_rows.change_standard(user=None, row=row, revision=seen, changes={"ratio": 1.5})
    with pytest.raises(DomainError) as refused:
        standard_rows.change_standard(user=None, row=row, revision=seen, changes={"ratio": 3.0})
    assert (refused.value.code, refused.value.status) == ("changed-meanwhile", 412)
    assert row_of(draft).ratio == 1.5


def test_who_publishes_has_seen_the_latest_rows(town, nation):
    draft = standards.next_version(user=None, profile=nation)
    seen = revision_of(draft)
    standard_rows.change_standard(user=None, row=row_of(draft), revision=None, changes={"ratio": 9.0})
    with pytest.raises(DomainError) as refused:
        standards.publish_profile(user=None, profile=draft, revision=seen)
    assert refused.value.code == "changed-meanwhile"


# --- publishing and retiring -------------------------------------------------------------------------


def test_a_next_version_takes_the_place_of_the_former_one_and_of_the_default(town, nation, person):
    lin, wang = person("lin", "planner"), person("wang", "reviewer")
    draft = standards.next_version(user=lin, profile=nation)
    assert (draft.code, draft.version, draft.family) == ("worked-2", 2, "worked")
    standard_rows.change_standard(user=lin, row=row_of(draft), revision=None, changes={"ratio": 1.5})
    standards.publish_profile(user=wang, profile=draft)
    nation.refresh_from_db()
    draft.refresh_from_db()
    assert (nation.status, nation.is_default, draft.status, draft.is_default) == (
        "retired",
        False,
        "published",
        True,
    )
    assert (draft.reviewed_by, row_of(draft).reviewed_by, row_of(draft).changed_by) == (wang, wang, lin)
    assert row_of(nation).ratio == 1.0
    acts = list(
        AuditEntry.objects.filter(subject_ref="worked-2").order_by("id").values_list("act", flat=True)
    )
    assert acts == ["standard.next_version", "standard.row", "standard.publish"]


def test_there_is_one_open_draft_of_a_family(nation):
    first = standards.next_version(user=None, profile=nation)
    with pytest.raises(DomainError) as refused:
        standards.next_version(user=None, profile=nation)
    assert (refused.value.code, refused.value.extra["profile"]) == ("draft-exists", first.code)


def test_who_drafted_or_changed_a_row_does_not_publish(town, nation, person):
    lin, ada = person("lin", "admin"), person("ada", "admin")
    draft = standards.next_version(user=lin, profile=nation)
    with pytest.raises(DomainError) as refused:
        standards.publish_profile(user=lin, profile=draft)
    assert refused.value.code == "two-people"
    standard_rows.add_need(user=ada, profile=draft, values=NEED)
    with pytest.raises(DomainError) as refused:
        standards.publish_profile(user=ada, profile=draft)
    assert refused.value.code == "two-people"
    standards.publish_profile(user=person("wang", "reviewer"), profile=draft)


def test_the_next_version_may_be_published_by_who_drafted_the_former_one(town, nation, person):
    lin, wang = person("lin", "admin"), person("wang", "admin")
    second = standards.next_version(user=lin, profile=nation)
    standard_rows.change_standard(user=lin, row=row_of(second), revision=None, changes={"ratio": 2.0})
    standards.publish_profile(user=wang, profile=second)
    third = standards.next_version(user=wang, profile=second)
    assert standards.publish_profile(user=lin, profile=third).status == "published"


def test_the_default_is_not_retired(nation):
    with pytest.raises(DomainError) as refused:
        standards.retire_profile(user=None, profile=nation)
    assert refused.value.code == "profile-is-default"
    other = standards.draft_profile(user=None, name="另", code="other", parent=nation, reason="else")
    standards.publish_profile(user=None, profile=other, make_default=True)
    nation.refresh_from_db()
    assert standards.retire_profile(user=None, profile=nation).status == "retired"


def test_the_default_holds_in_every_city(town, nation, west):
    with pytest.raises(DomainError) as refused:
        standards.publish_profile(user=None, profile=west, make_default=True)
    assert refused.value.code == "default-holds-everywhere"
    city = standards.draft_profile(
        user=None, name="市", code="c", parent=nation, area=town.root, reason="local"
    )
    City.objects.create(code="else", name="他", name_en="Else", synthetic=True)
    standards.publish_profile(user=None, profile=city)
    with pytest.raises(DomainError) as refused:
        standards.make_default(user=None, profile=city)
    assert refused.value.code == "default-holds-everywhere"
    nation.refresh_from_db()
    assert nation.is_default


def test_a_retired_profile_is_refused_by_runs_and_a_draft_is_taken(town, nation):
    draft = standards.next_version(user=None, profile=nation)
    tried, _job = runs.start_runs(
        user=None, city=town.city, scenario=town.scenario, times_of_day=["night"], profile=draft
    )
    assert tried[0].profile == draft
    standards.publish_profile(user=None, profile=draft)
    nation.refresh_from_db()
    with pytest.raises(DomainError) as refused:
        runs.start_runs(user=None, city=town.city, scenario=town.scenario, profile=nation)
    assert refused.value.code == "profile-retired"


def test_a_draft_that_runs_rest_on_is_kept(town, nation):
    draft = standards.next_version(user=None, profile=nation)
    runs.start_runs(user=None, city=town.city, scenario=town.scenario, times_of_day=["night"], profile=draft)
    with pytest.raises(DomainError) as refused:
        standards.discard_draft(user=None, profile=draft)
    assert refused.value.code == "profile-in-use"
    other = standards.draft_profile(user=None, name="另", code="other", parent=nation, reason="else")
    standards.discard_draft(user=None, profile=other)
    assert not StandardProfile.objects.filter(code="other").exists()


def test_published_profiles_below_a_former_version_are_named(town, nation, west):
    standards.publish_profile(user=None, profile=west)
    draft = standards.next_version(user=None, profile=nation)
    assert [one.code for one in standards.left_behind(draft)] == ["west"]


# --- what the database keeps, whatever the code does -------------------------------------------------


@pytest.mark.parametrize(
    "change",
    [
        lambda profile: Standard.objects.filter(profile=profile).update(ratio=9),
        lambda profile: Standard.objects.filter(profile=profile).delete(),
        lambda profile: MinimumNeed.objects.create(profile=profile, **NEED),
        lambda profile: StandardProfile.objects.filter(pk=profile.pk).update(status="draft"),
        lambda profile: StandardProfile.objects.filter(pk=profile.pk).update(version=7),
        lambda profile: StandardProfile.objects.filter(pk=profile.pk).delete(),
    ],
)
def test_the_database_refuses_to_change_what_is_published(nation, change):
    with pytest.raises(DatabaseError), transaction.atomic():
        change(nation)
    assert row_of(nation).ratio == 1.0


def test_what_the_database_would_refuse_is_said_in_words_first(town, nation):
    for act in (
        lambda: standard_rows.add_standard(
            user=None, profile=nation, service=town.service, values={"phase": "d1_3"}
        ),
        lambda: standard_rows.change_standard(
            user=None, row=row_of(nation), revision=None, changes={"ratio": 2.0}
        ),
        lambda: standard_rows.remove_standard(user=None, row=row_of(nation)),
        lambda: standard_rows.add_need(user=None, profile=nation, values=NEED),
        lambda: standards.update_profile(user=None, profile=nation, revision=None, changes={"name": "x"}),
        lambda: standards.discard_draft(user=None, profile=nation),
        lambda: standards.publish_profile(user=None, profile=nation),
    ):
        with pytest.raises(DomainError) as refused:
            act()
        assert refused.value.code == "profile-published"


# --- rights ------------------------------------------------------------------------------------------


def test_a_planner_of_one_district_drafts_for_it_alone(town, nation, person):
    chen = person("chen", "planner", town.left)
    mine = {"name": "西", "code": "mine", "level": "district", "parent": nation, "reason": "hills"}
    assert standards.draft_profile(user=chen, area=town.left, **mine).area == town.left
    with pytest.raises(Forbidden):
        standards.draft_profile(user=chen, area=town.right, **(mine | {"code": "theirs"}))
    with pytest.raises(Forbidden):
        standards.draft_profile(user=chen, name="国", code="all")
    with pytest.raises(Forbidden):
        standards.next_version(user=chen, profile=nation)


def test_a_viewer_changes_nothing_and_a_planner_does_not_publish(nation, person):
    vera, lin = person("vera", "viewer"), person("lin", "planner")
    with pytest.raises(Forbidden):
        standards.next_version(user=vera, profile=nation)
    draft = standards.next_version(user=None, profile=nation)
    with pytest.raises(Forbidden):
        standards.publish_profile(user=lin, profile=draft)


# --- what differs ------------------------------------------------------------------------------------


def test_deviations_tell_which_by_how_much_why_and_who(town, nation, person):
    lin, wang = person("lin", "planner"), person("wang", "reviewer")
    city = standards.draft_profile(user=lin, name="市", code="city", parent=nation, reason="local plan")
    standard_rows.add_standard(
        user=lin, profile=city, service=town.service,
        values={"ratio": 1.25, "ratio_certainty": "B", "reach_limit": 400.0, "reason": "steep streets"},
    )  # fmt: skip
    standards.publish_profile(user=wang, profile=city)
    found = {one.parameter: one for one in deviations(city)}
    assert set(found) == {"ratio", "reach_limit"}
    ratio, reach = found["ratio"], found["reach_limit"]
    assert (ratio.own, ratio.above, ratio.difference, ratio.share) == (1.25, 1.0, 0.25, 0.25)
    assert (reach.difference, reach.share) == (-100, -0.2)
    assert (ratio.own_certainty, ratio.above_certainty, ratio.row.reason) == ("B", "D", "steep streets")
    assert (ratio.changed_by, ratio.reviewed_by) == (lin, wang)
    assert deviation_counts()[city.pk] == 2


def test_a_district_is_compared_with_what_is_next_above_and_with_the_root(town, nation):
    city = standards.draft_profile(user=None, name="市", code="city", parent=nation, reason="local plan")
    standard_rows.add_standard(
        user=None, profile=city, service=town.service, values={"ratio": 1.25, "reason": "a"}
    )
    west = standards.draft_profile(
        user=None, name="西", code="west", level="district", parent=city, area=town.left, reason="old houses"
    )
    assert deviations(west) == []
    assert [(one.own, one.above) for one in deviations(west, root_of(west))] == [(1.25, 1.0)]
    standard_rows.add_standard(
        user=None, profile=west, service=town.service, values={"ratio": 2.0, "reason": "b"}
    )
    assert [(one.own, one.above) for one in deviations(west)] == [(2.0, 1.25)]


# --- files -------------------------------------------------------------------------------------------


def test_a_profile_goes_to_a_file_and_comes_back_as_the_next_version(town, nation):
    draft = standards.next_version(user=None, profile=nation)
    standard_rows.change_standard(
        user=None, row=row_of(draft), revision=None, changes={"ratio_low": 0.5, "ratio_high": 2.0}
    )
    standard_rows.add_need(user=None, profile=draft, values=NEED)
    standards.publish_profile(user=None, profile=draft)
    text = standard_files.export_toml(draft)
    back = standard_files.import_toml(user=None, text=text)
    assert (back.code, back.version, back.status) == ("worked-3", 3, "draft")
    assert deviations(back, draft) == [] and len(effective_needs(back)) == 1
    assert standard_files.export_toml(back) == text


def test_a_file_with_bad_rows_leaves_nothing_behind(town, nation):
    text = """
    [profile]
    code = "bad"
    name = "坏"
    parent = "worked"
    reason = "x"
    [[standard]]
    service = "short_fixed_shelter"
    ratio = -3
    colour = "red"
    [[standard]]
    service = "no-such"
    ratio = 1
    [[standard]]
    service = "short_fixed_shelter"
    ratio = "many"
    [[need]]
    code = "water"
    amount = 0
    """
    with pytest.raises(InvalidInput) as refused:
        standard_files.import_toml(user=None, text=text)
    assert {problem.file for problem in refused.value.problems} == {
        "[[standard]] 1", "[[standard]] 2", "[[standard]] 3", "[[need]] 1",
    }  # fmt: skip
    assert not StandardProfile.objects.filter(code="bad").exists()
    with pytest.raises(DomainError):
        standard_files.import_toml(user=None, text="not toml")


# --- what ships --------------------------------------------------------------------------------------


def test_three_profiles_ship_and_every_number_has_its_source_and_certainty(db):
    load_reference()
    listed = {one.code: one for one in StandardProfile.objects.all()}
    assert {code: (one.level, one.status, one.family, one.version) for code, one in listed.items()} == {
        "cn-default": ("nation", "published", "cn-default", 1), "sphere-2018": ("world", "published", "sphere-2018", 1),
        "chengdu-study": ("study", "published", "chengdu-study", 1),
    }  # fmt: skip
    from planning.services.standard_checks import problems_of

    for one in listed.values():
        assert problems_of(one) == [], one.code
    kept = {row.service.code: (row.ratio, row.reach_limit, row.conversion_limit_hours, row.driver) for row in listed["cn-default"].standards.all()}  # fmt: skip
    assert {code: kept[code] for code in list(kept)[:5]} == {
        "emergency_shelter": (1.0, 500, 24, "affected"), "short_fixed_shelter": (1.0, 1000, 72, "displaced"),
        "isolation_lodging": (0.002, 60, 48, "residents"), "medical_point": (0.0005, 15, 24, "present"),
        "supply_warehouse": (0.075, 120, 24, "displaced"),
    }  # fmt: skip


def test_the_same_hall_holds_seven_quarters_as_many_people_under_the_chinese_rule(db):
    load_reference()
    ratio = {
        row.profile.code: row.ratio
        for row in Standard.objects.filter(service__code="short_fixed_shelter", phase="")
    }
    assert ratio["sphere-2018"] / ratio["cn-default"] == 1.75


def test_reference_data_loaded_again_leaves_a_retired_family_alone(db):
    load_reference()
    first = StandardProfile.objects.get(code="cn-default")
    standards.publish_profile(user=None, profile=standards.next_version(user=None, profile=first))
    assert load_reference()["profiles"] == 0
    assert StandardProfile.objects.get(is_default=True).code == "cn-default-2"


# --- ratios of districts in runs ---------------------------------------------------------------------


def test_a_district_s_own_ratio_holds_in_its_district_alone(town, nation, west, compute):
    """Night: c1 100 and c2 60 people in the west, c3 40 and c4 30 in the east; half are displaced.
    West at 2.0: (50 + 30) x 2 = 160; East at 1.0: 20 + 15 = 35; together 195 instead of 115."""
    standard_rows.add_standard(
        user=None, profile=west, service=town.service, values={"ratio": 2.0, "reason": "old houses"}
    )
    before = compute(town)[0]
    assert before.totals[0]["need"] == 115
    standards.publish_profile(user=None, profile=west)
    assert [one.code for one in local_profiles(nation, town.city)] == ["west"]
    after = compute(town)[0]
    needs = dict(after.area_results.values_list("area__code", "need"))
    assert needs == {"T": 195, "T1": 160, "T2": 35}
    assert after.pk != before.pk


def test_a_profile_of_another_city_is_refused_and_does_not_count(town, nation, west):
    standard_rows.add_standard(
        user=None, profile=west, service=town.service, values={"ratio": 2.0, "reason": "old houses"}
    )
    standards.publish_profile(user=None, profile=west)
    elsewhere = City.objects.create(code="else", name="他", name_en="Else", synthetic=True)
    assert local_profiles(nation, elsewhere) == []
    there = Scenario.objects.create(
        city=elsewhere, ref="S-90002", name="x", hazard="flood", times_of_day=["night"]
    )
    with pytest.raises(DomainError) as refused:
        runs.start_runs(user=None, city=elsewhere, scenario=there, profile=west)
    assert refused.value.code == "other-city"


def test_a_row_counts_in_runs_only_while_it_is_valid(town):
    today = timezone.localdate()
    Standard.objects.filter(profile=town.profile).update(valid_to=today - timedelta(days=1))
    (run,), _job = runs.start_runs(user=None, city=town.city, scenario=town.scenario, times_of_day=["night"])
    assert [problem["code"] for problem in run.refusal] == ["no_standard"]
    Standard.objects.filter(profile=town.profile).update(valid_from=today, valid_to=today)
    (run,), _job = runs.start_runs(user=None, city=town.city, scenario=town.scenario, times_of_day=["night"])
    assert run.refusal == [] and len(run.standards_frozen) == 1
    # What is not valid any more gives way to the row of the profile above.
    assert len(effective_standards(town.profile)) == 1
    assert effective_standards(town.profile, today + timedelta(days=1)) == []
