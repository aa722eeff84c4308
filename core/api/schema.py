"""What the OpenAPI page says of every operation alike."""

from typing import Any

REFERENCE = {"$ref": "#/components/schemas/Problem"}
WORDS = {
    "400": "Not readable",
    "401": "Not signed in",
    "403": "Not allowed",
    "404": "Nothing here for you",
    "405": "Not a method of this address",
    "406": "Not a form of this address",
}
# What a rule refuses, and what someone else changed meanwhile.
WORDS_OF_WRITES = {
    "409": "Refused by a rule",
    "412": "Changed meanwhile",
    "415": "Not JSON",
    "422": "Not possible as asked",
    "428": "If-Match is missing",
}


def say_problems(result: dict[str, Any], generator: Any, request: Any, public: bool) -> dict[str, Any]:
    """Add the problem answers, and Idempotency-Key on POST."""
    for address, path in result.get("paths", {}).items():
        for method, operation in path.items():
            if method not in {"get", "post", "put", "patch", "delete"} or not address.startswith("/api/v1/"):
                continue
            words_of = WORDS if method == "get" else WORDS | WORDS_OF_WRITES
            for status, words in words_of.items():
                operation.setdefault("responses", {}).setdefault(
                    status,
                    {"description": words, "content": {"application/problem+json": {"schema": REFERENCE}}},
                )
            if method == "post":
                operation.setdefault("parameters", []).append(
                    {
                        "in": "header",
                        "name": "Idempotency-Key",
                        "schema": {"type": "string", "maxLength": 200},
                        "description": "The same key answers what the first call answered, for 24 hours.",
                    }
                )
    return result
