"""When a credential's server and an agent's are the same one (semantics.md 10)."""

from __future__ import annotations

from urllib.parse import urlsplit

_PORTS = {"http": 80, "https": 443}


def normalised(url: str) -> str:
    """Scheme and host in lower case, without the default port and the trailing slash; the rest as it is.

    Raises ValueError for what is no http(s) URL with a host.
    """
    parts = urlsplit(url.strip())
    scheme, host, port = parts.scheme.lower(), parts.hostname, parts.port
    if scheme not in _PORTS or not host:
        raise ValueError("not an http or https URL")
    host = f"[{host}]" if ":" in host else host
    address = host if port in (None, _PORTS[scheme]) else f"{host}:{port}"
    query = f"?{parts.query}" if parts.query else ""
    return f"{scheme}://{address}{parts.path.rstrip('/')}{query}"
