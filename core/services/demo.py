"""Demonstration accounts: one person for each role, with random passwords that are told once. Only in debug mode."""

import secrets
from dataclasses import dataclass
from typing import NamedTuple

from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext as _

from core.choices import AreaLevel, DepartmentFunction, OrganisationKind, Role
from core.errors import DomainError
from core.models import Area, City, Membership, Organisation, User
from core.services import audit


class Account(NamedTuple):
    username: str
    password: str
    name: str
    role: str


@dataclass(frozen=True)
class Actor:
    username: str
    name: str
    name_en: str
    role: Role
    organisation: str
    one_district: bool = False


DEPARTMENT, F = OrganisationKind.DEPARTMENT, DepartmentFunction
ORGANISATIONS: dict[str, tuple[str, str, OrganisationKind, str]] = {
    "planning": (
        "规划和自然资源局",
        "Planning and Natural Resources Bureau",
        DEPARTMENT,
        F.NATURAL_RESOURCES,
    ),
    "emergency": ("应急管理局", "Emergency Management Bureau", DEPARTMENT, F.EMERGENCY),
    "reform": (
        "发展和改革委员会",
        "Development and Reform Commission",
        OrganisationKind.LEADERSHIP,
        F.REFORM,
    ),
    "housing": ("住房和城乡建设局", "Housing and Urban-Rural Development Bureau", DEPARTMENT, F.HOUSING),
    "health": ("卫生健康委员会", "Health Commission", DEPARTMENT, F.HEALTH),
    "finance": ("财政局", "Finance Bureau", DEPARTMENT, F.FINANCE),
    "audit": ("审计局", "Audit Bureau", DEPARTMENT, ""),
    "district": ("街道办事处", "Subdistrict Office", OrganisationKind.TERRITORY, ""),
}
ACTORS = (
    Actor("lin.wei", "林薇", "Lin Wei", Role.PLANNER, "planning"),
    Actor("wang.jun", "王军", "Wang Jun", Role.REVIEWER, "emergency"),
    Actor("fang.hao", "方浩", "Fang Hao", Role.REVIEWER, "reform"),
    Actor("xu.lan", "许岚", "Xu Lan", Role.REVIEWER, "planning"),
    Actor("luo.bin", "罗斌", "Luo Bin", Role.REVIEWER, "housing"),
    Actor("shen.na", "沈娜", "Shen Na", Role.REVIEWER, "health"),
    Actor("qian.yi", "钱毅", "Qian Yi", Role.REVIEWER, "finance"),
    Actor("zhao.min", "赵敏", "Zhao Min", Role.APPROVER, "reform"),
    Actor("sun.li", "孙丽", "Sun Li", Role.STEWARD, "emergency"),
    Actor("he.jing", "何静", "He Jing", Role.VIEWER, "planning"),
    Actor("chen.yu", "陈宇", "Chen Yu", Role.VIEWER, "district", one_district=True),
    Actor("gao.feng", "高峰", "Gao Feng", Role.AUDITOR, "audit"),
    Actor("tang.lei", "唐磊", "Tang Lei", Role.ADMIN, "planning"),
)


def create_demo_accounts(city: City, *, reset: bool = False) -> list[Account]:
    """Make the actors and their roles in `city`; answers only accounts whose password was made now.

    An account that exists keeps its password, unless `reset`; roles are completed for a second city.
    """
    if not settings.DEBUG:
        raise DomainError(
            "demo-needs-debug", _("Demonstration accounts are made only in debug mode (DEBUG=1).")
        )
    whole = Area.objects.filter(city=city, level=AreaLevel.CITY).defer("geometry").order_by("path").first()
    if whole is None:
        raise DomainError("city-without-areas", _("Load the city's areas first."))
    district = (
        Area.objects.filter(city=city, level=AreaLevel.DISTRICT).defer("geometry").order_by("path").first()
        or whole
    )
    told = []
    with transaction.atomic():
        organisations = {
            key: Organisation.objects.get_or_create(
                code=f"{city.code}-{key}"[:40],
                defaults={
                    "city": city, "name": name, "name_en": name_en, "kind": kind, "function": function,
                    "area": district if key == "district" else whole,
                },
            )[0]
            for key, (name, name_en, kind, function) in ORGANISATIONS.items()
        }  # fmt: skip
        for actor in ACTORS:
            admin = actor.role == Role.ADMIN
            person, created = User.objects.get_or_create(
                username=actor.username,
                defaults={
                    "name": actor.name,
                    "name_en": actor.name_en,
                    "is_staff": admin,
                    "is_superuser": admin,
                },
            )
            if created or reset:
                password = secrets.token_urlsafe(9)
                person.set_password(password)
                person.save()
                told.append(Account(actor.username, password, actor.name_en, actor.role.value))
                audit.record(
                    user=None,
                    act="account.demo",
                    subject=person,
                    ref=actor.username,
                    after={"city": city.code, "role": actor.role.value},
                )
            Membership.objects.get_or_create(
                user=person, organisation=organisations[actor.organisation], role=actor.role,
                area=district if actor.one_district else whole,
            )  # fmt: skip
    return told
