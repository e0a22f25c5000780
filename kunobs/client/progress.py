"""How far each partition is: what was handled, what is committed, and which lines were seen before; pure."""

from __future__ import annotations

from dataclasses import dataclass, field


class Seen:
    """The identities of the last `limit` lines and their offsets; forgets the oldest first."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._known: dict[bytes, int] = {}

    def add(self, identity: bytes, offset: int) -> bool:
        """Remember `identity`; False when it is remembered already."""
        if identity in self._known:
            return False
        if self._limit > 0:
            if len(self._known) >= self._limit:
                del self._known[next(iter(self._known))]
            self._known[identity] = offset
        return True

    def forget_from(self, offset: int) -> None:
        """Keep only what lies before `offset`."""
        self._known = {identity: at for identity, at in self._known.items() if at < offset}


@dataclass
class Part:
    """One partition while it is ours. Offsets are those of the next event, as Kafka counts."""

    begin: int
    """Events before this one are only looked at, to know what was delivered before."""
    seen: Seen
    committed: int = -1
    """What the broker has confirmed; -1 when nothing."""
    sent: int = -1
    """What was sent to be committed last."""
    handled: int = field(init=False)
    read: int = field(init=False)
    """What was taken from Kafka, handled or not."""
    at_end: bool = False

    def __post_init__(self) -> None:
        self.handled = self.read = self.begin
        self.sent = self.committed


class Progress:
    """The partitions that are ours now, and the events that the program was given but has not finished."""

    def __init__(self) -> None:
        self.parts: dict[int, Part] = {}
        self._open: dict[int, int] = {}
        self._stored: dict[int, int] = {}
        """What the broker has confirmed of partitions that may be another's by now."""

    def give(self, partition: int, following: int) -> None:
        """The program gets what lies before offset `following`; final with the next `settle`."""
        self._open[partition] = following

    def pass_over(self, partition: int, following: int) -> None:
        """Nothing is left to do before offset `following` but what the program was given already."""
        if partition in self._open:
            self._open[partition] = max(self._open[partition], following)
        elif (part := self.parts.get(partition)) is not None:
            part.handled = max(part.handled, following)

    def settle(self) -> None:
        """Everything given so far is handled."""
        for partition, following in self._open.items():
            part = self.parts.get(partition)
            if part is not None:
                part.handled = max(part.handled, following)
        self._open.clear()

    def abandon(self) -> None:
        """What was given and not settled stays unhandled."""
        self._open.clear()

    def drop(self, partition: int) -> Seen | None:
        """The partition is another's now; which of its lines are handled stays true should it come back."""
        self._open.pop(partition, None)
        part = self.parts.pop(partition, None)
        if part is None:
            return None
        part.seen.forget_from(part.handled)
        return part.seen

    def unsent(self) -> dict[int, int]:
        """Partition -> offset for what was handled and never sent to be committed."""
        return {number: part.handled for number, part in self.parts.items() if part.handled > part.sent}

    def unconfirmed(self, among: set[int] | None = None) -> dict[int, int]:
        """Partition -> offset for what was handled and is not known to be committed."""
        return {
            number: part.handled
            for number, part in self.parts.items()
            if part.handled > part.committed and (among is None or number in among)
        }

    def sent(self, offsets: dict[int, int]) -> None:
        """These offsets are on their way."""
        for number, offset in offsets.items():
            self.parts[number].sent = offset

    def confirmed(self, partition: int, offset: int) -> None:
        """The broker has stored this offset."""
        self._stored[partition] = offset
        part = self.parts.get(partition)
        if part is not None:
            part.committed = max(part.committed, offset)

    def are_confirmed(self, offsets: dict[int, int]) -> bool:
        """True when the broker has stored all of these, or more."""
        return all(
            (part.committed if (part := self.parts.get(number)) else self._stored.get(number, -1)) >= offset
            for number, offset in offsets.items()
        )

    def refused(self, partition: int) -> None:
        """The broker did not store what was sent; it is sent again with the next commit."""
        part = self.parts.get(partition)
        if part is not None:
            part.sent = part.committed
