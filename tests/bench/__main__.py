"""Runs one benchmark: python -m tests.bench NAME [--quick] [--json]. script/bench prepares what it needs."""

from __future__ import annotations

import argparse
import importlib
import json
import os
import sys

from tests.bench import _rows

NAMES = ("access", "alerts", "batch", "coverage", "db", "scale", "siting", "travel", "uncertainty")


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="script/bench", description="Measure the platform against its peers."
    )
    parser.add_argument("name", choices=NAMES)
    size = parser.add_mutually_exclusive_group()
    size.add_argument("--quick", dest="size", action="store_const", const=_rows.QUICK, help="under a minute")
    size.add_argument(
        "--tiny", dest="size", action="store_const", const=_rows.TINY, help="a few seconds: does it run?"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object as the last line")
    asked = parser.parse_args(arguments)
    module = importlib.import_module(f"tests.bench.{asked.name}")
    size_name = asked.size or _rows.FULL
    # Libraries in C and C++ print as they like, some only when the process ends: that goes to standard error.
    sys.stdout.flush()
    answer = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    try:
        rows = module.run(size_name)
    except _rows.Unequal as problem:
        print(f"{asked.name}: ours and the peer differ: {problem}", file=sys.stderr)
        return 1
    if asked.json:
        told = {
            "benchmark": asked.name, "size": size_name, "machine": _rows.machine(), "versions": module.versions(),
            "rows": [_rows.as_dict(row) for row in rows],
        }  # fmt: skip
        print(json.dumps(told), file=answer, flush=True)
    else:
        print(_rows.as_words(rows), file=answer, flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
