"""A receiver of webhooks as an integrator would write one, and processes of the platform that a test may kill."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from django.conf import settings

ROOT = Path(__file__).resolve().parents[2]
Behaviour = Callable[["Receiver", dict[str, Any]], int]


@dataclass
class Receiver:
    """Keeps every message that arrived (`messages`, with headers and raw body) and, told apart by id, every event once
    (`events`, in the order of their first arrival)."""

    behave: Behaviour = field(default=lambda _receiver, _event: 200)
    messages: list[dict[str, Any]] = field(default_factory=list)
    events: dict[str, dict[str, Any]] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)
    url: str = ""

    def take(self, headers: dict[str, str], body: bytes) -> int:
        event = json.loads(body)
        status = 0
        with self.lock:
            self.messages.append({"headers": headers, "body": body, "event": event, "at": time.monotonic()})
        status = self.behave(self, event)
        if 200 <= status < 300:
            with self.lock:
                self.events.setdefault(event["id"], event)
        return status


@contextlib.contextmanager
def receiving(receiver: Receiver) -> Iterator[Receiver]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            status = receiver.take(dict(self.headers), body)
            with contextlib.suppress(OSError):
                self.send_response(status)
                if 300 <= status < 400:
                    self.send_header("Location", receiver.url + "elsewhere/")
                answer = b"thanks" if status < 300 else b"not now " * 200
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

        def log_message(self, *_: Any) -> None:
            """Silence."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    receiver.url = f"http://127.0.0.1:{server.server_address[1]}/hooks/"
    try:
        yield receiver
    finally:
        server.shutdown()
        server.server_close()


def wait_until(true: Callable[[], Any], seconds: float = 60, say: Callable[[], str] = lambda: "") -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, f"still not so after {seconds} s. {say()}"
        time.sleep(0.05)


# --- processes ---------------------------------------------------------------------------------------


def environment(**more: str) -> dict[str, str]:
    """Of a process of the platform on the test's own database."""
    url = urlsplit(os.environ["DATABASE_URL"])
    database = urlunsplit(url._replace(path="/" + settings.DATABASES["default"]["NAME"]))
    if url.netloc == "":
        database = database.replace(":/", ":///", 1)
    return {
        **os.environ, "DATABASE_URL": database, "VAR_DIR": str(settings.VAR_DIR), "DEBUG": "0",
        "WEBHOOK_ALLOWED_NETWORKS": "127.0.0.0/8", "WEBHOOK_TIMEOUT_SECONDS": "1", "WEBHOOK_HOLD_SECONDS": "3",
        "WEBHOOK_EVERY_SECONDS": "1", "WEBHOOK_RETRY_SECONDS": ",".join(["1"] * 40), **more,
    }  # fmt: skip


class Process:
    """In a group of its own, so that children die with it."""

    def __init__(self, command: list[str], env: dict[str, str], log_path: Path) -> None:
        self.log_path = log_path
        self._log = log_path.open("ab")
        self.process = subprocess.Popen(
            command, cwd=ROOT, env=env, stdin=subprocess.DEVNULL, stdout=self._log, stderr=subprocess.STDOUT,
            start_new_session=True,
        )  # fmt: skip

    def log(self) -> str:
        return self.log_path.read_text(errors="replace")[-3000:]

    def kill(self) -> None:
        """As a power cut would."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(timeout=30)
        self._log.close()


class Platform:
    """A broker, a worker and a scheduler of one test, each to be killed and started again."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.running: list[Process] = []
        self.env = environment(
            REDIS_URL=f"unix://{folder}/redis.sock?db=0", CACHE_PREFIX=f"hooks-{os.getpid()}"
        )

    def start_broker(self) -> Process:
        socket = self.folder / "redis.sock"
        socket.unlink(missing_ok=True)
        broker = Process(
            ["redis-server", "--port", "0", "--unixsocket", str(socket), "--save", "", "--dir", str(self.folder)],
            self.env, self.folder / "redis.log",
        )  # fmt: skip
        self.running.append(broker)
        wait_until(socket.exists, 20, broker.log)
        return broker

    def start_worker(self) -> Process:
        """A worker with its scheduler; answers when it knows its tasks."""
        number = len(self.running)
        log = self.folder / f"worker-{number}.log"
        worker = Process(
            [
                sys.executable, "-m", "celery", "-A", "config", "worker", "--beat", "--concurrency", "1", "--loglevel",
                "INFO", "--without-gossip", "--without-mingle", "--queues", "interactive,analysis,bulk", "--schedule",
                str(self.folder / f"beat-{number}"), "--hostname", f"hooks-{os.getpid()}-{number}@localhost",
            ],
            self.env, log,
        )  # fmt: skip
        self.running.append(worker)
        wait_until(lambda: "deliver_events" in log.read_text(errors="replace"), 60, worker.log)
        return worker

    def manage(self, *words: str) -> str:
        """A command in a process of its own, as somebody at a console would: it knows the same broker."""
        done = subprocess.run(
            [sys.executable, "manage.py", *words], cwd=ROOT, env=self.env, capture_output=True, text=True, check=False
        )  # fmt: skip
        assert done.returncode == 0, done.stderr[-3000:]
        return done.stdout

    def stop(self) -> None:
        for each in self.running:
            if each.process.poll() is None:
                each.kill()
