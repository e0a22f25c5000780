"""Texts of the `noc:` section that have a shape: names, addresses of people, places on the web."""

from __future__ import annotations

import re
from typing import Annotated
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from pydantic import AfterValidator

from kunobs.config.base import Text, wrong

_NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_-]{0,62}")


def _label(name: str) -> str:
    if name and not _NAME.fullmatch(name):
        raise wrong(name, "is no name", "letters, digits, _ - and at most 63, as in ops-robot")
    return name


def _host(name: str) -> str:
    if name and not re.fullmatch(r"[a-zA-Z0-9:][a-zA-Z0-9.:-]{0,252}", name):
        raise wrong(name, "is no host name", "write mail.example.com, without a port")
    return name


def _mail(address: str) -> str:
    atoms = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]{1,64}"
    if address and (not re.fullmatch(rf"{atoms}@[a-zA-Z0-9.-]{{1,190}}", address) or ".." in address):
        raise wrong(address, "is no mail address", "write name@example.com")
    return address


def _userid(name: str) -> str:
    # `@all` would page the whole company.
    if name and not re.fullmatch(r"[0-9A-Za-z][0-9A-Za-z_.@-]{0,63}", name):
        raise wrong(name, "is no userid of WeCom", "letters, digits, _ - . @ and at most 64, as in zhangsan")
    return name


def _phone(number: str) -> str:
    if number and not re.fullmatch(r"\+[1-9][0-9]{6,14}", number):
        digits = re.sub(r"[^0-9]", "", number)
        raise wrong(
            number, "is no phone number", f"write it with + and the country, as in +86{digits or '13800000000'}"
        )
    return number


def _http(url: str) -> str:
    try:
        parts = urlsplit(url)
        sound = not url or (parts.scheme in ("http", "https") and parts.hostname and parts.port != 0)
    except ValueError:
        sound = False
    if not sound or re.search(r"\s", url):
        raise wrong(None, "is not a URL", "write https://host/path")
    if "@" in urlsplit(url).netloc:
        raise wrong(None, "holds a user or a password", "a URL is printed")
    return url.rstrip("/")


def _zone(name: str) -> str:
    try:
        if name:
            ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise wrong(name, "is no time zone", "write a name of the tz database, as in Asia/Shanghai") from None
    return name


_TARGETS = ("person", "team", "schedule", "channel")


def _target(text: str) -> str:
    kind, colon, name = text.partition(":")
    if kind not in _TARGETS or not colon or not _NAME.fullmatch(name):
        raise wrong(text, "names nobody", "write person:li, team:db, schedule:platform or channel:ops-robot")
    return text


Label = Annotated[Text, AfterValidator(_label)]
MailAddress = Annotated[Text, AfterValidator(_mail)]
Host = Annotated[Text, AfterValidator(_host)]
WecomUser = Annotated[Text, AfterValidator(_userid)]
PhoneNumber = Annotated[Text, AfterValidator(_phone)]
HttpUrl = Annotated[Text, AfterValidator(_http)]
Target = Annotated[Text, AfterValidator(_target)]
TimeZone = Annotated[Text, AfterValidator(_zone)]
