"""A project as Open Contracting for Infrastructure Data (OC4IDS 0.9.5): https://standard.open-contracting.org/infrastructure/

Each field of the allow-list has one writer here. Only the writers of listed fields run, so what is not listed is never
even put together; a last look over the finished project refuses any path that no listed field declares. Texts are
Chinese, as the data is (`language`). Amounts are yuan with their fen, exactly.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import date
from functools import lru_cache
from typing import Any

from django.utils import timezone

from core.choices import OrganisationKind
from core.errors import DomainError
from inventory.choices import InterventionKind
from planning.choices import FundSource
from projects.choices import ProjectState
from projects.models import Project
from projects.services import oc4ids_contracts as contracts
from projects.services.oc4ids_values import Document, Facts, a_day, known, leaves, merge, moment, value
from projects.services.publication_fields import ALWAYS, BY_PATH

LANGUAGE = "zh"
# Closed codelist projectStatus. A commissioned facility is in use, so its project has come to completion.
STATUS = {
    ProjectState.APPROVED: "preparation", ProjectState.WORKS: "implementation", ProjectState.COMMISSIONED: "completion",
}  # fmt: skip
# Closed codelist projectType: expansion is "the expansion or upgrade of an existing asset". Stocking builds nothing.
TYPE = {
    InterventionKind.BUILD: "construction", InterventionKind.CONVERT: "expansion", InterventionKind.EXTEND: "expansion",
    InterventionKind.UPGRADE: "expansion", InterventionKind.RETIRE: "decommissioning",
}  # fmt: skip
# Open codelist projectSector: "governance" holds emergency services and response.
SECTOR = {"medical": ["health"], "lodging": ["health"]}
SECTOR_ELSE = ["governance"]
SOURCES = {
    FundSource.CENTRAL: "中央预算内资金", FundSource.SPECIAL_BOND: "地方政府专项债券", FundSource.LOCAL: "地方财政资金",
    FundSource.POLICY_BANK: "政策性银行贷款", FundSource.COMMERCIAL_BANK: "商业银行贷款", FundSource.PRIVATE: "社会资本",
}  # fmt: skip
PERCENT = {"name": "percent", "scheme": "UNCEFACT", "id": "P1"}
HOURS = {"name": "hours", "scheme": "UNCEFACT", "id": "HUR"}
# Where the code was given: the national online platform for approval of investment projects.
INVESTMENT_SCHEME = "tzxm.gov.cn"


# --- one writer for each field ---------------------------------------------------------------------


def _identifiers(facts: Facts) -> Document:
    return {"identifiers": [{"id": facts.project.ref, "scheme": "pingji"}]}


def _investment_code(facts: Facts) -> Document:
    code = facts.project.investment_code
    return {"identifiers": [{"id": code, "scheme": INVESTMENT_SCHEME}]} if code else {}


def _type(facts: Facts) -> Document:
    return known(type=TYPE.get(InterventionKind(facts.project.kind)))


def _classification(facts: Facts) -> Document:
    service = facts.project.service
    return {
        "additionalClassifications": [
            {"scheme": "pingji-service-type", "id": service.code, "description": service.name}
        ]
    }


def _period(facts: Facts) -> Document:
    said = known(startDate=moment(facts.project.starts_on), endDate=moment(facts.project.ends_on))
    return known(period=said)


def _implementation(facts: Facts) -> Document:
    done = facts.accepted
    said = known(
        startDate=moment(facts.project.started_on), endDate=moment(done.accepted_at) if done else None
    )
    return known(implementationPeriod=said)


def _address(facts: Facts) -> Document:
    area, city = facts.project.area, facts.project.city
    address = known(locality=area.name if area else None, region=city.name, countryName="中国")
    return {"locations": [known(id="site", description=area.name if area else city.name, address=address)]}


def _geometry(facts: Facts) -> Document:
    point = facts.project.point
    shape = {"type": "Point", "coordinates": [round(point.x, 6), round(point.y, 6)]}
    return {"locations": [{"id": "site", "geometry": shape}]}


def _party(organisation: Any, role: str) -> Document:
    return {"id": f"org-{organisation.code}", "name": organisation.name, "roles": [role]}


def _authority(facts: Facts) -> Document:
    found = facts.organisations(OrganisationKind.DEPARTMENT)
    if not found:
        return {}
    party = _party(found[0], "publicAuthority")
    return {"publicAuthority": {"id": party["id"], "name": party["name"]}, "parties": [party]}


def _enterprises(facts: Facts) -> Document:
    found = facts.organisations(OrganisationKind.ENTERPRISE)
    return known(parties=[_party(one, "administrativeEntity") for one in found])


def _amount(facts: Facts) -> Document:
    fen = facts.project.approved_fen
    return {"budget": {"amount": value(fen)}} if fen is not None else {}


def _requested(facts: Facts) -> Document:
    return {"budget": {"requestDate": moment(facts.case.submitted_at)}} if facts.case else {}


def _approved(facts: Facts) -> Document:
    said = moment(facts.case.closed_at) if facts.case else None
    return {"budget": {"approvalDate": said}} if said else {}


def _breakdowns(facts: Facts) -> Document:
    if not facts.lines:
        return {}
    rows = []
    for one in facts.lines:
        name = SOURCES[FundSource(one.source)]
        rows.append(
            {
                "id": f"{one.year}-{one.source}", "description": f"{one.year} 年，{name}", "amount": value(one.amount_fen),
                "period": {"startDate": moment(date(one.year, 1, 1)), "endDate": moment(date(one.year, 12, 31))},
                "sourceParty": {"id": f"source-{one.source}", "name": name},
            }
        )  # fmt: skip
    parties = [
        {"id": f"source-{code}", "name": SOURCES[FundSource(code)], "roles": ["funder"]}
        for code in sorted({one.source for one in facts.lines})
    ]
    whole = {"id": "by-year-and-source", "description": "分年度、分来源资金", "budgetBreakdown": rows}
    return {"budget": {"budgetBreakdowns": [whole]}, "parties": parties}


def _milestones(facts: Facts) -> Document:
    rows = [
        known(
            id=f"milestone-{one.number}", title=one.name, type="delivery", dueDate=moment(one.planned_on),
            dateMet=moment(one.reached_on), status="met" if one.reached_on else "scheduled",
        )
        for one in facts.milestones
    ]  # fmt: skip
    return known(milestones=rows)


def _tranches(facts: Facts) -> Document:
    rows = []
    for one in facts.tranches:
        release = getattr(one, "release", None)
        rows.append(
            known(
                id=f"tranche-{one.number}", title=f"第 {one.number} 笔资金", type="payment",
                dateMet=moment(release.released_at) if release else None, status="met" if release else "scheduled",
                value=value(release.amount_fen if release else one.amount_fen),
            )
        )  # fmt: skip
    return known(milestones=rows)


def _metric(where: str, key: str, title: str, rows: list[Document]) -> Document:
    return {where: [{"id": key, "title": title, "observations": rows}]} if rows else {}


def _unit(facts: Facts) -> Document:
    return {"name": facts.project.service.unit_name or facts.project.service.unit}


def _capacity_promised(facts: Facts) -> Document:
    project = facts.project
    units = project.approved_units if project.approved_units is not None else project.units
    row = known(id="promised", measure=units, unit=_unit(facts), period=a_day(project.ends_on))
    return _metric("forecasts", "capacity", "急时容量", [row])


def _gap_promised(facts: Facts) -> Document:
    if facts.project.gap_promised is None:
        return {}
    row = known(id="promised", measure=facts.project.gap_promised, unit=_unit(facts), period=a_day(facts.project.ends_on))  # fmt: skip
    return _metric("forecasts", "gapClosed", "填补缺口", [row])


def _hours_promised(facts: Facts) -> Document:
    hours = facts.project.conversion_hours
    row = {"id": "promised", "measure": hours, "unit": HOURS}
    return _metric("forecasts", "conversionHours", "平急转换时间", [row]) if hours is not None else {}


def _works_planned(facts: Facts) -> Document:
    rows = [
        {"id": f"milestone-{one.number}", "measure": one.works_percent, "unit": PERCENT, "period": a_day(one.planned_on)}
        for one in facts.milestones
    ]  # fmt: skip
    return _metric("forecasts", "physicalProgress", "工程形象进度", rows)


def _capacity_built(facts: Facts) -> Document:
    done = facts.accepted
    if done is None:
        return {}
    row = {"id": "as-built", "measure": done.built_units, "unit": _unit(facts), "period": a_day(timezone.localdate(done.accepted_at))}  # fmt: skip
    return _metric("metrics", "capacity", "急时容量", [row])


def _gap_realised(facts: Facts) -> Document:
    found = facts.realised
    if found is None:
        return {}
    row = {
        "id": "realised", "measure": found.served_with_units - found.served_without_units, "unit": _unit(facts),
        "period": a_day(timezone.localdate(found.computed_at)), "notes": f"计算任务 {found.run.ref}",
    }  # fmt: skip
    return _metric("metrics", "gapClosed", "填补缺口", [row])


def _hours_tried(facts: Facts) -> Document:
    done = facts.accepted
    if done is None:
        return {}
    row = {
        "id": "as-tried",
        "measure": done.conversion_hours,
        "unit": HOURS,
        "period": a_day(done.checked_on),
    }
    return _metric("metrics", "conversionHours", "平急转换时间", [row])


def _works_seen(facts: Facts) -> Document:
    rows = [
        {"id": f"seen-{n}", "measure": one.works_percent, "unit": PERCENT, "period": a_day(one.done_on)}
        for n, one in enumerate(facts.seen, start=1)
    ]
    return _metric("metrics", "physicalProgress", "工程形象进度", rows)


def _paid_percent(facts: Facts) -> Document:
    """Tenths of a percent, in whole numbers until the last step: money never passes through a float."""
    approved = facts.project.approved_fen
    if not approved or not facts.payments:
        return {}
    paid = sum(one.amount_fen for one in facts.payments)
    tenths = (paid * 2000 + approved) // (approved * 2)
    row = {"id": "paid", "measure": tenths / 10, "unit": PERCENT, "period": a_day(facts.payments[-1].paid_on)}
    return _metric("metrics", "financialProgress", "资金支付进度", [row])


def _completion(facts: Facts) -> Document:
    done = facts.accepted
    if done is None:
        return {}
    unit = _unit(facts)["name"]
    return {
        "completion": {
            "endDate": moment(done.accepted_at), "finalScope": f"{done.built_units} {unit}",
            "finalScopeDetails": f"平急转换演练用时 {done.conversion_hours:g} 小时",
            "finalValue": value(sum(one.amount_fen for one in facts.payments)), "finalValueDetails": "截至公开时已支付金额",
        }
    }  # fmt: skip


def _decision(facts: Facts) -> Document:
    case = facts.case
    if case is None:
        return {}
    frozen = next((one for one in case.submissions.all() if one.round == case.round), None)
    said = known(
        id=case.ref, documentType="budgetApproval", title=f"项目审批决定 {case.ref}", datePublished=moment(case.closed_at),
        description=f"审批内容 SHA-256 {frozen.sha256}" if frozen else None, language=LANGUAGE,
    )  # fmt: skip
    return {"documents": [said]}


WRITERS: dict[str, Callable[[Facts], Document]] = {
    "title": lambda facts: {"title": facts.project.name},
    "title_en": lambda facts: known(title_en=facts.project.name_en),
    "description": lambda facts: known(description=facts.project.description),
    "identifiers": _identifiers, "identifiers.investmentCode": _investment_code,
    "status": lambda facts: known(status=STATUS.get(ProjectState(facts.project.state))),
    "type": _type,
    "sector": lambda facts: {"sector": SECTOR.get(facts.project.service.domain, SECTOR_ELSE)},
    "purpose": lambda facts: {"purpose": f"平急两用：急时提供{facts.project.service.name}"},
    "additionalClassifications": _classification, "period": _period, "implementationPeriod": _implementation,
    "locations.address": _address, "locations.geometry": _geometry, "publicAuthority": _authority,
    "parties.administrativeEntity": _enterprises, "budget.amount": _amount, "budget.requestDate": _requested,
    "budget.approvalDate": _approved, "budget.budgetBreakdowns": _breakdowns, "milestones.delivery": _milestones,
    "milestones.payment": _tranches, "forecasts.capacity": _capacity_promised, "forecasts.gapClosed": _gap_promised,
    "forecasts.conversionHours": _hours_promised, "forecasts.physicalProgress": _works_planned,
    "metrics.capacity": _capacity_built, "metrics.gapClosed": _gap_realised, "metrics.conversionHours": _hours_tried,
    "metrics.physicalProgress": _works_seen, "metrics.financialProgress": _paid_percent, "completion": _completion,
    "contractingProcesses.value": contracts.contracts, "contractingProcesses.suppliers": contracts.suppliers,
    "contractingProcesses.transactions": contracts.contract_payments, "transactions": contracts.other_payments,
    "documents.approval": _decision,
}  # fmt: skip


# --- the whole -------------------------------------------------------------------------------------


def project_document(project: Project, *, prefix: str, fields: Iterable[str]) -> Document:
    """One project in OC4IDS with the listed fields and nothing else."""
    facts = Facts(project, prefix)
    listed = [path for path in WRITERS if path in set(fields)]
    made: Document = {"id": facts.id, "language": LANGUAGE}
    for path in listed:
        made = merge(made, WRITERS[path](facts))
    refuse_unlisted(made, listed)
    return made


def refuse_unlisted(document: Document, fields: Iterable[str]) -> None:
    """Every value stands below a path that a listed field declares, or is an identifier that ties such values."""
    may = _declared(tuple(fields))
    for path, _value in leaves(document):
        if not _under(path, may):
            raise DomainError("not-in-the-list", f"{path} is not in the list of what goes out", status=500)


@lru_cache(maxsize=64)
def _declared(fields: tuple[str, ...]) -> frozenset[str]:
    return frozenset({*ALWAYS, *(path for field in fields for path in BY_PATH[field].writes)})


@lru_cache(maxsize=4096)
def _under(path: str, may: frozenset[str]) -> bool:
    if any(path == one or path.startswith(f"{one}.") for one in may):
        return True
    return path.endswith(".id") and path.split(".")[0] in {one.split(".")[0] for one in may}
