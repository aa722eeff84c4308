"""The pages of a plan: the change-set with its card, why not the others, and changes collected, measured and solved again."""

import pytest
from django.test import Client

from core.services import jobs
from planning.models import PlanVersion
from planning.services import explanations, plan_edits
from tests.planning.test_plans import suggested


@pytest.fixture
def version(priced, compute):
    return suggested(priced, compute(priced), 70_000)


@pytest.fixture
def explained(version):
    job = explanations.start(user=None, version=version)
    jobs.perform(job.ref)
    return version


@pytest.fixture
def lin(person):
    client = Client()
    client.force_login(person("lin", "planner"))
    return client


def text(answer):
    return answer.content.decode()


def test_the_page_leads_to_runs_standard_and_the_card_of_each_place(explained, lin):
    page = text(lin.get(f"/plans/{explained.plan.ref}/"))
    run = explained.baseline_runs.get()
    assert f"/runs/{run.ref}/" in page and "/standards/worked/" in page
    assert page.count("data-card=") == 3 and "proved optimal" in page
    card = text(lin.get(f"/plans/{explained.plan.ref}/card/?version=1&order=1"))
    for words in ("Lost without it", "Only here", "Next best", "Value for money", "Lock", "Ban", "Remove"):
        assert words in card
    # the same card is part of the page where scripts do not run
    assert "Lost without it" in text(lin.get(f"/plans/{explained.plan.ref}/?version=1&order=1"))


def test_the_card_of_a_place_not_chosen_says_why_not(explained, lin):
    key = plan_edits.open_options(version=explained)[0]["key"]
    card = text(lin.get(f"/plans/{explained.plan.ref}/card/?version=1&option={key}"))
    assert "not in the plan" in card and "Add" in card and "Remove" not in card
    assert lin.get(f"/plans/{explained.plan.ref}/card/?version=1&order=99").status_code == 404
    assert lin.get(f"/plans/{explained.plan.ref}/card/?version=1&option=build:o0").status_code == 404


def test_a_version_that_is_not_explained_offers_to_be(version, lin):
    address = f"/plans/{version.plan.ref}/rejected/"
    assert "have not been worked out" in text(lin.get(address))
    lin.post(f"/plans/{version.plan.ref}/explain/", {"version": 1, "next": address})
    job = explanations.job_of(version)
    assert "prog" in text(lin.get(address))
    jobs.perform(job.ref)
    assert "Old yard" in text(lin.get(address))


def test_the_list_of_places_not_chosen_is_filtered(explained, lin):
    address = f"/plans/{explained.plan.ref}/rejected/?version=1"
    page = text(lin.get(address))
    assert "Old yard" in page and "Place 4" in page and "gains nothing" in page
    only = text(lin.get(address + "&reason=dear"))
    assert "Old yard" in only and "Place 4" not in only and "Remove filter" in only
    assert "Nothing matches" in text(lin.get(address + "&search=nowhere"))
    assert "Place 4" in text(lin.get(address + "&area=T2")) and "Old yard" not in text(
        lin.get(address + "&area=T2")
    )


def note(client, version, key, verb, **more):
    return client.post(
        f"/plans/{version.plan.ref}/note/", {"version": version.number, "key": key, "verb": verb} | more
    )


def test_changes_are_collected_measured_and_then_forgotten(explained, lin):
    key = explained.facts["keys"][0]
    note(lin, explained, key, "remove")
    page = text(lin.get(f"/plans/{explained.plan.ref}/?version=1"))
    assert "Your changes" in page and "to remove" in page and "Measure as edited" in page
    assert "Re-solve with these" not in page
    answer = lin.post(f"/plans/{explained.plan.ref}/change/", {"version": 1, "do": "measure"})
    assert answer.status_code == 302 and answer["Location"].endswith("?version=2")
    new = PlanVersion.objects.get(plan=explained.plan, number=2)
    jobs.perform(new.job.ref)
    page = text(lin.get(answer["Location"]))
    assert "Your changes" not in page and "within" in page
    assert "Your changes" not in text(lin.get(f"/plans/{explained.plan.ref}/?version=1"))


def test_locked_and_banned_places_are_solved_around(explained, lin):
    banned, locked = (
        explained.facts["keys"][0],
        next(row["key"] for row in plan_edits.open_options(version=explained) if row["kind"] == "convert"),
    )
    note(lin, explained, banned, "ban")
    note(lin, explained, locked, "lock")
    lin.post(f"/plans/{explained.plan.ref}/change/", {"version": 1, "do": "resolve", "budget_yuan": "1,000"})
    new = PlanVersion.objects.get(plan=explained.plan, number=2)
    assert new.question == {"must": [locked], "banned": [banned]} and new.budget_fen == 100_000
    jobs.perform(new.job.ref)
    new.refresh_from_db()
    assert locked in new.facts["keys"] and banned not in new.facts["keys"]
    order = new.facts["keys"].index(locked) + 1
    card = text(lin.get(f"/plans/{new.plan.ref}/card/?version=2&order={order}"))
    assert "locked by the question" in card and "Free it" in card


def test_a_change_that_is_not_possible_is_told_and_nothing_is_lost(explained, lin):
    yard = next(row["key"] for row in plan_edits.open_options(version=explained) if row["kind"] == "build")
    note(lin, explained, yard, "add")
    answer = lin.post(f"/plans/{explained.plan.ref}/change/", {"version": 1, "do": "measure"}, follow=True)
    page = text(answer)
    assert "more than the budget" in page and "Old yard" in page and PlanVersion.objects.count() == 1
    page = text(
        lin.post(
            f"/plans/{explained.plan.ref}/change/",
            {"version": 1, "do": "measure", "budget_yuan": "x"},
            follow=True,
        )
    )
    assert "above 0" in page and "Old yard" in page
    lin.post(f"/plans/{explained.plan.ref}/note/clear/", {"version": 1})
    assert "Your changes" not in text(lin.get(f"/plans/{explained.plan.ref}/?version=1"))


def test_the_buttons_answer_with_the_card_the_basket_and_the_mark(explained, lin):
    key = explained.facts["keys"][1]
    part = text(lin.post(f"/plans/{explained.plan.ref}/note/", {"version": 1, "key": key, "verb": "ban", "order": 2, "from": "card"}, headers={"HX-Request": "true"}))  # fmt: skip
    assert (
        'id="basket"' in part and "hx-swap-oob" in part and "to ban" in part and 'aria-pressed="true"' in part
    )
    part = text(lin.post(f"/plans/{explained.plan.ref}/note/", {"version": 1, "key": key, "verb": "", "order": 2, "from": "card"}, headers={"HX-Request": "true"}))  # fmt: skip
    assert "Your changes" not in part


def test_who_may_only_look_sees_reasons_and_no_buttons(explained, person, priced):
    client = Client()
    client.force_login(person("zhao", "approver"))
    card = text(client.get(f"/plans/{explained.plan.ref}/card/?version=1&order=1"))
    assert "Lost without it" in card and "Ban" not in card
    assert note(client, explained, explained.facts["keys"][0], "ban").status_code == 403
    assert (
        client.post(f"/plans/{explained.plan.ref}/change/", {"version": 1, "do": "resolve"}).status_code
        == 403
    )
    client.force_login(person("chen", ""))
    assert client.get(f"/plans/{explained.plan.ref}/card/?version=1&order=1").status_code in (403, 404)


def test_a_planner_of_one_district_sees_the_cards_of_her_places_only(explained, person, priced):
    client = Client()
    client.force_login(person("east", "planner", priced.right))
    orders = {one.order: one.name_en for one in explained.interventions.all()}
    hers = {name for order, name in orders.items() if client.get(f"/plans/{explained.plan.ref}/card/?version=1&order={order}").status_code == 200}  # fmt: skip
    assert hers == {"Place 2", "Place 3"}
    page = text(client.get(f"/plans/{explained.plan.ref}/rejected/?version=1"))
    assert "Place 4" in page and "Old yard" not in page


def test_figures_stand_for_what_the_plan_was_asked(priced, compute, lin):
    runs = compute(priced)
    cheap = suggested(priced, runs, None, aim="cheapest", question={"target": 0.8})
    page = text(lin.get(f"/plans/{cheap.plan.ref}/?version={cheap.number}"))
    assert "no plan that keeps the targets costs less than" in page
    fair = suggested(priced, runs, 60_000, aim="fairest")
    page = text(lin.get(f"/plans/{fair.plan.ref}/?version={fair.number}"))
    assert "the worst served area gets" in page
    worst = suggested(priced, runs + compute(priced, ["day"]), 60_000, rule="worst")
    page = text(lin.get(f"/plans/{worst.plan.ref}/?version={worst.number}"))
    assert "largest gap left in any scenario" in page


def test_work_is_grouped_by_year_where_years_are_known(explained, lin):
    explained.interventions.filter(order=1).update(year=2027)
    explained.interventions.filter(order__gt=1).update(year=2028)
    page = text(lin.get(f"/plans/{explained.plan.ref}/"))
    assert "<strong>2027</strong>" in page and "<strong>2028</strong>" in page and "By year" in page


def test_an_edit_outside_the_limits_is_marked(priced, compute, lin):
    version = suggested(priced, compute(priced), 70_000, question={"number": {"most": 2}})
    third = next(
        row for row in plan_edits.open_options(version=version) if row["kind"] in ("upgrade", "extend")
    )
    new = plan_edits.edit_version(user=None, version=version, add=[third["key"]])
    jobs.perform(new.job.ref)
    page = text(lin.get(f"/plans/{new.plan.ref}/?version=2"))
    assert "at most 2" in page and "no bound holds" in page
