"""Contracts: signed once, changed only by supplementary agreements that stand beside them."""

from __future__ import annotations

from datetime import date
from typing import Any

from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from core import policies
from core.errors import DomainError
from core.services import audit
from projects.models import Contract, Project, SupplementaryAgreement
from projects.services import events
from projects.services.amounts import MOST_FEN

# GB 32100-2015, 4.2 and 5: 31 signs without I, O, S, V, Z; weights are powers of 3 modulo 31.
_SIGNS = "0123456789ABCDEFGHJKLMNPQRTUWXY"
_WEIGHTS = [pow(3, place, 31) for place in range(17)]


def clean_code(text: str) -> str:
    """A unified social credit code in capitals, or DomainError when its form or its check sign is wrong.

    >>> clean_code("91350100M000100Y43")
    '91350100M000100Y43'
    """
    code = "".join(text.split()).replace("-", "").upper()
    if len(code) != 18 or any(sign not in _SIGNS for sign in code) or not code[2:8].isdigit():
        raise DomainError(
            "bad-credit-code",
            _("A unified social credit code has 18 digits and capitals, without I, O, S, V and Z; digits 3 to 8 are the region."),
            status=422,
        )  # fmt: skip
    total = sum(_SIGNS.index(sign) * weight for sign, weight in zip(code[:17], _WEIGHTS, strict=True))
    check = _SIGNS[-total % 31]
    if code[17] != check:
        raise DomainError(
            "bad-credit-code-check", _("The last sign of the unified social credit code does not fit the others; one of them is mistyped."),
            status=422,
        )  # fmt: skip
    return code


def sign(
    *,
    user: Any,
    project: Project,
    number: str,
    payee: str,
    amount_fen: int,
    signed_on: date,
    payee_code: str = "",
    note: str = "",
) -> Contract:
    """Record a contract. The same number with the same words answers the contract that is there (a double click)."""
    policies.demand(user, "contract.edit", project)
    if project.approved_fen is None:
        raise DomainError("project-not-approved", _("Contracts are signed for approved projects."))
    code = clean_code(payee_code) if payee_code.strip() else ""
    said = {"payee": payee.strip(), "payee_code": code, "amount_fen": amount_fen, "signed_on": signed_on, "note": note.strip()}  # fmt: skip
    name = number.strip()
    wrong = _wrong(number=name, amount_fen=amount_fen, signed_on=signed_on)
    if not said["payee"] or len(payee.strip()) > 160:
        wrong.append(_("the payee"))
    if amount_fen <= 0:
        wrong.append(_("the amount, whole fen above 0"))
    if len(note.strip()) > 300:
        wrong.append(_("the note, at most 300 signs"))
    _refuse(wrong)
    try:
        with transaction.atomic():
            made = Contract.objects.create(project=project, number=name, signed_by=user, **said)
            after = {"number": name} | {key: str(value) for key, value in said.items()}
            audit.record(user=user, act="contract.sign", subject=project, after=after)
            events.tell(project=project, kind="contract.signed", ref=project.ref, payload=after)
    except IntegrityError:
        found = Contract.objects.filter(project=project, number=name).first()
        if found is not None and all(getattr(found, key) == value for key, value in said.items()):
            return found
        raise DomainError(
            "contract-number-used", _("Another contract of this project has this number."), status=422
        ) from None
    return made


def supplement(
    *, user: Any, contract: Contract, number: str, amount_fen: int, signed_on: date, reason: str
) -> SupplementaryAgreement:
    """Change a contract's sum by `amount_fen` (less when negative). It never falls to nothing."""
    policies.demand(user, "contract.edit", contract.project)
    name, why = number.strip(), reason.strip()
    wrong = _wrong(number=name, amount_fen=amount_fen, signed_on=signed_on)
    if not amount_fen:
        wrong.append(_("the amount, which changes nothing"))
    if not why or len(why) > 300:
        wrong.append(_("the reason, in at most 300 signs"))
    if signed_on < contract.signed_on:
        wrong.append(_("the day, which lies before the contract's"))
    _refuse(wrong)
    try:
        with transaction.atomic():
            made = SupplementaryAgreement.objects.create(
                contract=contract, number=name, amount_fen=amount_fen, signed_on=signed_on, reason=why, signed_by=user
            )  # fmt: skip
            after = {"contract": contract.number, "number": name, "amount_fen": amount_fen, "signed_on": str(signed_on)}  # fmt: skip
            audit.record(
                user=user, act="contract.supplement", subject=contract.project, after=after, reason=why
            )
            events.tell(
                project=contract.project, kind="contract.signed", ref=contract.project.ref,
                payload={"number": contract.number, "supplement": name, "amount_fen": str(amount_fen), "signed_on": str(signed_on)},
            )  # fmt: skip
    except IntegrityError as refused:
        found = SupplementaryAgreement.objects.filter(contract=contract, number=name).first()
        if found is not None and (found.amount_fen, found.signed_on, found.reason) == (
            amount_fen,
            signed_on,
            why,
        ):
            return found
        if found is not None:
            raise DomainError(
                "supplement-number-used", _("Another supplementary agreement has this number."), status=422
            ) from None
        if "more than nothing" not in str(refused):
            raise
        raise DomainError(
            "contract-below-zero", _("The contract would hold nothing any more."), status=422
        ) from None
    return made


def _wrong(*, number: str, amount_fen: int, signed_on: date) -> list[Any]:
    wrong: list[Any] = []
    if not number or len(number) > 60:
        wrong.append(_("the number, at most 60 signs"))
    if int(amount_fen) != amount_fen or abs(amount_fen) > MOST_FEN:
        wrong.append(_("the amount"))
    if not 1990 <= signed_on.year <= timezone.localdate().year + 1:
        wrong.append(_("the day it was signed"))
    return wrong


def _refuse(wrong: list[Any]) -> None:
    if wrong:
        raise DomainError(
            "bad-contract",
            _("Correct %(words)s.") % {"words": "; ".join(str(one) for one in wrong)},
            status=422,
        )
