"""An application as WeCom runs it: tokens, messages to members, cards and their updates (documents 91039, 90236, 90454, 94888)."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from kunobs.clock import Clock
from kunobs.testing.wecom_cards import check_card, shown
from kunobs.testing.wecom_rules import Gate, Received, Refused, Window, content, json_object

TOKEN_SECONDS = 7200
CODE_SECONDS = 72 * 3600
_LARGEST = 2048
_PER_CORP = 10_000
_CARDS = ("text_notice", "news_notice", "button_interaction")
_WRONG_LOGINS = 2000


@dataclass
class Card:
    """A card on people's phones; `state` is what its buttons were replaced by."""

    task_id: str
    people: tuple[str, ...]
    keys: tuple[str, ...]
    state: str = ""


@dataclass
class _Code:
    card: Card
    until: float
    used: bool = False


class App:
    """One application of one company. `users` are the members who may see it; `closed` switches it off."""

    def __init__(self, corp_id: str, secret: str, agent_id: int, users: Collection[str], clock: Clock) -> None:
        self.corp_id, self.secret, self.agent_id, self.users = corp_id, secret, agent_id, set(users)
        self.closed = False
        self.callback = True
        self.cards: dict[str, Card] = {}
        self.discarded: list[Received] = []
        self._clock = clock
        self._number = 0
        self._token, self._token_until = "", 0.0
        self._old_tokens: set[str] = set()
        self._codes: dict[str, _Code] = {}
        self._seen: dict[bytes, tuple[float, str]] = {}
        self._members: dict[str, tuple[Window, Window]] = {}
        self._logins = Gate(_WRONG_LOGINS, 3600, clock)
        self._calls: dict[str, Gate] = {}

    # Tokens

    def login(self, query: dict[str, str]) -> dict[str, Any]:
        """The same token for as long as it is good; always said to be good for 7,200 s, so that a client finds it too old early."""
        self._logins.check()
        for name, errcode in (("corpid", 41002), ("corpsecret", 41004)):
            if not query.get(name):
                self._logins.take()
                raise Refused(errcode, f"{name} missing")
        for name, right, errcode in (("corpid", self.corp_id, 40013), ("corpsecret", self.secret, 40001)):
            if query[name] != right:
                self._logins.take()
                raise Refused(errcode, f"invalid {name}")
        if not self._token or self._clock.monotonic() >= self._token_until:
            self.revoke()
            self._token = f"token-{self._next()}"
            self._token_until = self._clock.monotonic() + TOKEN_SECONDS
        return {"access_token": self._token, "expires_in": TOKEN_SECONDS}

    def revoke(self) -> None:
        """The token is taken no more, as WeCom may do at any time."""
        if self._token and self._clock.monotonic() >= self._token_until:
            self._old_tokens.add(self._token)
        self._token = ""

    def admit(self, path: str, query: dict[str, str]) -> None:
        """Raises Refused for a token that is wrong or too old, and for a company's 10,001st call of an interface in a minute."""
        gate = self._calls.setdefault(path, Gate(_PER_CORP, 60, self._clock))
        gate.check()
        gate.take()
        token = query.get("access_token")
        if not token:
            raise Refused(41001, "access_token missing")
        expired = token == self._token and self._clock.monotonic() >= self._token_until
        if expired or token in self._old_tokens:
            raise Refused(42001, "access_token expired")
        if token != self._token:
            raise Refused(40014, "invalid access_token")

    # Messages

    def send(self, body: bytes) -> tuple[dict[str, Any], list[Received]]:
        """The answer, and what members see; a member's 31st in a minute is dropped and the answer says nothing of it."""
        request = json_object(body)
        self._check_agent(request)
        people, answer = self._people(request)
        kind, text = self._message(request)
        if (again := self._again(request, body)) is not None:
            return answer | {"msgid": again}, []
        task_id = self._task_id(request) if kind == "template_card" else ""
        msgid = f"msg-{self._next()}"
        if request.get("enable_duplicate_check") == 1:
            self._seen[body] = self._clock.monotonic(), msgid
        seen = [Received(person, kind, text, self._clock.now(), task_id=task_id) for person in people]
        delivered = [each for each in seen if self._deliver(each)]
        answer["msgid"] = msgid
        if task_id:
            answer |= self._put(request["template_card"], people)
        return answer, delivered

    def update(self, body: bytes) -> Card:
        """The card with its new state; a response_code is good once, for 72 hours."""
        request = json_object(body)
        self._check_agent(request)
        button = request.get("button")
        text = button.get("replace_name") if isinstance(button, dict) else None
        if not isinstance(text, str) or not text:
            raise Refused(40063, "button.replace_name is empty")
        code = self._codes.get(str(request.get("response_code")))
        if code is None or self._clock.monotonic() >= code.until:
            raise Refused(40058, "invalid response_code")
        if code.used:
            raise Refused(42022, "code has been used")
        code.used, code.card.state = True, text
        return code.card

    def about(self, query: dict[str, str]) -> dict[str, Any]:
        """The application itself."""
        if query.get("agentid") != str(self.agent_id):
            raise Refused(301002, "not allow operate another agent with this accesstoken")
        return {"agentid": self.agent_id, "name": "NOC", "close": int(self.closed)}

    def member(self, query: dict[str, str]) -> dict[str, Any]:
        """A member; 60111 for none."""
        if query.get("userid", "").lower() not in self._lower():
            raise Refused(60111, "userid not found")
        return {"userid": query["userid"], "status": 1}

    def new_code(self, card: Card) -> str:
        """One that updates `card`."""
        code = f"code-{self._next()}"
        self._codes[code] = _Code(card, self._clock.monotonic() + CODE_SECONDS)
        return code

    def _check_agent(self, request: dict[str, Any]) -> None:
        if request.get("agentid") != self.agent_id or isinstance(request["agentid"], bool):
            raise Refused(40056, "invalid agentid")
        if self.closed:
            raise Refused(50003, "app disabled")

    def _people(self, request: dict[str, Any]) -> tuple[tuple[str, ...], dict[str, Any]]:
        named = {name: request.get(name, "") for name in ("touser", "toparty", "totag")}
        if not all(isinstance(value, str) for value in named.values()):
            raise Refused(40058, "touser invalid Request Parameter")
        wanted = {name: [each.strip() for each in value.split("|") if each.strip()] for name, value in named.items()}
        if not any(wanted.values()):
            raise Refused(82001, "all touser & toparty & totag are empty")
        if len(wanted["touser"]) > 1000:
            raise Refused(40032, "invalid user list size")
        known = self._lower()
        everybody = wanted["touser"] == ["@all"]
        asked = list(known) if everybody else [user.lower() for user in wanted["touser"]]
        people = tuple(known[user] for user in dict.fromkeys(asked) if user in known)
        if not people:
            raise Refused(81013, "user & party & tag all invalid")
        answer = {"invaliduser": "|".join(user for user in asked if user not in known)}
        return people, answer | {"invalidparty": "|".join(wanted["toparty"]), "invalidtag": "|".join(wanted["totag"])}

    def _lower(self) -> dict[str, str]:
        return {user.lower(): user for user in self.users}

    def _message(self, request: dict[str, Any]) -> tuple[str, str]:
        kind = request.get("msgtype")
        if kind == "template_card":
            card = check_card(request.get(kind), _CARDS)
            if card["card_type"] == "button_interaction" and not self.callback:
                raise Refused(43012, "require callback url")
            return kind, shown(card)
        if kind not in ("text", "markdown"):
            raise Refused(40008, "invalid message type")
        whole = content(request, kind)
        if kind == "markdown" and len(whole.encode()) > _LARGEST:
            raise Refused(45002, "content size out of limit")
        # A text is cut by WeCom, and nobody is told.
        return kind, whole.encode()[:_LARGEST].decode(errors="ignore")

    def _again(self, request: dict[str, Any], body: bytes) -> str | None:
        """The id of the same message, if it was sent within the interval: WeCom carries it out once."""
        interval = request.get("duplicate_check_interval", 1800)
        if request.get("enable_duplicate_check", 0) not in (0, 1) or not isinstance(interval, int) or interval > 14400:
            raise Refused(40058, "duplicate_check_interval invalid Request Parameter")
        at, msgid = self._seen.get(body, (float("-inf"), ""))
        fresh = request.get("enable_duplicate_check") == 1 and self._clock.monotonic() < at + interval
        return msgid if fresh else None

    def _task_id(self, request: dict[str, Any]) -> str:
        task_id: str = request["template_card"].get("task_id", "")
        if task_id in self.cards:
            raise Refused(42014, "taskid has existed or empty or exceed max len")
        return task_id

    def _put(self, card: dict[str, Any], people: tuple[str, ...]) -> dict[str, Any]:
        keys = tuple(button["key"] for button in card.get("button_list", []) if "key" in button)
        put = self.cards[card["task_id"]] = Card(card["task_id"], people, keys)
        return {"response_code": self.new_code(put)} if keys else {}

    def _deliver(self, received: Received) -> bool:
        fresh = Window(30, 60, self._clock), Window(1000, 3600, self._clock)
        windows = self._members.setdefault(received.to, fresh)
        if not all(window.has_room() for window in windows):
            self.discarded.append(received)
            return False
        for window in windows:
            window.take()
        return True

    def _next(self) -> int:
        self._number += 1
        return self._number
