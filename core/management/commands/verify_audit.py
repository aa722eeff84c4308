"""manage.py verify_audit: recompute the chain of hashes and seals."""

import json
from argparse import ArgumentParser
from dataclasses import asdict
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from core.services import audit_chain


class Command(BaseCommand):
    help = """Check that no audit entry was changed, put in, taken out or moved.

    verify_audit                                 what the database and the key together can tell
    verify_audit --expect HASH --count N         also: is the N-th entry the one whose hash I wrote down?
    verify_audit --anchors [FILE]                also: every end in this file (default: the setting AUDIT_ANCHORS)
    verify_audit --anchor [FILE]                 add the present end to that file, after a check that finds nothing

    The answer is 0 only where nothing was found.
    """

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--expect", default="", help="a hash that was written down elsewhere")
        parser.add_argument("--count", type=int, help="how many entries the chain had then")
        parser.add_argument("--anchors", nargs="?", const="", default=None, metavar="FILE")
        parser.add_argument("--anchor", nargs="?", const="", default=None, metavar="FILE")
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        expect = []
        if bool(options["expect"]) != (options["count"] is not None):
            raise CommandError("--expect and --count go together: the hash of which entry?")
        if options["expect"]:
            expect.append(audit_chain.Anchor(options["count"], options["expect"].strip().lower()))
        if options["anchors"] is not None:
            path = Path(options["anchors"]) if options["anchors"] else None
            found = audit_chain.read_anchors(path)
            if path is not None and not path.is_file():
                raise CommandError(f"there is no file {path}")
            expect += found
        report = audit_chain.verify_chain(expect)
        said = str(audit_chain.words(report))
        if options["json"]:
            self.stdout.write(
                json.dumps(asdict(report) | {"words": said, "compared": len(expect)}, ensure_ascii=False)
            )
        elif report.ok:
            self.stdout.write(
                f"{report.entries} entries, all in order; last hash {report.last_sha256 or '(none)'}"
            )
        if not report.ok:
            raise CommandError(f"{said} ({report.kind}; {report.entries} good entries before it)")
        if options["anchor"] is not None:
            end = audit_chain.Anchor(report.entries, report.last_sha256)
            path = audit_chain.write_anchor(end, Path(options["anchor"]) if options["anchor"] else None)
            if not options["json"]:
                self.stdout.write(f"the end was added to {path}")
