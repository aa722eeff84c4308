"""The house stands as the plan says."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.management import call_command

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("config", "core", "facilities", "inventory", "planning", "templates")
CATALOGUE = Path("locale/zh_Hans/LC_MESSAGES/django.po")


def test_packages_and_layers_import_only_what_is_below_them() -> None:
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            "import sys, importlinter.cli as cli; sys.exit(cli.lint_imports(no_cache=True))",
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]


@pytest.mark.django_db
def test_no_model_change_is_without_its_migration() -> None:
    try:
        call_command("makemigrations", check=True, dry_run=True, verbosity=1)
    except SystemExit:
        pytest.fail("models and migrations differ (see the output above)")


def test_every_text_has_its_chinese_translation(tmp_path: Path) -> None:
    """Collects the marked texts anew, in a copy, and looks for those that the catalogue does not translate."""
    for package in PACKAGES:
        shutil.copytree(
            ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__", "*.mo")
        )
    (tmp_path / CATALOGUE.parent).mkdir(parents=True)
    if (ROOT / CATALOGUE).is_file():
        shutil.copy(ROOT / CATALOGUE, tmp_path / CATALOGUE)
    subprocess.run(
        [
            sys.executable,
            "-m",
            "django",
            "makemessages",
            "--locale",
            "zh_Hans",
            "--no-obsolete",
            "--no-location",
        ],
        cwd=tmp_path,
        env={"PATH": "/usr/local/bin:/usr/bin:/bin", "PYTHONUTF8": "1"},
        check=True,
        capture_output=True,
    )
    missing: list[str] = []
    for kind in ("--untranslated", "--only-fuzzy"):
        listed = subprocess.run(
            ["msgattrib", kind, "--no-wrap", "--no-obsolete", CATALOGUE],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        # One entry per paragraph; the entry without a text of its own is the header.
        texts = (
            re.search(r"^msgid ((?:\".*\"\n?)+)", entry, flags=re.MULTILINE) for entry in listed.split("\n\n")
        )
        missing += [text[1] for text in texts if text and text[1].strip() != '""']
    assert missing == []


def test_the_translations_keep_the_placeholders_of_the_texts() -> None:
    done = subprocess.run(
        ["msgfmt", "--check-format", "--check-header", "-o", "/dev/null", CATALOGUE],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_no_lock_names_an_address() -> None:
    for lock in [*ROOT.glob("requirements/*.txt"), ROOT / "package-lock.json"]:
        assert re.findall(r"[a-z]+://\S+", lock.read_text()) == [], lock.name


def test_every_locked_package_has_a_hash() -> None:
    for lock in ROOT.glob("requirements/*.txt"):
        wanted = re.split(r"^(?=[A-Za-z0-9])", lock.read_text(), flags=re.MULTILINE)[1:]
        assert [each.split()[0] for each in wanted if "--hash=sha256:" not in each] == [], lock.name


@pytest.mark.parametrize("name", ["bootstrap", "server", "test", "lint", "bench", "lock"])
def test_a_script_is_plain_shell_and_refuses_what_it_does_not_know(name: str) -> None:
    script = ROOT / "script" / name
    assert script.read_text().startswith("#!/bin/sh\n")
    assert script.stat().st_mode & 0o111
    assert subprocess.run(["sh", "-n", script], check=False).returncode == 0
    if name in {"bootstrap", "server", "bench", "lock"}:
        done = subprocess.run([script, "--nonsense"], capture_output=True, text=True, check=False)
        assert done.returncode == 1
        assert f"{name}: FAILED: " in done.stderr
