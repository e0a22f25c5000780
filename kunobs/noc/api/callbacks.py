"""`/callback/{channel}`: what providers tell us later. Anybody can post here, so a stranger learns nothing, and the log says why.

A report about a message that is not known yet is 503, because it can overtake the answer to our own request: the provider repeats it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import NoReturn
from urllib.parse import parse_qsl

from kunobs.config.noc.channels import AppConfig, WechatConfig
from kunobs.errors import ConfigError
from kunobs.log import get_logger, repeated
from kunobs.noc.accept.refusal import Refusal
from kunobs.noc.channels.phone import Phone
from kunobs.noc.channels.signing import HEADER
from kunobs.noc.channels.wechat_callback import WechatCallback
from kunobs.noc.channels.wecom_callback import LARGEST, CallbackReader
from kunobs.noc.ingest import read_body
from kunobs.noc.notify.contract import Event
from kunobs.noc.problem import problem
from kunobs.noc.relay import Relay
from kunobs.noc.store.port import StoreUnavailable
from kunobs.server.asgi import App, Receive, Scope, Send, respond, text_header

PATH = "/callback/"
_MOST_PARAMETERS = 20
_WORDS = {404: "nothing is here", 405: "this method is not known here", 413: "the body is too large"}
_log = get_logger("noc.callbacks")


def build_callbacks(relay: Relay) -> App:
    """An ASGI app at `/callback/`."""

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        name = scope["path"].removeprefix(PATH)
        try:
            said = await _take(relay, name, scope, receive)
        except Refusal as refusal:
            if refusal.status != 404:
                reason = {"channel": name[:63], "reason": str(refusal), "hint": refusal.hint}
                repeated(_log, f"callback {name[:63]}", "a callback is refused", **reason)
            await problem(send, refusal.status, _WORDS.get(refusal.status, "this callback is not accepted"))
        except StoreUnavailable as trouble:
            await problem(send, 503, f"not now: {trouble.kind}")
        else:
            await respond(send, 200, said)

    return answer


async def _take(relay: Relay, name: str, scope: Scope, receive: Receive) -> str:
    config, channel = relay.policy.config.channels, relay.policy.channels.get(name)
    method = scope["method"]
    if name in config.wecom_app and config.wecom_app[name].callback_token:
        return await _wecom(relay, name, config.wecom_app[name], scope, receive)
    if name in config.wechat and config.wechat[name].callback_token:
        return await _wechat(relay, name, config.wechat[name], scope, receive)
    if isinstance(channel, Phone):
        if method != "POST":
            _wrong_method(method)
        body = await read_body(scope, receive, LARGEST)
        signature = text_header(scope, HEADER.lower().encode())
        return await _told(relay, name, channel.read_report(body, signature, relay.clock.now()), "")
    raise Refusal(404, "no channel of that name has a callback")


async def _wecom(relay: Relay, name: str, config: AppConfig, scope: Scope, receive: Receive) -> str:
    try:
        reader = CallbackReader(config.callback_token, config.callback_aes_key, config.corp_id)
    except ConfigError as error:
        raise Refusal(403, str(error), hint=error.hint) from error
    params = _parameters(scope)
    if scope["method"] == "GET":
        return reader.verify(params)
    if scope["method"] != "POST":
        _wrong_method(scope["method"])
    return await _told(relay, name, reader.read(params, await read_body(scope, receive, LARGEST)), "")


async def _wechat(relay: Relay, name: str, config: WechatConfig, scope: Scope, receive: Receive) -> str:
    reader, params, now = WechatCallback(config), _parameters(scope), relay.clock.now()
    if scope["method"] == "GET":
        return reader.verify(params, now)
    if scope["method"] != "POST":
        _wrong_method(scope["method"])
    return await _told(relay, name, reader.read(params, await read_body(scope, receive, LARGEST), now), "success")


async def _told(relay: Relay, name: str, event: Event | None, said: str) -> str:
    """Keep it; `said` is what the provider wants to hear. Raises StoreUnavailable where the provider is to say it again."""
    if event is not None and await asyncio.wrap_future(relay.event(name, event)) == "unknown":
        raise StoreUnavailable("unknown", "a report about a message that is not known yet")
    return said


def _parameters(scope: Scope) -> Mapping[str, str]:
    text = scope["query_string"].decode("latin-1")
    try:
        return dict(parse_qsl(text, keep_blank_values=True, errors="replace", max_num_fields=_MOST_PARAMETERS))
    except ValueError:
        raise Refusal(400, f"there are more than {_MOST_PARAMETERS} parameters") from None


def _wrong_method(method: str) -> NoReturn:
    raise Refusal(405, f"{method[:20]} is not known here")
