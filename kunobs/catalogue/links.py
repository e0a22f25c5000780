"""Where alerts and panels lead beside runbooks: a search for the logs of a namespace."""

from __future__ import annotations

from kunobs.errors import UsageError

NAMESPACE = "{namespace}"


def log_search(address: str) -> str:
    """The address as it was given; UsageError when it is none, or has no place for the namespace. Empty is none."""
    if address and (not address.startswith(("http://", "https://")) or NAMESPACE not in address):
        raise UsageError(
            "--logs is no address with {namespace} in it", hint="--logs 'https://kibana.example.com/?q={namespace}'"
        )
    return address
