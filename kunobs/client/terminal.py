"""Text of strangers made safe for a terminal: it may not move the cursor, nor look like another line."""

from __future__ import annotations

import re
import unicodedata
import zlib

# Colours and bold are harmless and common, so they are removed; all else that a terminal would act on becomes visible.
_COLOURS = re.compile(r"\x1b\[[0-9;:]{0,64}m")
_CONTROLS = re.compile(
    "[\x00-\x08\x0a-\x1f\x7f-\x9f"  # C0 but the tab, DEL, C1
    "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"  # these reorder what is shown
    "\u2028\u2029\ufeff\ufff9-\ufffb\ud800-\udfff\U000e0000-\U000e007f]"
)
_JSON_CONTROLS = re.compile(_CONTROLS.pattern.replace("\x00-\x08\x0a-\x1f", ""))

_PALETTE = (36, 32, 35, 33, 34, 96, 92, 95, 93, 94)
_LEVELS = {
    "trace": 2, "debug": 2, "warn": 33, "warning": 33, "error": 31, "err": 31, "critical": 31, "fatal": 31, "panic": 31,
}  # fmt: skip
RESET = "\x1b[0m"


def _visible(found: re.Match[str]) -> str:
    code = ord(found[0])
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def clean_line(text: str) -> str:
    """`text` as one line: colours removed, every other control character and text direction written out as `\\x1b`."""
    return _CONTROLS.sub(_visible, _COLOURS.sub("", text))


def clean_lines(text: str) -> list[str]:
    """The lines of `text`, each clean; a carriage return before a newline and empty lines at the end are dropped."""
    return [clean_line(line.removesuffix("\r")) for line in text.rstrip("\r\n").split("\n")]


def _json_escape(found: re.Match[str]) -> str:
    code = ord(found[0])
    if code < 0x10000:
        return f"\\u{code:04x}"
    return f"\\u{0xD800 + ((code - 0x10000) >> 10):04x}\\u{0xDC00 + (code & 0x3FF):04x}"


def clean_json(text: str) -> str:
    """JSON text with what a terminal would act on as `\\uXXXX`: the same value, since it can only stand in strings."""
    return _JSON_CONTROLS.sub(_json_escape, text)


def columns(text: str) -> int:
    """How many columns of a terminal `text` takes: Chinese characters take two."""
    return sum(2 if unicodedata.east_asian_width(sign) in "WF" else 1 for sign in text)


def colour_of(name: str) -> int:
    """The SGR code for a name: the same in every run."""
    return _PALETTE[zlib.crc32(name.encode("utf-8", "surrogatepass")) % len(_PALETTE)]


def colour_of_level(level: str) -> int | None:
    """The SGR code for a log level, None for one that needs no attention."""
    return _LEVELS.get(level.lower())


def paint(text: str, code: int | None) -> str:
    """`text` between the SGR `code` and a reset; unchanged without a code."""
    return text if code is None else f"\x1b[{code}m{text}{RESET}"
