"""Whether a JSONPath can be read; the plain install has no reader and takes what begins with $."""

from __future__ import annotations


def problem(path: str) -> str:
    """What is wrong with it, empty when nothing is."""
    if not path.startswith("$"):
        return "is no JSONPath"
    try:
        import jsonpath_rfc9535 as jsonpath
    except ImportError:
        return ""
    try:
        jsonpath.compile(path)
    except (jsonpath.JSONPathError, RecursionError) as error:
        return f"is no JSONPath: {error}"
    return ""
