from tests.facilities.conftest import api, city, district, empty_cache, facility, other_city, person, town

__all__ = ["api", "city", "district", "empty_cache", "facility", "other_city", "person", "town"]
