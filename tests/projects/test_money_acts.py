"""Contracts, payments and ties by page, API and command: what is wrong is told whole, twice is once, rights hold."""

from __future__ import annotations

import io
import json
from datetime import date
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse
from hypothesis import given
from hypothesis import strategies as st
from rest_framework.test import APIClient

from core.errors import DomainError
from core.models import AuditEntry
from projects.models import BudgetLine, ConditionMove, Contract, OutboxEvent, Payment, Project, Tranche
from projects.selectors import money_page
from projects.services import amounts, contracts, money
from tests.projects.money_steps import PARTS, approve, release, tranche

CODE = "91350100M000100Y43"  # the example of GB 32100-2015


@pytest.mark.parametrize(
    ("text", "fen"),
    [("0.01", 1), ("1,234.5", 123_450), ("14600000.50", 1_460_000_050), (" ¥ 3 ", 300), ("１２．５", 1_250), ("10000000000000", 10**15)],
)  # fmt: skip
def test_an_amount_is_read_as_it_is_written(text, fen):
    assert amounts.fen_of(text) == fen


@pytest.mark.parametrize("text", ["", "0", "-1", "1.234", "1e5", "nan", "12,34", "1 000", "abc", "10000000000000.01", "٣"])  # fmt: skip
def test_what_is_no_amount_is_refused(text):
    with pytest.raises(DomainError):
        amounts.fen_of(text)


@given(fen=st.integers(1, 10**15))
def test_an_amount_written_and_read_is_the_same_to_the_fen(fen):
    assert amounts.fen_of(amounts.yuan_text(fen)) == fen


@given(place=st.integers(0, 17), sign=st.sampled_from("0123456789ABCDEFGHJKLMNPQRTUWXY"))
def test_one_mistyped_sign_of_a_credit_code_is_found(place, sign):
    typed = CODE[:place] + sign + CODE[place + 1 :]
    if typed == CODE:
        assert contracts.clean_code(typed.lower()) == CODE
    else:
        with pytest.raises(DomainError):
            contracts.clean_code(typed)


pytest_db = pytest.mark.django_db


@pytest.fixture
def approved(project, people, approval) -> Project:
    found = approve(project, people, approval)
    release(found, 1, people)
    return found


def as_(user: Any) -> Client:
    client = Client()
    client.force_login(user)
    return client


def api(user: Any) -> APIClient:
    client = APIClient()
    client.force_authenticate(user)
    return client


@pytest_db
def test_a_contract_grows_by_agreements_and_payments_above_it_are_told(approved, people):
    wang = as_(people["wang"])
    said = {"number": "HT-1", "payee": "锦江城投", "payee_code": CODE, "amount_fen": "1000000.00", "signed_on": "2026-08-01"}  # fmt: skip
    address = reverse("contract_new", args=[approved.ref])
    wrong = wang.post(address, said | {"payee_code": CODE[:-1] + "4", "amount_fen": "1.234"})
    assert wrong.status_code == 422
    assert "锦江城投" in wrong.content.decode()
    assert wang.post(address, said).status_code == 302
    assert wang.post(address, said).status_code == 302  # a double click
    contract = Contract.objects.get()
    assert wang.post(address, said | {"amount_fen": "5"}).status_code == 422
    more = reverse("supplement_new", args=[approved.ref, contract.pk])
    assert wang.post(more, {"number": "BC-1", "amount_fen": "-1000000", "signed_on": "2026-09-01", "reason": "x"}).status_code == 422  # fmt: skip
    assert wang.post(more, {"number": "BC-1", "amount_fen": "-200000.01", "signed_on": "2026-09-01", "reason": "核减"}).status_code == 302  # fmt: skip
    money.pay(
        user=people["wang"], tranche=tranche(approved, 1), amount_fen=900_000_00, payee="", contract=contract, key="k",
        paid_on=date(2026, 10, 1),
    )  # fmt: skip
    row = money_page.read(approved).contracts[0]
    assert (row.total_fen, row.paid_fen, row.over_fen) == (799_999_99, 900_000_00, 100_000_01)
    body = wang.get(reverse("project_money", args=[approved.ref])).content.decode()
    assert "above the contract: needs explanation" in body
    assert "fraud" not in body.lower()


@pytest_db
def test_a_payment_sent_twice_is_one_and_a_payee_on_no_contract_is_marked(approved, people):
    wang = as_(people["wang"])
    address = reverse("payment_new", args=[approved.ref])
    key = wang.get(address).context["form"]["key"].value()
    said = {"tranche": "1", "payee": "某测绘公司", "amount_fen": "8,000.50", "paid_on": "2026-10-12", "key": key, "contract": ""}  # fmt: skip
    assert [wang.post(address, said).status_code for _ in range(2)] == [302, 302]
    assert Payment.objects.get().amount_fen == 8_000_50
    assert wang.post(address, said | {"amount_fen": "9"}).status_code == 422
    body = wang.get(reverse("project_money", args=[approved.ref])).content.decode()
    assert "on no contract: needs explanation" in body
    assert "8,000.50" in body
    back = reverse("payment_back", args=[approved.ref, Payment.objects.get().pk])
    key = wang.get(back).context["form"]["key"].value()
    assert [wang.post(back, {"amount_fen": "0.50", "reason": "多付", "key": key}).status_code for _ in range(2)] == [302, 302]  # fmt: skip
    assert money.totals(approved)["paid_fen"] == 8_000_00
    too_much = wang.post(back, {"amount_fen": "8000.01", "reason": "多付", "key": "other"})
    assert too_much.status_code == 422
    assert "8000.00 yuan are left" in too_much.content.decode()
    acts = list(
        AuditEntry.objects.filter(act="money.pay").order_by("pk").values_list("after__amount_fen", flat=True)
    )
    assert acts == ["800050", "-50"]
    assert OutboxEvent.objects.filter(kind="money.paid").count() == 2
    for who, status in (("lin", 403), ("zhao", 403), ("chen", 404)):
        assert as_(people[who]).post(address, said | {"key": who}).status_code == status


@pytest_db
def test_everything_of_the_page_is_on_the_api(approved, people):
    root = f"/api/v1/projects/{approved.ref}"
    wang = api(people["wang"])
    said = {
        "number": "HT-1",
        "payee": "锦江城投",
        "payee_code": CODE,
        "amount_fen": 100,
        "signed_on": "2026-08-01",
    }
    made = wang.post(f"{root}/contracts/", said, format="json")
    assert made.status_code == 201
    assert wang.post(f"{root}/contracts/", said | {"payee_code": "x"}, format="json").json()["code"] == "bad-credit-code"  # fmt: skip
    grown = wang.post(
        f"{root}/contracts/{made.json()['id']}/supplements/",
        {"number": "B", "amount_fen": 50, "signed_on": "2026-08-02", "reason": "more"}, format="json",
    )  # fmt: skip
    assert grown.json()["supplements"][0]["amount_fen"] == 50
    paying = {"tranche": 1, "amount_fen": 120, "paid_on": "2026-10-01", "key": "k", "contract": "HT-1"}
    answer = wang.post(f"{root}/payments/", paying, format="json").json()
    assert (answer["paid_fen"], answer["payments"][0]["payee"], answer["contracts"][0]["over_fen"]) == (120, "锦江城投", 0)  # fmt: skip
    pk = answer["payments"][0]["id"]
    answer = wang.post(f"{root}/payments/{pk}/take-back/", {"reason": "x", "key": "b"}, format="json").json()
    assert answer["paid_fen"] == 0
    assert answer["account_fen"] == PARTS[0]
    assert len(wang.get(f"{root}/payments/").json()) == 2
    curve = wang.get(f"{root}/money-curve/").json()
    assert curve["finding"] == "nothing-paid"
    assert curve["months"][-1]["planned_fen"] == approved.approved_fen
    assert wang.get(f"{root}/schedule/").json()["rows"]
    programme = wang.get("/api/v1/programme/money/", {"city": "town"}).json()
    assert programme["total"]["released_fen"] == PARTS[0]
    assert wang.get("/api/v1/programme/schedule/", {"city": "town"}).json()["rows"]
    tied = wang.post(f"{root}/tranches/2/ties/", {"milestones": [2]}, format="json").json()
    assert [one["number"] for one in tied["tranches"][1]["milestones"]] == [1, 2]
    assert api(people["lin"]).post(f"{root}/payments/", paying, format="json").status_code == 403
    assert api(people["chen"]).get(f"{root}/money/").status_code == 404
    lines = {"lines": [{"year": 2027, "source": "local", "amount_fen": approved.approved_fen}]}
    assert wang.put(f"{root}/money/", lines, format="json").status_code == 200
    assert wang.put(f"{root}/money/", {"lines": [{"year": 2027, "source": "local", "amount_fen": 1}]}, format="json").status_code == 422  # fmt: skip
    assert BudgetLine.objects.get().amount_fen == approved.approved_fen


@pytest_db
def test_everything_of_the_page_is_a_command(approved, people):
    def run(*words: str, who: str = "wang.jun") -> Any:
        out = io.StringIO()
        call_command("money", words[0], approved.ref, *words[1:], "--as", who, "--json", stdout=out)
        return json.loads(out.getvalue())

    run("contract", "HT-1", "--payee", "锦江城投", "--code", CODE, "--yuan", "1000.50", "--on", "2026-08-01")
    run("supplement", "HT-1", "B", "--yuan=-0.50", "--on", "2026-08-02", "--reason", "less")
    paid = run("pay", "1", "--yuan", "10.01", "--contract", "HT-1", "--on", "2026-10-01", "--key", "k")
    assert (paid["amount_fen"], paid["payee"]) == (10_01, "锦江城投")
    assert run("pay", "1", "--yuan", "10.01", "--contract", "HT-1", "--on", "2026-10-01", "--key", "k")["id"] == paid["id"]  # fmt: skip
    assert (
        run("take-back", str(paid["id"]), "--yuan", "0.01", "--reason", "x", "--key", "b")["amount_fen"] == -1
    )
    shown = run("show")
    assert (shown["paid_fen"], shown["contracts"][0]["total_fen"]) == (10_00, 1000_00)
    assert run("curve")["months"]
    run("tie", "2", "--milestone", "2")
    yuan = amounts.yuan_text(approved.approved_fen or 0)
    assert run("lines", f"2026:local:{yuan}")["budget_fen"] == approved.approved_fen
    assert run("schedule")["rows"]
    assert run("ask", "2", who="lin.wei")["state"] == "open"
    for wrong in (["pay", "1", "--yuan", "1.001", "--on", "2026-10-01", "--key", "c"], ["pay", "9", "--yuan", "1", "--on", "2026-10-01", "--key", "c"], ["lines", "x"]):  # fmt: skip
        with pytest.raises(CommandError):
            run(*wrong)


@pytest_db
def test_a_condition_moves_by_pages_of_two_people(project, people, approval):
    approved = approve(project, people, approval)
    condition = approved.conditions.get()
    address = reverse("tranche_ties", args=[approved.ref, 1])
    asked = as_(people["wang"]).post(
        address, {"act": "move", "condition": condition.pk, "to_tranche": "2", "reason": "水源明年接通"}
    )
    assert asked.status_code == 302
    move = ConditionMove.objects.get()
    answer = reverse("move_answer", args=[approved.ref, move.pk])
    assert as_(people["wang"]).get(answer).status_code == 403
    zhao = as_(people["zhao"])
    assert answer in zhao.get(reverse("project_money", args=[approved.ref])).content.decode()
    assert zhao.post(answer, {"answer": "agree", "words": ""}).status_code == 422
    assert zhao.post(answer, {"answer": "agree", "words": "同意"}).status_code == 302
    assert list(Tranche.objects.filter(conditions=condition).values_list("number", flat=True)) == [2]


@pytest_db
def test_what_was_typed_stays_when_lines_are_refused(approved, people):
    page = as_(people["wang"]).post(
        reverse("project_money_edit", args=[approved.ref]), {"year": ["2026", "20x7"], "source": ["local", "central"], "amount": ["1.239", "5"]},
    )  # fmt: skip
    assert page.status_code == 422
    body = page.content.decode()
    assert "1.239" in body
    assert "20x7" in body
