"""Which process holds a piece of work, so that its death can be seen at once on the same machine."""

import os
import socket
import uuid
from pathlib import Path


def _started(pid: int) -> str | None:
    """When a process of this machine started, in the kernel's own count; None when there is no such process."""
    try:
        after_name = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return None if after_name[0] in "ZX" else after_name[19]


def _here() -> str:
    """This machine, and the room of process numbers in it: containers may share the one and not the other."""
    try:
        room = os.readlink("/proc/self/ns/pid")
    except OSError:
        room = ""
    return f"{socket.gethostname()[:50]}{room}".replace("|", "")


def new_token() -> str:
    """Names the process that holds a job, so that its death can be seen at once on the same machine."""
    pid = os.getpid()
    return f"{_here()}|{pid}|{_started(pid) or ''}|{uuid.uuid4().hex[:12]}"


def holder_alive(token: str) -> bool | None:
    """Does the process that holds a job live? None when it cannot be known (another machine)."""
    host, pid, started, _rest = [*token.split("|"), "", "", "", ""][:4]
    if host != _here() or not started:
        return None
    return _started(int(pid)) == started


def process_of(token: str) -> str:
    """The machine and process in a token: two tokens of one process name the same."""
    return "|".join(token.split("|")[:3])
