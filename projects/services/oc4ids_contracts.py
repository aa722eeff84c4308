"""Contracts, their changes and payments in OC4IDS: https://standard.open-contracting.org/infrastructure/"""

from __future__ import annotations

from typing import Any

from projects.models import Contract, Payment
from projects.services.oc4ids_values import Document, Facts, known, moment, value

PAYEE_SCHEME = "CN-USCC"  # unified social credit code, GB 32100-2015


def _process(facts: Facts, contract: Contract, summary: Document) -> Document:
    return {"id": f"{facts.id}-{facts.contracts.index(contract) + 1}", "summary": summary}


def contracts(facts: Facts) -> Document:
    rows = []
    for one in facts.contracts:
        paid = sum(row.amount_fen for row in facts.payments if row.contract_id == one.pk)
        changes = sorted(one.supplements.all(), key=lambda row: (row.signed_on, row.pk))
        closed = facts.accepted is not None and paid >= worth_fen(one)
        summary = known(
            externalReference=one.number, status="closed" if closed else "active", contractValue=value(one.amount_fen),
            contractPeriod={"startDate": moment(one.signed_on)}, modifications=_modifications(one, changes),
        )  # fmt: skip
        rows.append(_process(facts, one, summary))
    return known(contractingProcesses=rows)


def worth_fen(contract: Contract) -> int:
    """What a contract holds with its supplementary agreements."""
    return contract.amount_fen + sum(row.amount_fen for row in contract.supplements.all())


def _modifications(contract: Contract, changes: list[Any]) -> list[Document]:
    """Each supplementary agreement with the value before and after; its reason stays inside."""
    rows, before = [], contract.amount_fen
    for number, one in enumerate(changes, start=1):
        after = before + one.amount_fen
        rows.append(
            {
                "id": f"supplement-{number}", "date": moment(one.signed_on), "type": "value",
                "oldContractValue": value(before), "newContractValue": value(after),
            }
        )  # fmt: skip
        before = after
    return rows


def has_code(contract: Contract) -> bool:
    """A payee without a social credit code may be a private person, whose name does not go out."""
    return len(contract.payee_code.strip()) == 18


def suppliers(facts: Facts) -> Document:
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
    return known(contractingProcesses=rows, parties=parties)


def _transaction(facts: Facts, payment: Payment) -> Document:
    number = facts.payments.index(payment) + 1
    return {
        "id": f"{facts.id}-payment-{number}",
        "date": moment(payment.paid_on),
        "value": value(payment.amount_fen),
    }


def contract_payments(facts: Facts) -> Document:
    rows = []
    for one in facts.contracts:
        paid = [_transaction(facts, row) for row in facts.payments if row.contract_id == one.pk]
        if paid:
            rows.append(_process(facts, one, {"transactions": paid}))
    return known(contractingProcesses=rows)


def other_payments(facts: Facts) -> Document:
    return known(transactions=[_transaction(facts, row) for row in facts.payments if row.contract_id is None])
