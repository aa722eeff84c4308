"""A project as Open Contracting for Infrastructure Data (OC4IDS 0.9.5): https://standard.open-contracting.org/infrastructure/

Each field of the allow-list has one writer here. Only the writers of listed fields run, so what is not listed is never
even put together; a last look over the finished project refuses any path that no listed field declares. Texts are
Chinese, as the data is (`language`). Amounts are yuan with their fen, exactly.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import date, datetime, time
from typing import Any

from django.utils import timezone

from core.choices import OrganisationKind
from core.errors import DomainError
from inventory.choices import InterventionKind
from planning.choices import FundSource
from projects.choices import CaseState, ProjectState
from projects.models import Contract, Payment, Project, RealisedGap
from projects.services.publication_fields import ALWAYS, BY_PATH

Document = dict[str, Any]
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
PAYEE_SCHEME = "CN-USCC"  # unified social credit code, GB 32100-2015


class Facts:
    """One project with what its rows say, read beforehand (see `publications.rows`): no query happens here."""

    def __init__(self, project: Project, prefix: str) -> None:
        self.project = project
        self.id = f"{prefix}-{project.ref}"
        self.lines = sorted(project.budget_lines.all(), key=lambda one: (one.year, one.source))
        self.tranches = sorted(project.tranches.all(), key=lambda one: one.number)
        self.milestones = sorted(project.milestones.all(), key=lambda one: one.number)
        self.contracts = sorted(project.contracts.all(), key=lambda one: (one.signed_on, one.pk))
        self.payments = sorted(project.payments.all(), key=lambda one: (one.paid_on, one.pk))
        self.commissioning = getattr(project, "commissioning", None)
        self.realised: RealisedGap | None = max(
            project.realised.all(), key=lambda one: (one.computed_at, one.pk), default=None
        )
        self.seen = sorted(
            (one for one in project.inspections.all() if one.done_on and one.works_percent is not None),
            key=lambda one: (one.done_on, one.pk),
        )
        self.case = next(
            (
                one
                for one in sorted(project.cases.all(), key=lambda one: -one.pk)
                if one.tranche_id is None and one.state in (CaseState.APPROVED, CaseState.CONDITIONAL)
            ),
            None,
        )

    @property
    def accepted(self) -> Any:
        """The handover, once somebody has accepted it."""
        done = self.commissioning
        return done if done is not None and done.accepted_at is not None else None

    def organisations(self, level: str) -> list[Any]:
        found: dict[str, Any] = {}
        for one in sorted(self.project.responsibilities.all(), key=lambda row: row.pk):
            if one.level == level:
                found.setdefault(one.organisation.code, one.organisation)
        return list(found.values())


# --- values ----------------------------------------------------------------------------------------


def value(fen: int) -> Document:
    """Fen as yuan. A whole number where there are no fen; else the nearest double, whose shortest decimal is the amount
    itself up to 10^13 yuan (the limit of a project's cost)."""
    yuan, rest = divmod(fen, 100)
    return {"amount": yuan if rest == 0 else fen / 100, "currency": "CNY"}


def moment(said: date | datetime | None) -> str | None:
    """RFC 3339, in the installation's time zone; a day is its first moment."""
    if said is None:
        return None
    if not isinstance(said, datetime):
        said = timezone.make_aware(datetime.combine(said, time.min))
    return timezone.localtime(said).replace(microsecond=0).isoformat()


def _known(**said: Any) -> Document:
    """Without what is not known: an unknown is left out, never written as nothing or zero."""
    return {key: one for key, one in said.items() if one not in (None, "", [], {})}


def _day(said: date | None) -> Document:
    return _known(startDate=moment(said), endDate=moment(said))


# --- one writer for each field ---------------------------------------------------------------------


def _identifiers(facts: Facts) -> Document:
    return {"identifiers": [{"id": facts.project.ref, "scheme": "pingji"}]}


def _investment_code(facts: Facts) -> Document:
    code = facts.project.investment_code
    return {"identifiers": [{"id": code, "scheme": INVESTMENT_SCHEME}]} if code else {}


def _type(facts: Facts) -> Document:
    return _known(type=TYPE.get(InterventionKind(facts.project.kind)))


def _classification(facts: Facts) -> Document:
    service = facts.project.service
    return {
        "additionalClassifications": [
            {"scheme": "pingji-service-type", "id": service.code, "description": service.name}
        ]
    }


def _period(facts: Facts) -> Document:
    said = _known(startDate=moment(facts.project.starts_on), endDate=moment(facts.project.ends_on))
    return _known(period=said)


def _implementation(facts: Facts) -> Document:
    done = facts.accepted
    said = _known(
        startDate=moment(facts.project.started_on), endDate=moment(done.accepted_at) if done else None
    )
    return _known(implementationPeriod=said)


def _address(facts: Facts) -> Document:
    area, city = facts.project.area, facts.project.city
    address = _known(locality=area.name if area else None, region=city.name, countryName="中国")
    return {"locations": [_known(id="site", description=area.name if area else city.name, address=address)]}


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
    return _known(parties=[_party(one, "administrativeEntity") for one in found])


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
        _known(
            id=f"milestone-{one.number}", title=one.name, type="delivery", dueDate=moment(one.planned_on),
            dateMet=moment(one.reached_on), status="met" if one.reached_on else "scheduled",
        )
        for one in facts.milestones
    ]  # fmt: skip
    return _known(milestones=rows)


def _tranches(facts: Facts) -> Document:
    rows = []
    for one in facts.tranches:
        release = getattr(one, "release", None)
        rows.append(
            _known(
                id=f"tranche-{one.number}", title=f"第 {one.number} 笔资金", type="payment",
                dateMet=moment(release.released_at) if release else None, status="met" if release else "scheduled",
                value=value(release.amount_fen if release else one.amount_fen),
            )
        )  # fmt: skip
    return _known(milestones=rows)


def _metric(where: str, key: str, title: str, rows: list[Document]) -> Document:
    return {where: [{"id": key, "title": title, "observations": rows}]} if rows else {}


def _unit(facts: Facts) -> Document:
    return {"name": facts.project.service.unit_name or facts.project.service.unit}


def _capacity_promised(facts: Facts) -> Document:
    project = facts.project
    units = project.approved_units if project.approved_units is not None else project.units
    row = _known(id="promised", measure=units, unit=_unit(facts), period=_day(project.ends_on))
    return _metric("forecasts", "capacity", "急时容量", [row])


def _gap_promised(facts: Facts) -> Document:
    if facts.project.gap_promised is None:
        return {}
    row = _known(id="promised", measure=facts.project.gap_promised, unit=_unit(facts), period=_day(facts.project.ends_on))  # fmt: skip
    return _metric("forecasts", "gapClosed", "填补缺口", [row])


def _hours_promised(facts: Facts) -> Document:
    hours = facts.project.conversion_hours
    row = {"id": "promised", "measure": hours, "unit": HOURS}
    return _metric("forecasts", "conversionHours", "平急转换时间", [row]) if hours is not None else {}


def _works_planned(facts: Facts) -> Document:
    rows = [
        {"id": f"milestone-{one.number}", "measure": one.works_percent, "unit": PERCENT, "period": _day(one.planned_on)}
        for one in facts.milestones
    ]  # fmt: skip
    return _metric("forecasts", "physicalProgress", "工程形象进度", rows)


def _capacity_built(facts: Facts) -> Document:
    done = facts.accepted
    if done is None:
        return {}
    row = {"id": "as-built", "measure": done.built_units, "unit": _unit(facts), "period": _day(timezone.localdate(done.accepted_at))}  # fmt: skip
    return _metric("metrics", "capacity", "急时容量", [row])


def _gap_realised(facts: Facts) -> Document:
    found = facts.realised
    if found is None:
        return {}
    row = {
        "id": "realised", "measure": found.served_with_units - found.served_without_units, "unit": _unit(facts),
        "period": _day(timezone.localdate(found.computed_at)), "notes": f"计算任务 {found.run.ref}",
    }  # fmt: skip
    return _metric("metrics", "gapClosed", "填补缺口", [row])


def _hours_tried(facts: Facts) -> Document:
    done = facts.accepted
    if done is None:
        return {}
    row = {"id": "as-tried", "measure": done.conversion_hours, "unit": HOURS, "period": _day(done.checked_on)}
    return _metric("metrics", "conversionHours", "平急转换时间", [row])


def _works_seen(facts: Facts) -> Document:
    rows = [
        {"id": f"seen-{n}", "measure": one.works_percent, "unit": PERCENT, "period": _day(one.done_on)}
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
    row = {"id": "paid", "measure": tenths / 10, "unit": PERCENT, "period": _day(facts.payments[-1].paid_on)}
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


def _process(facts: Facts, contract: Contract, summary: Document) -> Document:
    return {"id": f"{facts.id}-{facts.contracts.index(contract) + 1}", "summary": summary}


def _contracts(facts: Facts) -> Document:
    rows = []
    for one in facts.contracts:
        paid = sum(row.amount_fen for row in facts.payments if row.contract_id == one.pk)
        closed = facts.accepted is not None and paid >= one.amount_fen
        summary = {
            "externalReference": one.number, "status": "closed" if closed else "active", "contractValue": value(one.amount_fen),
            "contractPeriod": {"startDate": moment(one.signed_on)},
        }  # fmt: skip
        rows.append(_process(facts, one, summary))
    return _known(contractingProcesses=rows)


def has_code(contract: Contract) -> bool:
    """A payee without a social credit code may be a private person, whose name does not go out."""
    return len(contract.payee_code.strip()) == 18


def _suppliers(facts: Facts) -> Document:
    rows, parties = [], []
    for one in facts.contracts:
        if has_code(one):
            code = one.payee_code.strip()
            party = f"{PAYEE_SCHEME}-{code}"
            rows.append(_process(facts, one, {"suppliers": [{"id": party, "name": one.payee}]}))
            parties.append(
                {
                    "id": party, "name": one.payee, "roles": ["supplier"],
                    "identifier": {"scheme": PAYEE_SCHEME, "id": code, "legalName": one.payee},
                }
            )  # fmt: skip
    return _known(contractingProcesses=rows, parties=parties)


def _transaction(facts: Facts, payment: Payment) -> Document:
    number = facts.payments.index(payment) + 1
    return {
        "id": f"{facts.id}-payment-{number}",
        "date": moment(payment.paid_on),
        "value": value(payment.amount_fen),
    }


def _contract_payments(facts: Facts) -> Document:
    rows = []
    for one in facts.contracts:
        paid = [_transaction(facts, row) for row in facts.payments if row.contract_id == one.pk]
        if paid:
            rows.append(_process(facts, one, {"transactions": paid}))
    return _known(contractingProcesses=rows)


def _other_payments(facts: Facts) -> Document:
    return _known(
        transactions=[_transaction(facts, row) for row in facts.payments if row.contract_id is None]
    )


def _decision(facts: Facts) -> Document:
    case = facts.case
    if case is None:
        return {}
    frozen = next((one for one in case.submissions.all() if one.round == case.round), None)
    said = _known(
        id=case.ref, documentType="budgetApproval", title=f"项目审批决定 {case.ref}", datePublished=moment(case.closed_at),
        description=f"审批内容 SHA-256 {frozen.sha256}" if frozen else None, language=LANGUAGE,
    )  # fmt: skip
    return {"documents": [said]}


WRITERS: dict[str, Callable[[Facts], Document]] = {
    "title": lambda facts: {"title": facts.project.name},
    "title_en": lambda facts: _known(title_en=facts.project.name_en),
    "description": lambda facts: _known(description=facts.project.description),
    "identifiers": _identifiers, "identifiers.investmentCode": _investment_code,
    "status": lambda facts: _known(status=STATUS.get(ProjectState(facts.project.state))),
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
    "contractingProcesses.value": _contracts, "contractingProcesses.suppliers": _suppliers,
    "contractingProcesses.transactions": _contract_payments, "transactions": _other_payments,
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


def merge(one: Any, other: Any) -> Any:
    """Both documents in one: objects by key, lists of objects by `id` (several writers fill the same contract)."""
    if isinstance(one, dict) and isinstance(other, dict):
        return {
            key: merge(one[key], other[key]) if key in one and key in other else one.get(key, other.get(key))
            for key in [*one, *(key for key in other if key not in one)]
        }
    if isinstance(one, list) and isinstance(other, list):
        made = list(one)
        for row in other:
            at = next((n for n, old in enumerate(made) if _same(old, row)), None)
            if at is None:
                made.append(row)
            else:
                made[at] = merge(made[at], row)
        return made
    return one if one == other else other


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, dict) and isinstance(other, dict):
        return one.get("id") == other.get("id") and one.get("scheme") == other.get("scheme")
    return one == other


def leaves(document: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """(path, value) of every value, without the places in lists."""
    if isinstance(document, dict):
        for key, one in document.items():
            yield from leaves(one, f"{path}.{key}" if path else key)
    elif isinstance(document, list):
        for one in document:
            yield from leaves(one, path)
    else:
        yield path, document


def refuse_unlisted(document: Document, fields: Iterable[str]) -> None:
    """Every value stands below a path that a listed field declares, or is an identifier that ties such values."""
    may = {*ALWAYS, *(path for field in fields for path in BY_PATH[field].writes)}
    tops = {path.split(".")[0] for path in may}
    for path, _value in leaves(document):
        under = any(path == one or path.startswith(f"{one}.") for one in may)
        tie = path.rsplit(".", 1)[-1] == "id" and path.split(".")[0] in tops
        if not under and not tie:
            raise DomainError("not-in-the-list", f"{path} is not in the list of what goes out", status=500)
