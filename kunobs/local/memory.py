"""What a stack remembers between commands (ports, cluster ids, version), and the lock against two at once."""

from __future__ import annotations

import base64
import fcntl
import json
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path

from kunobs.clock import Clock
from kunobs.errors import LocalStackError
from kunobs.local.files import write_whole
from kunobs.local.ports import choose

PORTS = ("public", "public-controller", "tenant", "tenant-controller", "elasticsearch", "elasticsearch-transport")


@dataclass
class Memory:
    """The content of `stack.json`."""

    ports: dict[str, int] = field(default_factory=dict)
    cluster_ids: dict[str, str] = field(default_factory=dict)
    elasticsearch_version: str = ""

    @classmethod
    def load(cls, file: Path) -> Memory:
        """What `file` remembers; an empty memory when there is no file. Raises LocalStackError when it is damaged."""
        try:
            return cls(**json.loads(file.read_text()))
        except FileNotFoundError:
            return cls()
        except (ValueError, TypeError) as error:
            raise LocalStackError(
                f"{file} is damaged: {error}", hint=f"rm -r {file.parent}   # deletes the stack and its data"
            ) from error

    def save(self, file: Path) -> None:
        """Write it whole."""
        write_whole(file, json.dumps(asdict(self), indent=1) + "\n")

    def complete(self) -> None:
        """Choose what is missing: a free port for each use, and an id for each cluster."""
        for use in PORTS:
            if use not in self.ports:
                self.ports[use] = choose(self.ports.values())
        for cluster in ("public", "tenant"):
            # Kafka's own form of an id: 16 bytes in URL-safe base64 without padding.
            self.cluster_ids.setdefault(cluster, base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("="))


@contextmanager
def exclusive(folder: Path, clock: Clock, *, timeout: float = 240.0) -> Iterator[None]:
    """Hold the stack, a second command waits; LocalStackError when the first holds it more than `timeout` s."""
    folder.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    deadline = clock.monotonic() + timeout
    # Beside the folder, not in it: `down --wipe` removes the folder while others wait for the lock.
    with (folder.parent / f".{folder.name}.lock").open("w") as file:
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if clock.monotonic() >= deadline:
                    raise LocalStackError(
                        f"another command has been working on the stack {folder.name} for {timeout:.0f} s",
                        hint="ps ax | grep 'kunobs local'",
                    ) from None
                clock.sleep(0.1)
        yield
