from django.urls import URLPattern, path

from facilities.views import changes, editing, facilities, intake, tiles

urlpatterns: list[URLPattern] = [
    path("facilities/", facilities.facility_list, name="facilities"),
    path("facilities/new/", editing.facility_new, name="facility_new"),
    path("facilities/changes/", changes.change_list, name="facility_changes"),
    path("facilities/changes/<str:ref>/", changes.change_decide, name="facility_change_decide"),
    path("facilities/import/", intake.import_start, name="facility_import"),
    path("facilities/import/<str:token>/", intake.import_map, name="facility_import_map"),
    path("imports/<str:ref>/", intake.import_record, name="import"),
    path("facilities/<str:ref>/", facilities.facility_record, name="facility"),
    path("facilities/<str:ref>/edit/", editing.facility_edit, name="facility_edit"),
    path("facilities/<str:ref>/propose/", editing.facility_propose, name="facility_propose"),
    path("facilities/<str:ref>/close/", editing.facility_close, name="facility_close"),
    path("facilities/<str:ref>/roles/", editing.role_choice, name="facility_roles"),
    path("facilities/<str:ref>/roles/<slug:service>/", editing.role_edit, name="facility_role"),
    path("tiles/facilities/<int:z>/<int:x>/<int:y>.pbf", tiles.facilities_layer, name="tile_facilities"),
]
