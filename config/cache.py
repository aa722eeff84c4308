"""The cache shares its Redis with the broker, so emptying it must not empty the broker's queues."""

from typing import Any

from django.core.cache.backends import redis


class Client(redis.RedisCacheClient):
    def delete_pattern(self, pattern: str) -> None:
        client = self.get_client(None, write=True)
        batch: list[Any] = []
        for key in client.scan_iter(match=pattern, count=1000):
            batch.append(key)
            if len(batch) == 1000:
                client.unlink(*batch)
                batch.clear()
        if batch:
            client.unlink(*batch)


class PrefixedRedisCache(redis.RedisCache):
    """Django's `clear()` empties the whole database of the server; this one only what the cache wrote."""

    def __init__(self, server: str, params: dict[str, Any]) -> None:
        super().__init__(server, params)
        self._class = Client

    def clear(self) -> None:
        # The empty key spells the prefix and version; letters that mean something else in a pattern are put in brackets.
        prefix = "".join(f"[{letter}]" if letter in "*?[" else letter for letter in self.make_key(""))
        client: Any = self._cache  # a Client, see __init__
        client.delete_pattern(f"{prefix}*")
