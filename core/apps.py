from typing import Any

from django.apps import AppConfig
from django.db.models.signals import post_migrate
from django.utils.translation import gettext_lazy as _


class CoreConfig(AppConfig):
    name = "core"
    verbose_name = _("Core")

    def ready(self) -> None:
        post_migrate.connect(begin_audit, sender=self)


def begin_audit(**_: Any) -> None:
    """Tables were made or emptied: an audit without entries begins with its sealed end."""
    from core.services.audit_chain import begin_head

    begin_head()
