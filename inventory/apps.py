from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class InventoryConfig(AppConfig):
    name = "inventory"
    verbose_name = _("Inventory")

    def ready(self) -> None:
        # Register what the search finds here, and what the record of a facility shows of its stock.
        from inventory.selectors import found, panels  # noqa: F401
