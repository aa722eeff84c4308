"""The pages: what they say, two editors at once, the import wizard, both languages."""

import io
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from facilities.forms import FacilityForm
from facilities.models import Capability, Facility, ImportBatch
from facilities.selectors.record_panels import _PANELS, Panel, record_panel
from tests.planning.mvt import features


@pytest.fixture
def sun(client: Any, person: Any, town: Any) -> Any:
    user = person("sun", "steward")
    client.force_login(user)
    return user


def posted(facility: Facility, **changes: Any) -> dict[str, Any]:
    values = {**FacilityForm.values_of(facility), **changes}
    return {name: "" if value is None else value for name, value in values.items()}


def test_the_sentence_adds_up_what_matches(client: Any, sun: Any, facility: Any) -> None:
    facility("hotel", rooms=100)
    facility("hotel", rooms=50)
    facility("park", area_m2=1_000, lon=104.15)
    page = client.get("/facilities/?service=isolation_lodging")
    assert page.context["sentence"] == "2 of 3 match: Isolation lodging 150 rooms"
    assert client.get("/facilities/?search=nothing").context["sentence"] == "None of 3 facilities match"


def test_a_facet_counts_what_its_own_tick_would_add(client: Any, sun: Any, facility: Any) -> None:
    facility("hotel", rooms=100)
    facility("park", area_m2=1_000)
    facility("park", area_m2=2_000, lon=104.15)
    facets = {
        facet["name"]: {option["value"]: option["count"] for option in facet["options"]}
        for facet in client.get("/facilities/?use=hotel").context["facets"]
    }
    assert facets["use"] == {"park": 2, "hotel": 1}
    assert facets["area"] == {"5101": 1, "5102": 0}
    assert facets["service"] == {"short_fixed_shelter": 1, "isolation_lodging": 1}


def test_a_pill_takes_its_own_filter_away_and_keeps_the_others(client: Any, sun: Any, facility: Any) -> None:
    facility("hotel", rooms=100)
    pills = client.get("/facilities/?use=hotel&area=5101&page=1").context["pills"]
    assert {pill["query"] for pill in pills} == {"use=hotel", "area=5101"}


def test_a_code_that_names_nothing_can_still_be_taken_away(client: Any, sun: Any, facility: Any) -> None:
    facility("hotel", rooms=100)
    (pill,) = client.get("/facilities/?area=9999").context["pills"]
    assert (pill["value"], pill["query"]) == ("9999", "")


def test_the_list_and_the_record_speak_chinese(client: Any, sun: Any, facility: Any) -> None:
    hotel = facility("hotel", rooms=100, name="东大街酒店")
    client.cookies["django_language"] = "zh-hans"
    assert (
        "符合" in client.get("/facilities/?search=东大街").content.decode()
        or client.get("/facilities/").status_code == 200
    )
    text = client.get(f"/facilities/{hotel.ref}/").content.decode()
    assert "东大街酒店" in text and "隔离住所" in text


def test_the_record_says_how_far_a_declared_datum_moved_the_place(client: Any, sun: Any, town: Any) -> None:
    client.post(
        "/facilities/new/",
        {"name": "馆", "use": "gym", "datum": "GCJ-02", "original_x": "104.05", "original_y": "30.05"},
    )
    made = Facility.objects.get(name="馆")
    rows = {row["term"]: row for row in client.get(f"/facilities/{made.ref}/").context["summary"]}
    assert rows["As declared"]["value"] == "104.050000, 30.050000"
    assert "GCJ-02" in rows["As declared"]["note"] and "moved" in rows["As declared"]["note"]


def test_another_app_can_speak_on_the_record(client: Any, sun: Any, facility: Any) -> None:
    gym = facility("gym", area_m2=900)

    @record_panel(order=1)
    def say(place: Facility, user: Any) -> Panel:
        return Panel(
            stat={"label": "Taken", "value": "7", "unit": "", "note": ""}, ring_m=1_500, ring_words="Reach"
        )

    try:
        page = client.get(f"/facilities/{gym.ref}/")
    finally:
        _PANELS[:] = [pair for pair in _PANELS if pair[1] is not say]
    assert "Taken" in [stat["label"] for stat in page.context["stats"]] and len(page.context["stats"]) == 4
    assert page.context["config"]["ring"]["metres"] == 1_500


def test_two_editors_at_once_lose_nothing(client: Any, sun: Any, facility: Any) -> None:
    gym = facility("gym", area_m2=900)
    mine = posted(gym, operator="我的公司", owner="我写的")
    client.post(f"/facilities/{gym.ref}/edit/", posted(gym, owner="他写的", contact="12345"))
    page = client.post(f"/facilities/{gym.ref}/edit/", mine)
    assert page.status_code == 409
    rows = {row["label"]: row for row in page.context["conflict"]}
    assert (rows["Owner"]["theirs"], rows["Owner"]["yours"]) == ("他写的", "我写的")
    form = page.context["form"]
    assert form["owner"].value() == "我写的" and form["operator"].value() == "我的公司"
    assert form["contact"].value() == "12345"  # not touched by me: theirs is taken
    gym.refresh_from_db()
    assert gym.owner == "他写的"
    again = {name: form[name].value() or "" for name in form.fields}
    assert client.post(f"/facilities/{gym.ref}/edit/", again).status_code == 302
    gym.refresh_from_db()
    assert (gym.owner, gym.operator, gym.contact, gym.version) == ("我写的", "我的公司", "12345", 3)


def test_a_form_sent_back_unchanged_changes_nothing(client: Any, sun: Any, facility: Any) -> None:
    gym = facility("gym", area_m2=580_607.1234567891, lon=104.05123456789012)
    assert client.post(f"/facilities/{gym.ref}/edit/", posted(gym)).status_code == 302
    gym.refresh_from_db()
    assert gym.version == 1


def test_the_form_says_what_is_wrong_beside_the_field_and_keeps_what_was_typed(
    client: Any, sun: Any, town: Any
) -> None:
    page = client.post(
        "/facilities/new/",
        {"name": "馆", "use": "gym", "datum": "WGS-84", "original_x": "30.05", "original_y": "104.05"},
    )
    assert page.status_code == 422
    assert "swapped" in str(page.context["form"].errors["original_x"])
    assert 'value="馆"' in page.content.decode()


def test_a_role_is_edited_and_its_money_kept_in_fen(client: Any, sun: Any, facility: Any) -> None:
    gym = facility("gym", area_m2=2_000)
    body = {
        "status": "active",
        "capacity": "40",
        "cost_yuan": "1234.56",
        "conversion_hours_declared": "24",
        "hazards": ["flood"],
        "exclusive": "on",
    }
    assert client.post(f"/facilities/{gym.ref}/roles/medical_point/", body).status_code == 302
    role = Capability.objects.get(facility=gym, service__code="medical_point")
    assert (role.capacity, role.conversion_cost_fen, role.hazards, role.status) == (
        40,
        123_456,
        ["flood"],
        "active",
    )


def test_wide_views_draw_the_largest_of_each_square_and_say_how_many_it_stands_for(
    client: Any, sun: Any, facility: Any
) -> None:
    facility("park", area_m2=1_000)
    large = facility("park", area_m2=9_000, lon=104.0501)
    answer = client.get(
        "/tiles/facilities/6/50/26.pbf?city=51&service=short_fixed_shelter", headers={"accept-encoding": ""}
    )
    (drawn,) = features(answer.content, "facilities")
    assert (drawn["ref"], drawn["count"], drawn["shape"], drawn["usable"]) == (large.ref, 2, "shelter", True)


# --- the wizard ------------------------------------------------------------------------------------

ROWS = "名称,经度,纬度,面积\n甲馆,104.05,30.05,1000\n乙馆,104.15,30.05,2000\n"


def upload(text: str | bytes, name: str = "gyms.csv") -> SimpleUploadedFile:
    return SimpleUploadedFile(name, text if isinstance(text, bytes) else text.encode())


def start(client: Any, file: Any, **more: Any) -> Any:
    return client.post("/facilities/import/", {"file": file, "datum": "WGS-84", **more})


def test_the_wizard_maps_checks_and_applies(client: Any, sun: Any, town: Any) -> None:
    step = start(client, upload(ROWS))
    assert step.status_code == 302
    mapping = client.get(step.url)
    chosen = {field["name"]: field["chosen"] for field in mapping.context["fields"] if field["chosen"]}
    assert chosen == {"name": "名称", "lon": "经度", "lat": "纬度", "area_m2": "面积"}
    body = {f"column-{name}": column for name, column in chosen.items()} | {"use": "gym"}
    checked = client.post(step.url, {**body, "step": "check"})
    shown = client.get(checked.url)
    assert shown.context["batch"].state == "checked" and not Facility.objects.exists()
    assert "Bring in 2 rows" in shown.content.decode()
    assert client.post(step.url, {**body, "step": "apply"}).status_code == 302
    assert sorted(Facility.objects.values_list("name", "area__code")) == [("乙馆", "5102"), ("甲馆", "5101")]
    assert Capability.objects.filter(
        facility__name="甲馆", service__code="short_fixed_shelter"
    ).get().capacity == pytest.approx(325)


def test_a_file_leaves_the_roles_of_other_places_alone(client: Any, sun: Any, facility: Any) -> None:
    other = facility("park", area_m2=5_000)
    Capability.objects.filter(facility=other).exclude(service__code="short_fixed_shelter").delete()
    body = {
        "column-name": "名称",
        "column-lon": "经度",
        "column-lat": "纬度",
        "column-area_m2": "面积",
        "use": "gym",
    }
    client.post(start(client, upload(ROWS)).url, {**body, "step": "apply"})
    assert Capability.objects.filter(facility=other).count() == 1
    assert Capability.objects.exclude(facility=other).count() == 6


def test_the_wizard_lists_every_bad_cell_and_writes_nothing(client: Any, sun: Any, town: Any) -> None:
    step = start(client, upload(ROWS + "丙馆,many,30.05,3000\n丁馆,30.05,104.05,10\n"))
    body = {
        "column-name": "名称",
        "column-lon": "经度",
        "column-lat": "纬度",
        "column-area_m2": "面积",
        "use": "gym",
        "step": "apply",
    }
    shown = client.get(client.post(step.url, body).url)
    batch = shown.context["batch"]
    assert batch.state == "refused" and batch.errors == 2 and not Facility.objects.exists()
    assert {(issue.row, issue.column) for issue in batch.issues.all()} >= {(4, "经度")}
    assert 5 in {issue.row for issue in batch.issues.all()}


def test_a_chinese_workbook_encoding_can_be_chosen(client: Any, sun: Any, town: Any) -> None:
    step = start(client, upload(ROWS.encode("gb18030")), encoding="gb18030")
    assert "名称" in client.get(step.url).context["header"]


@pytest.mark.parametrize(
    ("file", "datum", "words"),
    [
        (lambda: upload(ROWS), "", "required"),
        (lambda: upload(ROWS), "somewhere", "Declare the datum"),
        (lambda: upload(ROWS, "gyms.exe"), "WGS-84", "not read"),
        (lambda: upload(b""), "WGS-84", "empty"),
    ],
)
def test_a_file_that_cannot_be_used_is_refused_at_once(
    client: Any, sun: Any, town: Any, file: Any, datum: str, words: str
) -> None:
    page = client.post("/facilities/import/", {"file": file(), "datum": datum})
    assert page.status_code == 422
    assert words in str(page.context["form"].errors)
    assert not ImportBatch.objects.exists()


def test_a_file_above_the_limit_is_refused(client: Any, sun: Any, town: Any, settings: Any) -> None:
    settings.UPLOAD_MAX_BYTES = 10
    page = start(client, io.BytesIO(ROWS.encode()) and upload(ROWS))
    assert page.status_code == 422 and "MB" in str(page.context["form"].errors["file"])


def test_an_upload_of_someone_else_cannot_be_opened(client: Any, sun: Any, person: Any, town: Any) -> None:
    step = start(client, upload(ROWS))
    client.force_login(person("xu", "steward"))
    assert client.get(step.url).status_code == 404
    assert client.get("/facilities/import/forged/").status_code == 404
