"""Who may ask: the token, the name of the host, and the page that a request comes from.

A page of another site can make a browser send requests to a server on the same machine, or give its own name the
address of that machine (DNS rebinding). So a request names a host that this server answers to, and, if it comes from a
page, one of this server.

>>> Access().check("GET", "/v1/models", {"host": "localhost:8000"}, "")
>>> Access().check("GET", "/v1/models", {"host": "e.org"}, "")
Traceback (most recent call last):
elman.serve.refusals.Refusal: (403, 'The host e.org is none that this server answers to. Add --answer-to e.org.')
"""

import hmac
import ipaddress
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from urllib.parse import parse_qs, urlsplit

from elman.errors import ConfigError
from elman.serve.refusals import Refusal

LOOPBACK = "127.0.0.1"
LEAST_TOKEN = 16  # characters

_OPEN = re.compile(r"/|/assets/[^/]+|/health|/ready|/favicon\.ico")
_NO_TOKEN = {"WWW-Authenticate": "Bearer"}
_CHARACTERS = re.compile(r"[A-Za-z0-9._~+/=-]+")


@dataclass(frozen=True)
class Access:
    """Who may ask.

    Attributes:
        token: that every request has in its header; None where none is needed.
        names: of hosts that this server answers to, besides the loopback address.
        by_address: whether it answers to any address as well, as it must where it is bound to one.
    """

    token: str | None = None
    names: Collection[str] = frozenset()
    by_address: bool = False

    def check(self, method: str, path: str, headers: Mapping[str, str], query: str) -> None:
        """Check a request.

        Raises:
            Refusal: it may not ask.
        """
        host = headers.get("host", "")
        name = name_of_host(host)
        if not self._answers_to(name):
            text = f"The host {name[:80] or '(none)'} is none that this server answers to."
            raise Refusal(403, f"{text} Add --answer-to {name[:80]}." if name else text)
        origin = headers.get("origin")
        if origin is not None and urlsplit(origin).netloc.lower() != host.lower():
            raise Refusal(403, "The request comes from the page of another site. Ask from the page of this server.")
        if headers.get("sec-fetch-site") == "cross-site" and (method != "GET" or path != "/"):
            raise Refusal(403, "The request comes from the page of another site. Ask from the page of this server.")
        if {"token", "access_token"} & parse_qs(query, keep_blank_values=True).keys():
            raise Refusal(422, "A token in the address is kept in logs. Send it as the header Authorization: Bearer.")
        if self.token is not None and not _OPEN.fullmatch(path):
            self._check_token(headers.get("authorization", ""))

    def _answers_to(self, name: str) -> bool:
        if name == "localhost" or name in self.names:
            return True
        try:
            address = ipaddress.ip_address(name)
        except ValueError:
            return False
        return address.is_loopback or self.by_address

    def _check_token(self, given: str) -> None:
        scheme, _, token = given.partition(" ")
        assert self.token is not None
        # Of two texts of different lengths compare_digest tells no more than the length of the one that is given.
        is_right = hmac.compare_digest(token.strip().encode(), self.token.encode())
        if scheme.lower() != "bearer" or not is_right:
            what = "is not the right one" if given else "is missing"
            raise Refusal(401, f"The token {what}. Send it as the header Authorization: Bearer TOKEN.", dict(_NO_TOKEN))


def choose_access(host: str, token: str | None, without_token: bool, names: Collection[str] = ()) -> Access:
    """Return who may ask a server that is bound to an address.

    Raises:
        ConfigError: others could reach it, and there is no token; or the token is short, or not fit for a header.
    """
    if token is not None and without_token:
        raise ConfigError("A token and --without-token are both given. Drop one of the two.")
    if token is not None and (len(token) < LEAST_TOKEN or not _CHARACTERS.fullmatch(token)):
        raise ConfigError(
            f"The token must have {LEAST_TOKEN} characters or more, of letters, digits and ._~+/=-. Make one: "
            "python3 -c 'import secrets; print(secrets.token_urlsafe())'"
        )
    is_loopback = _is_loopback(host)
    if not is_loopback and token is None and not without_token:
        raise ConfigError(
            f"--host {host} lets others ask this server. Give it a --token, or say --without-token if all of them may."
        )
    named = {name.lower() for name in names} | ({host.lower()} if not is_loopback else set())
    return Access(token, frozenset(named), by_address=not is_loopback)


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def name_of_host(host: str) -> str:
    """Return the name in a Host header, without its port.

    >>> name_of_host("Localhost:80"), name_of_host("[::1]:80"), name_of_host("a b")
    ('localhost', '::1', '')
    """
    found = re.fullmatch(r"(?:\[([0-9a-f:.]+)\]|([a-z0-9._-]+))(?::\d+)?", host.lower())
    return "" if found is None else found[1] or found[2]
