"""`noc.channels:` the ways to people, by kind and then by a name of your own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Literal

from pydantic import Field

from kunobs.config.base import Conflict, Section, Text, Whole
from kunobs.config.noc.texts import Host, HttpUrl, Label, MailAddress
from kunobs.config.secret import Secret
from kunobs.config.texts import ReadableFile

_WECOM = "https://qyapi.weixin.qq.com"
_WECHAT = "https://api.weixin.qq.com"


class RobotConfig(Section):
    """A WeCom group robot ("message push"): one group, no receipt, no buttons."""

    key: Secret = Field(default=Secret(), description="The robot's key. Whoever has it can write to the group.")
    key_file: ReadableFile = Field(default="", description="File that holds the key.")
    api: HttpUrl = Field(default=_WECOM, description="Where the API is; another one for a proxy or a test.")
    ca_file: ReadableFile = Field(
        default="", description="PEM file with the authorities to trust instead of the usual."
    )
    format: Literal["markdown", "markdown_v2", "text", "template_card"] = Field(
        default="markdown",
        description="How a message looks. markdown_v2 has tables but cannot mention; mentions then follow as a text.",
    )
    per_minute: Whole = Field(
        default=20, ge=1, le=20, description="Messages in a minute; WeCom takes 20 from a robot and refuses the rest."
    )
    reserve: Whole = Field(default=5, ge=0, le=19, description="Of these, how many are kept for critical messages.")

    def conflicts(self) -> Iterator[Conflict]:
        """A robot without a key, or one that may say nothing but critical things."""
        if not self.key:
            yield Conflict(("key", "key_file"), "is missing", "set key_file")
        if self.reserve >= self.per_minute:
            yield Conflict(("reserve", "per_minute"), "leaves nothing for other messages", "set less than per_minute")


class AppConfig(Section):
    """A WeCom application: one person at a time, with buttons to answer by."""

    corp_id: Text = Field(default="", description="The company's id (corpid).")
    agent_id: Whole = Field(default=0, ge=0, description="The application's AgentId.")
    secret: Secret = Field(default=Secret(), description="The application's secret.")
    secret_file: ReadableFile = Field(default="", description="File that holds the secret.")
    api: HttpUrl = Field(default=_WECOM, description="Where the API is; another one for a proxy or a test.")
    ca_file: ReadableFile = Field(
        default="", description="PEM file with the authorities to trust instead of the usual."
    )
    callback_token: Secret = Field(
        default=Secret(), description="Token of the application's callback (Receive messages)."
    )
    callback_token_file: ReadableFile = Field(default="", description="File that holds the token.")
    callback_aes_key: Secret = Field(default=Secret(), description="EncodingAESKey of the callback, 43 characters.")
    callback_aes_key_file: ReadableFile = Field(default="", description="File that holds the key.")
    per_member_minute: Whole = Field(
        default=30, ge=1, le=30, description="Messages to one member in a minute; WeCom silently drops the rest."
    )
    per_member_hour: Whole = Field(
        default=1000, ge=1, le=1000, description="Messages to one member in an hour; WeCom silently drops the rest."
    )

    def conflicts(self) -> Iterator[Conflict]:
        """An application that cannot log in, or half a callback."""
        for key in ("corp_id", "agent_id"):
            if not getattr(self, key):
                yield Conflict((key,), "is missing", "it stands on the application's page in WeCom's console")
        if not self.secret:
            yield Conflict(("secret", "secret_file"), "is missing", "set secret_file")
        if bool(self.callback_token) != bool(self.callback_aes_key):
            keys = ("callback_token", "callback_aes_key")
            one, other = keys if self.callback_token else keys[::-1]
            yield Conflict((one, f"{one}_file", other), f"needs {other} beside it", f"set {other}_file")


class WechatConfig(Section):
    """A WeChat official account (service account): template messages to followers, with delivery receipts."""

    app_id: Text = Field(default="", description="The account's AppID.")
    secret: Secret = Field(default=Secret(), description="The account's AppSecret.")
    secret_file: ReadableFile = Field(default="", description="File that holds the secret.")
    api: HttpUrl = Field(default=_WECHAT, description="Where the API is; another one for a proxy or a test.")
    ca_file: ReadableFile = Field(
        default="", description="PEM file with the authorities to trust instead of the usual."
    )
    template_id: Text = Field(default="", description="The template of the account to fill.")
    fields: Mapping[Text, Text] = Field(
        default={},
        description="The template's fields, as in {thing1: title, time2: time, const3: severity}: values are "
        "title, text, severity, tenant, time, incident or a text of your own.",
    )
    callback_token: Secret = Field(default=Secret(), description="Token of the account's server configuration.")
    callback_token_file: ReadableFile = Field(default="", description="File that holds the token.")
    callback_aes_key: Secret = Field(default=Secret(), description="EncodingAESKey, when messages come encrypted.")
    callback_aes_key_file: ReadableFile = Field(default="", description="File that holds the key.")
    per_day: Whole = Field(default=100_000, ge=1, description="Template messages in a day; the account's own quota.")

    def conflicts(self) -> Iterator[Conflict]:
        """An account that cannot log in, a template without fields."""
        for key in ("app_id", "template_id"):
            if not getattr(self, key):
                yield Conflict((key,), "is missing", "it stands in the account's console")
        if not self.secret:
            yield Conflict(("secret", "secret_file"), "is missing", "set secret_file")
        if not self.fields:
            yield Conflict(("fields",), "is empty, so the message would be", "write {thing1: title}")


class Smarthost(Section):
    """A mail server that takes our mail."""

    host: Host = Field(default="", description="Its name.")
    port: Whole = Field(default=587, ge=1, le=65535, description="587 for STARTTLS, 465 for TLS from the start.")
    tls: Literal["starttls", "tls", "none"] = Field(
        default="starttls", description="`none` sends passwords and alerts as they are: for a server on this machine."
    )
    ca_file: ReadableFile = Field(
        default="", description="PEM file with the authorities to trust instead of the usual."
    )
    username: Text = Field(default="", description="The user; empty for none.")
    password: Secret = Field(default=Secret(), description="The user's password.")
    password_file: ReadableFile = Field(default="", description="File that holds the password.")

    def conflicts(self) -> Iterator[Conflict]:
        """Half a login."""
        if self.username and not self.password:
            yield Conflict(("username", "password", "password_file"), "needs a password", "set password_file")


class MailConfig(Section):
    """Mail, by one server or a second one."""

    sender: MailAddress = Field(default="", description="The From address.")
    smarthosts: tuple[Smarthost, ...] = Field(
        default=(), description="Mail servers; the second is asked where the first does not answer."
    )
    per_minute: Whole = Field(default=60, ge=1, description="Mails in a minute over all recipients.")

    def conflicts(self) -> Iterator[Conflict]:
        """Nobody to send from or by."""
        if not self.sender:
            yield Conflict(("sender",), "is missing", "write noc@example.com")
        if not self.smarthosts:
            yield Conflict(("smarthosts",), "is empty", "name at least one")
        for number, host in enumerate(self.smarthosts):
            if not host.host:
                yield Conflict((f"smarthosts.{number}.host",), "is missing", "name the mail server")


class PhoneConfig(Section):
    """Calls by an HTTP gateway; docs/phone.md says what it must answer."""

    url: HttpUrl = Field(default="", description="Where a call is asked for, by POST.")
    ca_file: ReadableFile = Field(
        default="", description="PEM file with the authorities to trust instead of the usual."
    )
    hmac_secret: Secret = Field(default=Secret(), description="Signs what we ask and what the gateway reports.")
    hmac_secret_file: ReadableFile = Field(default="", description="File that holds it.")
    callee_minute: Whole = Field(default=1, ge=1, description="Calls to one person in a minute.")
    callee_hour: Whole = Field(default=5, ge=1, description="Calls to one person in an hour; carriers block more.")
    callee_day: Whole = Field(default=20, ge=1, description="Calls to one person in a day.")

    def conflicts(self) -> Iterator[Conflict]:
        """No gateway, or one that anybody could speak for."""
        if not self.url:
            yield Conflict(("url",), "is missing", "write https://gateway.example.com/call")
        if not self.hmac_secret:
            yield Conflict(("hmac_secret", "hmac_secret_file"), "is missing", "set hmac_secret_file")


class WebhookConfig(Section):
    """Any other system: a JSON object by POST, signed when there is a secret."""

    url: HttpUrl = Field(default="", description="Where it is posted.")
    ca_file: ReadableFile = Field(
        default="", description="PEM file with the authorities to trust instead of the usual."
    )
    hmac_secret: Secret = Field(default=Secret(), description="Signs the body.")
    hmac_secret_file: ReadableFile = Field(default="", description="File that holds it.")
    per_minute: Whole = Field(default=600, ge=1, description="Posts in a minute.")

    def conflicts(self) -> Iterator[Conflict]:
        """Nowhere to post."""
        if not self.url:
            yield Conflict(("url",), "is missing", "write https://tickets.example.com/hook")


class ChannelsConfig(Section):
    """The ways to people: a kind, then names of your own that people, ladders and routes use."""

    wecom_robot: Mapping[Label, RobotConfig] = Field(default={}, description="WeCom group robots.")
    wecom_app: Mapping[Label, AppConfig] = Field(default={}, description="WeCom applications.")
    wechat: Mapping[Label, WechatConfig] = Field(default={}, description="WeChat official accounts.")
    mail: Mapping[Label, MailConfig] = Field(default={}, description="Mail, by SMTP.")
    phone: Mapping[Label, PhoneConfig] = Field(default={}, description="Phone gateways.")
    webhook: Mapping[Label, WebhookConfig] = Field(default={}, description="Webhooks of other systems.")

    def conflicts(self) -> Iterator[Conflict]:
        """One name for two channels."""
        seen: dict[str, str] = {"board": "the board itself"}
        for kind in type(self).model_fields:
            for name in getattr(self, kind):
                if name in seen:
                    yield Conflict((f"{kind}.{name}",), f"is the name of {seen[name]} too", "give it another name")
                seen[name] = f"channels.{kind}.{name}"
