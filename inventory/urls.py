from django.urls import URLPattern, path

from inventory.views import idle_assets, stock

urlpatterns: list[URLPattern] = [
    path("inventory/idle/", idle_assets.asset_list, name="idle_assets"),
    path("inventory/idle/new/", idle_assets.asset_new, name="idle_asset_new"),
    path("inventory/idle/<str:ref>/", idle_assets.asset_record, name="idle_asset"),
    path("inventory/idle/<str:ref>/edit/", idle_assets.asset_edit, name="idle_asset_edit"),
    path("inventory/idle/<str:ref>/options/", idle_assets.option_add, name="idle_asset_option"),
    path(
        "inventory/idle/<str:ref>/options/<int:number>/remove/",
        idle_assets.option_remove,
        name="idle_asset_option_remove",
    ),
    path("inventory/stock/", stock.stock_list, name="stock"),
    path("inventory/stock/move/", stock.stock_move, name="stock_move"),
    path("tiles/idle-assets/<int:z>/<int:x>/<int:y>.pbf", idle_assets.assets_layer, name="tile_idle_assets"),
]
