"""How an event travels: what is sent, how it is signed, and to which addresses nothing is ever sent.

The standard library's client is used as it is: the connection goes to the very address that was checked (a name that answers
differently a moment later changes nothing), no redirect is followed, no proxy of the environment is asked, and the socket
can be shut from outside when a receiver drips its answer.
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import http.client
import ipaddress
import json
import socket
import ssl
import time
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import SplitResult, urlsplit

from django.conf import settings
from django.core.serializers.json import DjangoJSONEncoder
from django.utils.translation import gettext_lazy as _

from core.errors import DomainError

KEPT_CHARS = 300
# 64:ff9b::/96 carries an IPv4 address to a translating gateway (RFC 6052), 2002::/16 and 2001::/32 through a tunnel.
_NAT64 = ipaddress.ip_network("64:ff9b::/96")
Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class Refused(Exception):
    """The address must not be asked; the words say why. They are kept with the attempt, in English for the log."""


def signature(secret: str, timestamp: str, body: bytes) -> str:
    """`v1=` and the HMAC-SHA256, in hex, of `timestamp.body`."""
    digest = hmac.new(secret.encode(), timestamp.encode() + b"." + body, hashlib.sha256)
    return f"v1={digest.hexdigest()}"


def body_of(event: Any, attempt: int) -> bytes:
    """What is sent. The id is the same in every attempt; it is what a receiver tells repeats by."""
    said = {
        "id": str(event.id), "number": event.number, "kind": event.kind, "created_at": event.created_at,
        "city": event.city.code, "project": event.project.ref if event.project else None, "subject": event.subject_ref,
        "attempt": attempt, "payload": event.payload,
    }  # fmt: skip
    return json.dumps(said, ensure_ascii=False, cls=DjangoJSONEncoder).encode()


def headers_of(event: Any, attempt: int, body: bytes, secrets: list[str]) -> dict[str, str]:
    timestamp = str(int(time.time()))
    return {
        "Content-Type": "application/json; charset=utf-8",
        "User-Agent": "Pingji-Webhooks/1",
        "Pingji-Event-Id": str(event.id),
        "Pingji-Event-Kind": event.kind,
        "Pingji-Delivery-Attempt": str(attempt),
        "Pingji-Timestamp": timestamp,
        # While a secret is being changed both sign; one that fits is enough.
        "Pingji-Signature": ",".join(signature(secret, timestamp, body) for secret in secrets),
    }


# --- where nothing is sent -------------------------------------------------------------------------


def check_url(url: str) -> str:
    """The address as it will be used, or a DomainError that says what is wrong with it. Names are looked up when something
    is sent, each time anew."""
    try:
        parts = urlsplit(url.strip())
        port = parts.port
        host = (parts.hostname or "").encode("idna").decode()
    except (ValueError, UnicodeError):
        raise DomainError("webhook-address", _("This is no address of a website."), status=422) from None
    if parts.scheme not in ("http", "https") or not host or port == 0:
        raise DomainError("webhook-address", _("Write the whole address, like https://example.org/pingji."), status=422)  # fmt: skip
    if parts.username or parts.password or parts.fragment:
        raise DomainError("webhook-address-parts", _("The address carries no user name, password or fragment: the signature tells who sends."), status=422)  # fmt: skip
    literal = _literal(host)
    if literal is not None and not allowed(literal):
        raise DomainError("webhook-address-private", _("Nothing is sent to this address: it lies in a private network. The setting WEBHOOK_ALLOWED_NETWORKS can allow it."), status=422)  # fmt: skip
    if literal is None and (host == "localhost" or host.endswith(".localhost")) and not _named_network("127.0.0.1"):  # fmt: skip
        raise DomainError("webhook-address-private", _("Nothing is sent to this address: it lies in a private network. The setting WEBHOOK_ALLOWED_NETWORKS can allow it."), status=422)  # fmt: skip
    if parts.scheme == "http" and not settings.WEBHOOK_ALLOWED_NETWORKS:
        raise DomainError("webhook-https", _("The address must begin with https://. Plain http is for allowed private networks only."), status=422)  # fmt: skip
    return url.strip()


def _literal(host: str) -> Address | None:
    try:
        return ipaddress.ip_address(host.split("%")[0])
    except ValueError:
        return None


def _inner(address: Address) -> Address:
    """The IPv4 address that an IPv6 one stands for."""
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return address.ipv4_mapped
        if address.sixtofour is not None:
            return address.sixtofour
        if address.teredo is not None:
            return address.teredo[1]
        if address in _NAT64:
            return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address


def _named_network(address: Address | str) -> bool:
    one = ipaddress.ip_address(address)
    networks = (ipaddress.ip_network(text, strict=False) for text in settings.WEBHOOK_ALLOWED_NETWORKS)
    return any(one.version == network.version and one in network for network in networks)


def allowed(address: Address) -> bool:
    """Public addresses, and those of the networks that the settings name."""
    inner = _inner(address)
    if _named_network(inner):
        return True
    return inner.is_global and not (inner.is_multicast or inner.is_reserved or inner.is_unspecified)


def resolve(host: str, port: int) -> str:
    """The address to connect to. When a name has one address that is not allowed, none of its addresses is used."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise Refused(f"no address is known for {host}") from None
    addresses = [str(row[4][0]) for row in found]
    for text in addresses:
        one = _literal(text)
        if one is None or not allowed(one):
            raise Refused(f"{host} is {text}, an address nothing is sent to")
    if not addresses:
        raise Refused(f"no address is known for {host}")
    return addresses[0]


# --- one attempt -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Answer:
    """status: what the receiver said, None when it said nothing. taken: it was a 2xx."""

    status: int | None
    error: str
    milliseconds: int
    retry_after_seconds: int = 0

    @property
    def taken(self) -> bool:
        return self.status is not None and 200 <= self.status < 300


@dataclass
class Line:
    """The connection of one attempt, to be cut from outside."""

    sockets: list[socket.socket] = field(default_factory=list)
    cut: bool = False

    def cut_off(self) -> None:
        self.cut = True
        for one in self.sockets:
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            with contextlib.suppress(OSError):
                one.close()


def send(url: str, body: bytes, headers: dict[str, str], line: Line) -> Answer:
    """POST once. Never raises: whatever goes wrong is an answer with words."""
    begun = time.monotonic()

    def said(status: int | None, error: str, wait: int = 0) -> Answer:
        took = int((time.monotonic() - begun) * 1000)
        return Answer(status, error[:KEPT_CHARS], took, wait)

    try:
        parts = urlsplit(url)
        connection = _connection(parts, line)
        try:
            path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
            connection.request("POST", path, body=body, headers=headers)
            response = connection.getresponse()
            # Of what it says only so much is ever read; a receiver cannot fill our memory or our tables.
            text = response.read(4 * KEPT_CHARS).decode("utf-8", "replace").replace("\x00", "")
            if 300 <= response.status < 400:
                return said(response.status, "it answered with another address, which is not followed")
            if 200 <= response.status < 300:
                return said(response.status, "")
            return said(response.status, text[:KEPT_CHARS], _wait(response.getheader("Retry-After")))
        finally:
            connection.close()
    except Refused as refused:
        return said(None, str(refused))
    except TimeoutError:
        return said(None, "no answer in time")
    except (OSError, http.client.HTTPException, ValueError, UnicodeError) as broken:
        return said(None, f"{type(broken).__name__}: {broken}")


def _wait(text: str | None) -> int:
    """Seconds of a Retry-After header; a date, or nonsense, is no answer. At most an hour."""
    return min(3600, int(text)) if text and text.isascii() and text.isdigit() and len(text) < 8 else 0


def _connection(parts: SplitResult, line: Line) -> http.client.HTTPConnection:
    secure = parts.scheme == "https"
    host = (parts.hostname or "").encode("idna").decode()
    port = parts.port or (443 if secure else 80)
    address = resolve(host, port)
    if not secure and not _named_network(_inner(ipaddress.ip_address(address.split("%")[0]))):
        raise Refused("plain http is for allowed private networks only")
    context = ssl.create_default_context(cafile=settings.WEBHOOK_CA_FILE or None) if secure else None

    class Pinned(http.client.HTTPConnection):
        """Connects to the address that was checked, whatever its name says now."""

        default_port = 443 if secure else 80

        def connect(self) -> None:
            plain = socket.create_connection((address, port), settings.WEBHOOK_TIMEOUT_SECONDS)
            line.sockets.append(plain)
            self.sock = plain
            if context is not None:
                self.sock = context.wrap_socket(plain, server_hostname=host)
                line.sockets.append(self.sock)
            if line.cut:
                raise TimeoutError

    return Pinned(host, port, timeout=settings.WEBHOOK_TIMEOUT_SECONDS)
