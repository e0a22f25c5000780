"""The page at `/`: what this process is, where its pages are and how it is configured."""

from __future__ import annotations

import html
import io
import platform
from collections.abc import Iterable, Mapping

from ruamel.yaml import YAML

from kunobs import __version__

# Everything is in the page itself.
SECURITY_POLICY = b"default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"

_STYLE = """
:root { color-scheme: light dark; --line: #8884; --ok: #1a7f37; --bad: #b35900 }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 52rem; margin: 2rem auto; padding: 0 1rem }
h1 { font-size: 1.6rem; margin: 0 } h1 + p { margin: 0 0 1.5rem; opacity: .7 }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .3rem 1.5rem }
dt { opacity: .7 } dd { margin: 0 } .ok { color: var(--ok) } .bad { color: var(--bad) }
nav a { display: inline-block; margin: 0 .5rem .5rem 0; padding: .3rem .8rem; border: 1px solid var(--line);
  border-radius: .4rem; text-decoration: none }
pre { border: 1px solid var(--line); border-radius: .4rem; padding: 1rem; overflow: auto; font-size: .85rem }
"""


def page(
    part: str, *, uptime: float, ready: str, healthy: str, paths: Iterable[str], config: Mapping[str, object]
) -> str:
    """The HTML; `config` must hold no secret, `ready` and `healthy` are reasons why not, else empty."""
    links = "".join(f'<a href="{html.escape(path)}">{html.escape(path)}</a>' for path in paths)
    title = html.escape(f"kunobs {part}")
    facts = "".join(
        f"<dt>{name}</dt><dd{style}>{html.escape(value)}</dd>"
        for name, style, value in (
            ("version", "", __version__),
            ("Python", "", platform.python_version()),
            ("uptime", "", duration(uptime)),
            ("ready", *_state(ready)),
            ("healthy", *_state(healthy)),
        )
    )
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        f'<meta name="viewport" content="width=device-width"><style>{_STYLE}</style></head>'
        f"<body><h1>{title}</h1><p>logs, metrics and alerts for a shared Kubernetes</p>"
        f"<nav>{links}</nav><dl>{facts}</dl>"
        f"<h2>Configuration</h2><pre>{html.escape(as_yaml(config))}</pre></body></html>\n"
    )


def as_yaml(config: Mapping[str, object]) -> str:
    """The configuration as YAML, keys in their order."""
    out = io.StringIO()
    writer = YAML(typ="rt", pure=True)
    writer.width = 120
    writer.dump(_plain(config), out)
    return out.getvalue()


def _plain(value: object) -> object:
    if isinstance(value, Mapping):
        return {str(key): _plain(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [_plain(inner) for inner in value]
    return value if value is None or isinstance(value, (bool, int, float, str)) else str(value)


def duration(seconds: float) -> str:
    """`3d 4h`, `4h 12m`, `12m 5s` or `5s`: the two largest units."""
    left = int(seconds)
    counts = []
    for unit, size in (("d", 86400), ("h", 3600), ("m", 60), ("s", 1)):
        count, left = divmod(left, size)
        counts.append(f"{count}{unit}")
    first = next((i for i, text in enumerate(counts) if not text.startswith("0")), len(counts) - 1)
    return " ".join(counts[first : first + 2])


def _state(reason: str) -> tuple[str, str]:
    return (' class="bad"', f"no: {reason}") if reason else (' class="ok"', "yes")
