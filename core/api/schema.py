"""What the OpenAPI page says of every operation alike."""

from typing import Any

REFERENCE = {"$ref": "#/components/schemas/Problem"}
WORDS = {"400": "Not readable", "401": "Not signed in", "403": "Not allowed", "404": "Nothing here for you"}


def say_problems(result: dict[str, Any], generator: Any, request: Any, public: bool) -> dict[str, Any]:
    """Add the problem answers, and Idempotency-Key on POST."""
    for address, path in result.get("paths", {}).items():
        for method, operation in path.items():
            if method not in {"get", "post", "put", "patch", "delete"} or not address.startswith("/api/v1/"):
                continue
            for status, words in WORDS.items():
                if status == "404" and "{" not in address:
                    continue
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
