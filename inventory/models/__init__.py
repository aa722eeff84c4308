from inventory.models.idle_assets import AssetOption, IdleAsset
from inventory.models.stock import ItemType, Lot, StockMovement, Stocktake, StocktakeLine

__all__ = ["AssetOption", "IdleAsset", "ItemType", "Lot", "StockMovement", "Stocktake", "StocktakeLine"]
