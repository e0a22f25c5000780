"""Dashboards into a Grafana and back: only what differs is saved, and what came back is compared with what was sent."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from dashboards.board import TAG
from dashboards.grafana import Grafana, RefusedError, Stored
from kunobs import __version__
from kunobs.config.base import shown

FOLDER = "kunobs"
# Before 8 a save knows no folder by its uid; heatmaps as ours came with 9.
OLDEST = 9
MESSAGE = f"kunobs {__version__}: kunobs dashboards push"
# Grafana numbers a dashboard, and counts its versions inside it (pkg/api/dashboard.go, GetDashboard).
_GRAFANAS = ("id", "version")
_SHOWN = 3


@dataclass(frozen=True)
class Verdict:
    """What became of one dashboard. `word` is created, changed, unchanged, missing, differs, refused or left."""

    uid: str
    word: str
    why: str = ""


def push(grafana: Grafana, files: Mapping[str, str], folder: str = FOLDER, *, check: bool = False) -> Iterator[Verdict]:
    """A verdict on each of `files` (name -> JSON) as it is reached, then on those `left` there; `check` only reads.

    Raises as `Grafana` does; what was saved until then stays, and the next run goes on from there.
    """
    release = grafana.release()
    if 0 < release < OLDEST:
        why = (
            f"{grafana.url} is release {release}, which would put dashboards at the top and has not all of their panels"
        )
        raise RefusedError(why, hint=f"upgrade it to Grafana {OLDEST} or newer")
    documents = [json.loads(text) for text in files.values()]
    made = False
    for sent in documents:
        stored = grafana.dashboard(sent["uid"])
        verdict = _found(sent, stored, folder, check=check)
        if verdict is None:
            # Asked for late: a run that changes nothing needs no right to make folders.
            if stored is None and not made:
                made = _folder(grafana, folder)
            verdict = _saved(grafana, sent, folder, new=stored is None)
        yield verdict
    ours = {sent["uid"] for sent in documents}
    for uid in grafana.tagged(TAG, folder):
        if uid not in ours:
            yield Verdict(uid, "left", "kunobs makes it no longer; delete it in Grafana")


def _found(sent: dict[str, Any], stored: Stored | None, folder: str, *, check: bool) -> Verdict | None:
    """The verdict where nothing is to be saved; else None."""
    uid = sent["uid"]
    if stored is None:
        return Verdict(uid, "missing") if check else None
    found = differences(sent, stored.document)
    if stored.provisioned:
        if not found:
            return Verdict(uid, "unchanged", "Grafana has it from files")
        why = f"{_told(found)}; Grafana has it from files and takes no other: kunobs generate dashboards --out THEIR-FOLDER"
        return Verdict(uid, "differs" if check else "refused", why)
    if stored.folder != folder:
        there = f"folder {shown(stored.folder)}" if stored.folder else "no folder"
        return Verdict(uid, "differs", f'it is in {there}, not in "{folder}", and was left alone: move it, or --folder')
    if not found:
        return Verdict(uid, "unchanged")
    return Verdict(uid, "differs", _told(found)) if check else None


def _folder(grafana: Grafana, folder: str) -> bool:
    if not grafana.has_folder(folder):
        grafana.make_folder(folder)
    return True


def _saved(grafana: Grafana, sent: dict[str, Any], folder: str, *, new: bool) -> Verdict:
    """Save it and read it back."""
    uid = sent["uid"]
    try:
        grafana.save(sent, folder, MESSAGE, overwrite=not new)
    except RefusedError as error:
        return Verdict(uid, "refused", f"{error} ({error.hint})" if error.hint else str(error))
    back = grafana.dashboard(uid)
    if back is None:
        return Verdict(uid, "differs", "Grafana took it, and has it not")
    found = differences(sent, back.document)
    if back.folder != folder:
        found.append(f'it is in folder {shown(back.folder)}, sent to "{folder}"')
    return Verdict(uid, "differs", _told(found)) if found else Verdict(uid, "created" if new else "changed")


def differences(sent: dict[str, Any], there: dict[str, Any]) -> list[str]:
    """Where Grafana has something else than was sent, but for what it adds itself; 1 and 1.0 are the same, 1 and true not."""
    return list(_differences(sent, {key: value for key, value in there.items() if key not in _GRAFANAS}, ""))


def _differences(sent: Any, there: Any, at: str) -> Iterator[str]:
    if isinstance(sent, dict) and isinstance(there, dict):
        for key in sorted(sent.keys() | there.keys()):
            place = f"{at}.{_name(key)}" if at else _name(key)
            if key not in there:
                yield f"{place} is gone"
            elif key not in sent:
                yield f"{place} is new: {_short(there[key])}"
            else:
                yield from _differences(sent[key], there[key], place)
    elif isinstance(sent, list) and isinstance(there, list):
        if len(sent) != len(there):
            yield f"{at} has {len(there)} entries, sent {len(sent)}"
        for number, (one, other) in enumerate(zip(sent, there, strict=False)):
            yield from _differences(one, other, f"{at}[{number}]")
    elif sent != there or isinstance(sent, bool) != isinstance(there, bool):
        yield f"{at} is {_short(there)}, sent {_short(sent)}"


def _told(found: list[str]) -> str:
    more = len(found) - _SHOWN
    return "; ".join(found[:_SHOWN]) + (f"; and {more} more" if more > 0 else "")


def _name(key: str) -> str:
    return shown(key).strip('"')


def _short(value: Any) -> str:
    """The beginning of a value: an expression may be a thousand characters, and Grafana's may be anybody's."""
    if isinstance(value, dict | list) and not value:
        return "{}" if isinstance(value, dict) else "[]"
    return "null" if value is None else shown(value)
