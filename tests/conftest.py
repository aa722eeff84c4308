"""What all tests share: real services, a real worker, a real browser.

Django's settings are loaded before this file is (pytest-django does that), from the environment script/test makes.
"""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import pytest
from django.conf import settings
from django.db.backends.signals import connection_created
from django.utils import translation
from hypothesis import settings as hypothesis_settings

ROOT = Path(__file__).resolve().parent.parent

# Playwright keeps an event loop in the test's thread, which Django takes for asynchronous code.
os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "1"
# Keys of this session only: a worker that serves somebody else on the same Redis must not see its tasks.
KEY_PREFIX = f"pingji-test-{os.getpid()}"
settings.CELERY_BROKER_TRANSPORT_OPTIONS["global_keyprefix"] = f"{KEY_PREFIX}:"
settings.CACHES["default"]["KEY_PREFIX"] = KEY_PREFIX
# Side by side (pytest -n): each process has its own database by pytest-django, its own keys by its number, and its own
# files by this.
if HAND := os.environ.get("PYTEST_XDIST_WORKER"):
    settings.VAR_DIR = settings.VAR_DIR / "tests" / HAND
    settings.MEDIA_ROOT = settings.VAR_DIR / "media"
    settings.STORAGES["artefacts"]["OPTIONS"]["location"] = str(settings.VAR_DIR / "artefacts")
# Argon2 is slow on purpose; accounts of tests have no secrets.
settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
# Runs get their range by themselves only in the tests that ask for it.
settings.AUTO_RANGE_MAX_CELLS = 0
os.environ["AUTO_RANGE_MAX_CELLS"] = "0"

# The first call of a numba function compiles it; a deadline would measure the compiler.
hypothesis_settings.register_profile("pingji", deadline=None, print_blob=True)
hypothesis_settings.load_profile("pingji")


def _tables_may_be_emptied(connection: Any, **_: Any) -> None:
    """Django empties the tables after a test that commits; the tables of money refuse that anywhere else."""
    with connection.cursor() as cursor:
        cursor.execute("set pingji.may_truncate = 'on'")


connection_created.connect(_tables_may_be_emptied)


# --- nothing is skipped where it counts -----------------------------------------------------------


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Any:
    report = yield
    if (
        report.skipped
        and not hasattr(report, "wasxfail")
        and os.environ.get("PINGJI_REQUIRE_SHARED_DATA") == "1"
    ):
        report.outcome = "failed"
        report.longrepr = f"skipped, but PINGJI_REQUIRE_SHARED_DATA=1 demands every test: {report.longrepr}"
    return report


@pytest.fixture(scope="session")
def shared_data_dir() -> Path:
    """The folder of real city files beside the checkout."""
    folder = Path(settings.SHARED_DATA_DIR)
    if not folder.is_dir():
        pytest.skip(f"real city files are not at {folder} (SHARED_DATA_DIR)")
    return folder


@pytest.fixture(autouse=True)
def source_language() -> None:
    """A page or job that a test asked for in Chinese leaves the thread speaking it; the next test begins in English."""
    translation.activate(settings.LANGUAGE_CODE)


# --- a real worker --------------------------------------------------------------------------------


class WorkerProcess:
    """A Celery worker in its own process group, on the test database and the test session's queues."""

    def __init__(self, log_path: Path, *, concurrency: int, environment: dict[str, str]) -> None:
        self.log_path = log_path
        self.name = f"{KEY_PREFIX}-{log_path.stem}@localhost"
        url = urlsplit(os.environ["DATABASE_URL"])
        test_database = urlunsplit(url._replace(path="/" + settings.DATABASES["default"]["NAME"]))
        if url.netloc == "":
            # urlunsplit drops the empty host that a socket address has.
            test_database = test_database.replace(":/", ":///", 1)
        env = {
            **os.environ,
            "DATABASE_URL": test_database,
            "CACHE_PREFIX": KEY_PREFIX,
            "VAR_DIR": str(settings.VAR_DIR),
            **environment,
        }
        self._log = log_path.open("wb")
        self.process = subprocess.Popen(
            [
                sys.executable, "-m", "celery", "-A", "config", "worker", "--queues", "interactive,analysis,bulk",
                "--concurrency", str(concurrency), "--loglevel", "INFO", "--without-gossip", "--without-mingle",
                "--hostname", self.name,
            ],
            cwd=ROOT, env=env, stdin=subprocess.DEVNULL, stdout=self._log, stderr=subprocess.STDOUT,
            start_new_session=True,
        )  # fmt: skip
        self._wait_until_ready()

    @property
    def pid(self) -> int:
        return self.process.pid

    def log(self) -> str:
        return self.log_path.read_text(errors="replace")

    def _wait_until_ready(self) -> None:
        from config import celery_app

        deadline = time.monotonic() + 60
        while not celery_app.control.ping(destination=[self.name], timeout=0.3):
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.kill()
                raise RuntimeError(f"the worker did not start:\n{self.log()[-3000:]}")

    def kill(self) -> None:
        """End it as a power cut would: no warning, children too."""
        self._signal(signal.SIGKILL)
        self.process.wait(timeout=30)
        self._log.close()

    def stop(self) -> None:
        """Ask it to finish; insist after a while."""
        if self.process.poll() is None:
            self._signal(signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(timeout=10)
        self.kill()

    def _signal(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, number)


@pytest.fixture(scope="session")
def celery_worker_process(
    django_db_setup: None, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[WorkerProcess]:
    """One worker for the whole session, started by the first test that asks. Such a test needs `transactional_db`:
    the worker sees only what is committed."""
    worker = WorkerProcess(tmp_path_factory.mktemp("worker") / "session.log", concurrency=2, environment={})
    yield worker
    worker.stop()


@pytest.fixture
def worker(transactional_db: None, celery_worker_process: WorkerProcess) -> WorkerProcess:
    """The session's worker, for a test that commits."""
    return celery_worker_process


@pytest.fixture
def start_worker(transactional_db: None, tmp_path: Path) -> Iterator[Callable[..., WorkerProcess]]:
    """`start_worker(JOB_LOST_AFTER_SECONDS="5")`: workers of this test alone, to kill or to configure."""
    started: list[WorkerProcess] = []

    def start(*, concurrency: int = 1, **environment: str) -> WorkerProcess:
        log_path = tmp_path / f"worker-{len(started)}.log"
        started.append(WorkerProcess(log_path, concurrency=concurrency, environment=environment))
        return started[-1]

    yield start
    for each in started:
        each.stop()


# --- a real browser -------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """Debian's Chromium with WebGL in software; it calls nobody by itself."""
    from playwright.sync_api import sync_playwright

    path = os.environ.get("CHROMIUM") or shutil.which("chromium") or "/usr/bin/chromium"
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(
            executable_path=path,
            args=[
                "--no-sandbox",
                "--enable-unsafe-swiftshader",
                "--disable-quic",
                "--no-first-run",
                "--disable-background-networking",
                "--disable-component-update",
                "--disable-sync",
            ],
        )
        yield chromium
        chromium.close()


@pytest.fixture
def open_page(browser: Any, live_server: Any) -> Iterator[Callable[..., Any]]:
    """`open_page(user=None, language="en", width=1440, height=900)`: a fresh browser window on the live server.

    The page notes what went wrong: `page.problems` (script errors, failed answers of the server) and
    `page.outside_calls` (addresses other than the live server's).
    """
    contexts = []

    def open_one(*, user: Any = None, language: str = "en", width: int = 1440, height: int = 900) -> Any:
        context = browser.new_context(
            base_url=live_server.url,
            locale={"en": "en-GB", "zh-hans": "zh-CN"}[language],
            viewport={"width": width, "height": height},
        )
        contexts.append(context)
        if user is not None:
            sign_in(context, user, live_server.url)
        page = context.new_page()
        page.problems, page.outside_calls = [], []
        page.on("pageerror", lambda error: page.problems.append(str(error)))
        page.on("console", lambda line: page.problems.append(line.text) if line.type == "error" else None)
        page.on(
            "response",
            lambda answer: (
                page.problems.append(f"{answer.status} {answer.url}") if answer.status >= 500 else None
            ),
        )
        page.on("request", lambda request: note_outside_call(page, request.url, live_server.url))
        return page

    yield open_one
    for context in contexts:
        context.close()


def note_outside_call(page: Any, url: str, own: str) -> None:
    if not url.startswith((own, "data:", "blob:", "about:")):
        page.outside_calls.append(url)


def sign_in(context: Any, user: Any, url: str) -> None:
    """Give the browser window a session of this user, without the login page."""
    from django.test import Client

    client = Client()
    client.force_login(user)
    cookie = client.cookies[settings.SESSION_COOKIE_NAME]
    context.add_cookies([{"name": settings.SESSION_COOKIE_NAME, "value": cookie.value, "url": url}])


@pytest.fixture
def axe() -> Callable[[Any], list[str]]:
    """`assert axe(page) == []`: what axe-core finds of serious or critical impact, one line each."""
    source = ROOT / "node_modules" / "axe-core" / "axe.min.js"
    if not source.is_file():
        raise FileNotFoundError("axe-core is not installed; run script/bootstrap --test")

    def check(page: Any) -> list[str]:
        page.evaluate(source.read_text(encoding="utf-8"))
        found = page.evaluate(
            "async () => (await axe.run(document, {resultTypes: ['violations']})).violations"
        )
        return [
            f"{each['impact']} {each['id']}: {each['help']} - "
            + "; ".join(node["html"][:160] for node in each["nodes"][:5])
            for each in found
            if each["impact"] in {"serious", "critical"}
        ]

    return check
