"""What goes out: valid against the published schema, only what is listed, by two people, word for word kept."""

from __future__ import annotations

import json
import random
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.db import DatabaseError, models, transaction
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft4Validator, FormatChecker
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT4

from core.errors import DomainError, Forbidden
from core.models import AuditEntry, City
from projects.models import OutboxEvent, Project, Publication, PublicationRule, SupplementaryAgreement
from projects.services import oc4ids, publications
from projects.services.oc4ids_values import leaves, value
from projects.services.publication_fields import BY_PATH, FIELDS, PROPOSED
from tests.projects.published import CODE, NOON, approve, build

pytestmark = pytest.mark.django_db
PREFIX = "oc4ids-a1b2c3"
formats = FormatChecker(formats=())


@formats.checks("date-time", raises=ValueError)
def _moment(said: Any) -> bool:
    return not isinstance(said, str) or datetime.fromisoformat(said).tzinfo is not None


@formats.checks("uri", raises=ValueError)
def _address(said: Any) -> bool:
    return not isinstance(said, str) or bool(urlsplit(said).scheme and urlsplit(said).netloc)


@pytest.fixture(scope="session")
def schema(shared_data_dir: Path) -> Draft4Validator:
    """The published schema of a package; what it refers to is beside it, nothing is fetched."""
    folder = shared_data_dir / "oc4ids"
    project = json.loads((folder / "project-schema.json").read_text())
    package = json.loads((folder / "project-package-schema.json").read_text())
    known = Registry().with_resource(
        project["id"], Resource.from_contents(project, default_specification=DRAFT4)
    )
    return Draft4Validator(package, registry=known, format_checker=formats)


@pytest.fixture
def rule(town: City, people: dict[str, Any]) -> PublicationRule:
    return publications.draft_rule(
        user=people["lin"], city=town, prefix=PREFIX, publisher="小城人民政府", fields=[one.path for one in FIELDS],
        licence="https://creativecommons.org/publicdomain/zero/1.0/",
    )  # fmt: skip


@pytest.fixture
def built(project: Project, people: dict[str, Any], approval: Any) -> Project:
    approve(project, people, approval)
    build(project, people)
    return project


def send(city: City, people: dict[str, Any]) -> Publication:
    seen = publications.preview(user=people["zhao"], city=city)
    return publications.publish(user=people["zhao"], city=city, seen_sha256=seen.seen_sha256)


def out(city: City, people: dict[str, Any]) -> dict[str, Any]:
    return publications.preview(user=people["zhao"], city=city).content


def test_a_project_through_everything_goes_out_valid_against_the_published_schema(
    built, rule, people, schema
):
    publications.mark(user=people["zhao"], city=built.city, refs=[built.ref], published=True)
    content = json.loads(publications.text_of(send(built.city, people).content))
    assert [error.message for error in schema.iter_errors(content)] == []
    one = content["projects"][0]
    assert (one["id"], one["status"], one["type"], one["sector"]) == (
        f"{PREFIX}-PJ-1", "completion", "expansion", ["governance"],
    )  # fmt: skip
    assert one["identifiers"] == [{"id": "PJ-1", "scheme": "pingji"}, {"id": CODE, "scheme": "tzxm.gov.cn"}]
    assert one["budget"]["amount"] == {"amount": 24_600_000, "currency": "CNY"}
    parts = one["budget"]["budgetBreakdowns"][0]["budgetBreakdown"]
    assert [(part["id"], part["amount"]["amount"]) for part in parts] == [
        ("2026-central", 14_600_000), ("2027-local", 10_000_000),
    ]  # fmt: skip
    assert one["period"] == {
        "startDate": "2026-12-01T00:00:00+08:00", "endDate": "2027-05-31T00:00:00+08:00",
    }  # fmt: skip
    assert one["completion"]["endDate"] == NOON.isoformat()
    assert one["completion"]["finalValue"] == {"amount": 3_000_000.01, "currency": "CNY"}
    contract = one["contractingProcesses"][0]["summary"]
    assert contract["contractValue"]["amount"] == 9_500_000.01
    assert [row["value"]["amount"] for row in contract["transactions"]] == [3_000_000.01, 1000, -1000]
    assert contract["modifications"] == [
        {
            "id": "supplement-1", "date": "2027-01-08T00:00:00+08:00", "type": "value",
            "oldContractValue": {"amount": 9_500_000.01, "currency": "CNY"}, "newContractValue": {"amount": 9_000_000, "currency": "CNY"},
        }
    ]  # fmt: skip
    assert contract["suppliers"] == [{"id": "CN-USCC-91510104MA6CEXAMP7", "name": "锦江建工有限公司"}]
    said = {row["id"]: row["observations"][0]["measure"] for row in one["metrics"]}
    assert said == {"capacity": 880, "conversionHours": 20, "physicalProgress": 55, "financialProgress": 12.2}
    promised = {row["id"]: [seen["measure"] for seen in row["observations"]] for row in one["forecasts"]}
    assert promised == {"capacity": [900], "gapClosed": [640], "conversionHours": [24], "physicalProgress": [60, 100]}  # fmt: skip
    roles = {party["id"]: party["roles"] for party in one["parties"]}
    assert roles["org-kfq-housing"] == ["publicAuthority"] and roles["org-wx-group"] == [
        "administrativeEntity"
    ]
    assert one["publicAuthority"] == {"id": "org-kfq-housing", "name": "住房和城乡建设局"}


def test_the_check_against_the_schema_finds_what_is_wrong(built, rule, people, schema):
    publications.mark(user=people["zhao"], city=built.city, refs=[built.ref], published=True)
    content = out(built.city, people)
    for spoil in (
        lambda one: one.update(status="finished"),
        lambda one: one["budget"]["amount"].update(currency="RMB"),
        lambda one: one["period"].update(startDate="1 December"),
        lambda one: one["milestones"][0].pop("id"),
    ):
        spoiled = json.loads(json.dumps(content))
        spoil(spoiled["projects"][0])
        assert list(schema.iter_errors(spoiled)), "a wrong file counts as valid"


def test_every_code_this_platform_writes_is_in_the_closed_lists_of_the_standard(shared_data_dir):
    schema = json.loads((shared_data_dir / "oc4ids" / "project-schema.json").read_text())
    facts = schema["properties"]
    assert set(oc4ids.STATUS.values()) <= set(facts["status"]["enum"])
    assert set(oc4ids.TYPE.values()) <= set(facts["type"]["enum"])
    summary = schema["definitions"]["ContractingProcessSummary"]["properties"]
    assert {"active", "closed"} <= set(summary["status"]["enum"])
    assert {"met", "scheduled"} <= set(schema["definitions"]["Milestone"]["properties"]["status"]["enum"])


def test_every_field_of_the_catalogue_has_a_writer_and_the_other_way_round():
    assert set(BY_PATH) == set(oc4ids.WRITERS) and len(BY_PATH) == len(FIELDS)


@given(st.integers(min_value=0, max_value=10**15))
def test_yuan_are_exactly_the_fen(fen):
    assert Decimal(json.dumps(value(fen)["amount"])) * 100 == fen


MARKER = "秘密 secret-marker"
# Where the listed fields take their words from; every other text of every record of a project is marked.
LISTED_TEXTS = {
    "Project": {"name", "name_en", "description", "investment_code", "ref", "state", "kind"},
    "ServiceType": {"code", "name", "domain", "unit", "unit_name"}, "Area": {"name"}, "City": {"name", "code"},
    "Organisation": {"code", "name"}, "BudgetLine": {"source"}, "Milestone": {"name"},
    "Contract": {"number", "payee", "payee_code"}, "Case": {"ref", "state"}, "Submission": {"sha256"},
    "Responsibility": {"level"}, "Tranche": set(), "Run": {"ref"},
}  # fmt: skip


def _mark_everything(project: Project) -> int:
    """Put the marker into every free text of the project's records and of every person; count the places."""
    from django.contrib.auth import get_user_model
    from django.db import connection

    records: list[Any] = [
        project, *project.contracts.all(), *project.payments.all(), *project.milestones.all(), *project.tranches.all(),
        *project.responsibilities.all(), *project.inspections.all(), project.commissioning, *SupplementaryAgreement.objects.all(), *project.conditions.all(),
        *get_user_model().objects.all(), *project.cases.all(),
    ]  # fmt: skip
    for case in project.cases.all():
        records += [*case.steps.all(), *case.submissions.all(), *case.evidence.all()]
    records += [one.release for one in project.tranches.filter(release__isnull=False)]
    done = 0
    # What is written once is marked past its triggers: the question is what goes out, however it came in.
    with connection.cursor() as cursor:
        cursor.execute("set session_replication_role = replica")
        for row in records:
            keep = LISTED_TEXTS.get(type(row).__name__, set())
            said: dict[str, Any] = {}
            for field in row._meta.concrete_fields:
                plain = isinstance(field, models.CharField | models.TextField) and not field.choices
                if field.name in keep or field.unique:
                    continue
                if plain:
                    said[field.name] = MARKER[: field.max_length or 100]
                elif isinstance(field, models.JSONField):
                    said[field.name] = {"x": MARKER}
            if said:
                done += len(said)
                type(row).objects.filter(pk=row.pk).update(**said)
        for contract in project.contracts.filter(payee_code=""):
            contract.payee = MARKER
            contract.save()
            done += 1
        cursor.execute("set session_replication_role = origin")
    return done


def test_nothing_but_the_listed_fields_can_come_out(built, rule, people):
    publications.mark(user=people["zhao"], city=built.city, refs=[built.ref], published=True)
    before = out(built.city, people)["projects"]
    assert _mark_everything(built) > 40
    after = out(built.city, people)["projects"]
    text = json.dumps(after, ensure_ascii=False)
    assert "秘密" not in text and "secret" not in text
    assert after == before, "something unlisted shows in the file"
    names = [one.username for one in people.values()]
    assert not [name for name in names if name in text]


def test_any_shorter_list_gives_a_part_of_the_whole_and_only_its_own_paths(built, rule, people):
    publications.mark(user=people["zhao"], city=built.city, refs=[built.ref], published=True)
    row = publications.rows(built.city)[0]
    whole = set(leaves(oc4ids.project_document(row, prefix=PREFIX, fields=list(BY_PATH))))
    chance = random.Random(20261121)  # noqa: S311
    for _ in range(150):
        listed = chance.sample(list(BY_PATH), chance.randint(0, len(BY_PATH)))
        part = set(leaves(oc4ids.project_document(row, prefix=PREFIX, fields=listed)))
        assert part <= whole
        may = {"id", "language", *(path for field in listed for path in BY_PATH[field].writes)}
        for path, _value in part:
            assert any(path == one or path.startswith(f"{one}.") for one in may) or path.endswith(".id")


def test_a_writer_that_says_more_than_its_field_declares_is_stopped(built, rule, people, monkeypatch):
    monkeypatch.setitem(
        oc4ids.WRITERS, "title", lambda facts: {"title": "x", "lobbyingMeetings": [{"date": "y"}]}
    )
    with pytest.raises(DomainError) as refused:
        oc4ids.project_document(built, prefix=PREFIX, fields=["title"])
    assert refused.value.code == "not-in-the-list"


def test_only_approved_projects_are_marked_and_taking_back_needs_a_reason(project, people, approval):
    city = project.city
    with pytest.raises(DomainError) as refused:
        publications.mark(user=people["zhao"], city=city, refs=["PJ-1"], published=True)
    assert refused.value.code == "not-approved-yet"
    with pytest.raises(DatabaseError), transaction.atomic():
        Project.objects.filter(pk=project.pk).update(published=True)
    approve(project, people, approval)
    for nobody in ("lin", "wang", "chen"):
        with pytest.raises(Forbidden):
            publications.mark(user=people[nobody], city=city, refs=["PJ-1"], published=True)
    assert [one.ref for one in publications.mark(user=people["zhao"], city=city, refs=["PJ-1"], published=True)] == ["PJ-1"]  # fmt: skip
    assert publications.mark(user=people["zhao"], city=city, refs=["PJ-1"], published=True) == []
    with pytest.raises(DomainError) as refused:
        publications.mark(user=people["zhao"], city=city, refs=["PJ-1"], published=False)
    assert refused.value.code == "reason-needed"
    publications.mark(user=people["zhao"], city=city, refs=["PJ-1"], published=False, reason="涉密")
    project.refresh_from_db()
    assert not project.published
    told = OutboxEvent.objects.filter(kind="project.published")
    assert sorted(one.payload["published"] for one in told) == [False, True]
    assert AuditEntry.objects.filter(act="project.unpublish", reason="涉密").exists()


def test_the_rule_is_checked_whole_and_only_followed_by_the_next_version(town, people, rule):
    with pytest.raises(DomainError) as refused:
        publications.draft_rule(
            user=people["lin"], city=town, prefix="OC4IDS-1", publisher=" ", fields=["drafter.phone"], licence="see below"
        )  # fmt: skip
    for words in ("oc4ids-123abc", "publisher", "https://", "drafter.phone", "at least one"):
        assert words in str(refused.value.message)
    same = publications.draft_rule(
        user=people["lin"], city=town, prefix=rule.prefix, publisher=rule.publisher, fields=rule.fields, licence=rule.licence
    )  # fmt: skip
    assert same == rule
    second = publications.draft_rule(user=people["lin"], city=town, prefix=PREFIX, publisher="小城人民政府", fields=PROPOSED)  # fmt: skip
    assert second.version == 2
    with pytest.raises(DatabaseError), transaction.atomic():
        PublicationRule.objects.filter(pk=rule.pk).update(fields=["title"])
    with pytest.raises(Forbidden):
        publications.draft_rule(
            user=people["zhao"], city=town, prefix=PREFIX, publisher="x", fields=["title"]
        )


def test_the_illustrative_prefix_is_for_made_up_cities_and_for_nothing_else(town, people):
    say = {"user": people["lin"], "publisher": "小城人民政府", "fields": ["title"]}
    with pytest.raises(DomainError):
        publications.draft_rule(city=town, prefix="oc4ids-xxxxxx", **say)
    City.objects.filter(pk=town.pk).update(synthetic=True)
    town.refresh_from_db()
    with pytest.raises(DomainError):
        publications.draft_rule(city=town, prefix=PREFIX, **say)
    assert publications.draft_rule(city=town, prefix="oc4ids-xxxxxx", **say).version == 1


def test_one_publication_for_a_double_click_and_none_of_what_was_not_looked_at(built, rule, people):
    zhao, city = people["zhao"], built.city
    with pytest.raises(DomainError) as refused:
        publications.publish(user=zhao, city=city, seen_sha256="")
    assert refused.value.code == "nothing-to-publish"
    publications.mark(user=zhao, city=city, refs=[built.ref], published=True)
    seen = publications.preview(user=zhao, city=city)
    assert seen.difference.added == [f"{PREFIX}-PJ-1"]
    first = publications.publish(user=zhao, city=city, seen_sha256=seen.seen_sha256)
    assert publications.publish(user=zhao, city=city, seen_sha256=seen.seen_sha256) == first
    assert (Publication.objects.count(), first.number) == (1, 1)
    Project.objects.filter(pk=built.pk).update(name="文轩体育馆二期")
    with pytest.raises(DomainError) as refused:
        publications.publish(user=zhao, city=city, seen_sha256=seen.seen_sha256)
    assert refused.value.code == "publication-changed"
    now = publications.preview(user=zhao, city=city)
    assert now.difference.changed == [(f"{PREFIX}-PJ-1", ["title"])]
    assert publications.publish(user=zhao, city=city, seen_sha256=now.seen_sha256).number == 2
    with pytest.raises(DatabaseError), transaction.atomic():
        Publication.objects.filter(pk=first.pk).update(projects=7)
    with pytest.raises(DatabaseError), transaction.atomic():
        Publication.objects.filter(pk=first.pk).delete()


def test_who_drafted_the_rule_does_not_publish_by_it_on_any_path(built, people, person):
    both = person("bai.he", "planner", "approver")
    city = built.city
    rule = publications.draft_rule(
        user=both, city=city, prefix=PREFIX, publisher="小城人民政府", fields=["title"]
    )
    publications.mark(user=people["zhao"], city=city, refs=[built.ref], published=True)
    seen = publications.preview(user=both, city=city)
    with pytest.raises(DomainError) as refused:
        publications.publish(user=both, city=city, seen_sha256=seen.seen_sha256)
    assert refused.value.code == "two-people"
    with pytest.raises(DatabaseError, match="does not publish by it"), transaction.atomic():
        Publication.objects.create(city=city, rule=rule, number=1, content={}, sha256="0" * 64, projects=0, published_by=both)  # fmt: skip
    assert publications.publish(user=people["zhao"], city=city, seen_sha256=seen.seen_sha256).number == 1


def test_a_name_without_a_social_credit_code_stays_inside_and_the_preview_says_so(built, rule, people):
    publications.mark(user=people["zhao"], city=built.city, refs=[built.ref], published=True)
    found = publications.preview(user=people["zhao"], city=built.city)
    assert "张师傅" not in json.dumps(found.content, ensure_ascii=False)
    assert any("social credit code" in one and "PJ-1" in one for one in found.warnings)


def test_the_number_of_queries_does_not_grow_with_the_projects(
    built, rule, people, django_assert_max_num_queries
):
    publications.mark(user=people["zhao"], city=built.city, refs=[built.ref], published=True)
    with django_assert_max_num_queries(15):
        for row in publications.rows(built.city):
            oc4ids.project_document(row, prefix=PREFIX, fields=list(BY_PATH))


@given(
    st.lists(
        st.dictionaries(st.text(max_size=4), st.integers() | st.text(max_size=5), max_size=3), max_size=4
    )
)
def test_the_bytes_of_a_publication_are_the_content_itself(projects):
    content = {"uri": "https://x/“y”", "publisher": {"name": "小城"}, "projects": projects}
    assert json.loads(publications.text_of(content)) == content
    assert json.loads(publications.text_of({})) == {}
