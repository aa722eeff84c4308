import numpy as np
import pytest

from engine import archive

ARRAYS = {"need": np.arange(6).reshape(2, 3), "cost": np.array([1.5, 2.5], np.float32)}


def test_the_name_depends_on_content_and_not_on_order_or_layout():
    name = archive.content_hash(ARRAYS, {"b": 1, "a": [2]})
    turned = {"cost": ARRAYS["cost"].astype(">f4"), "need": np.asfortranarray(ARRAYS["need"])}
    assert archive.content_hash(turned, {"a": [2], "b": 1}) == name
    assert archive.content_hash(ARRAYS, {"a": [2], "b": 2}) != name
    assert archive.content_hash(ARRAYS | {"need": ARRAYS["need"].reshape(3, 2)}, {"a": [2], "b": 1}) != name
    assert len(name) == 64


def test_what_is_saved_comes_back_and_does_not_change(tmp_path):
    name = archive.save(tmp_path / "one", ARRAYS, {"city": "成都"})
    assert archive.save(tmp_path / "one", ARRAYS, {"city": "成都"}) == name
    arrays, meta = archive.load(tmp_path / "one", verify=True)
    assert meta == {"city": "成都"}
    assert arrays["need"].tolist() == ARRAYS["need"].tolist()
    with pytest.raises(ValueError):
        arrays["need"][0, 0] = 9
    with pytest.raises(FileExistsError):
        archive.save(tmp_path / "one", ARRAYS, {"city": "other"})
    assert sorted(p.name for p in tmp_path.iterdir()) == ["one"]


def test_a_damaged_folder_is_noticed(tmp_path):
    archive.save(tmp_path / "one", ARRAYS)
    np.save(tmp_path / "one" / "cost.npy", np.array([9.0, 2.5], np.float32))
    with pytest.raises(ValueError):
        archive.load(tmp_path / "one", verify=True)


def test_arrays_of_objects_are_refused():
    with pytest.raises(TypeError):
        archive.content_hash({"x": np.array([{}], object)})
