"""The log files of one Kubernetes node: what containerd and the kubelet write, rotate and link below /var/log."""

from __future__ import annotations

import secrets
import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path

_PART = 16 * 1024


class Node:
    """`/var/log` of a node, laid out in a folder that stands in for it."""

    def __init__(self, var_log: Path) -> None:
        self.name = f"node-{secrets.token_hex(4)}"
        self.var_log = var_log
        self.containers: list[Container] = []
        self._now = datetime.now(UTC)
        (var_log / "containers").mkdir(parents=True)
        (var_log / "pods").mkdir()

    def run(self, namespace: str, pod: str = "", container: str = "app") -> Container:
        """Start a container in a pod of its own."""
        made = Container(self, namespace, pod or f"pod-{secrets.token_hex(4)}", container)
        self.containers.append(made)
        return made

    def time(self) -> str:
        """The next moment, later than every one before: RFC 3339 with nanoseconds, as containerd writes it."""
        self._now = max(self._now + timedelta(microseconds=7), datetime.now(UTC))
        return self._now.strftime("%Y-%m-%dT%H:%M:%S.%f") + "321Z"


class Container:
    """One container's log file, its link, and the lines that it wrote: the truth of the tests."""

    def __init__(self, node: Node, namespace: str, pod: str, name: str) -> None:
        self.node, self.namespace, self.pod, self.name = node, namespace, pod, name
        self.id = secrets.token_hex(32)
        self.uid = str(uuid.uuid4())
        self.lines: list[str] = []
        self.folder = node.var_log / "pods" / f"{namespace}_{pod}_{self.uid}" / name
        self.folder.mkdir(parents=True)
        self.file = self.folder / "0.log"
        self.path = f"/var/log/containers/{pod}_{namespace}_{name}-{self.id}.log"
        self.file.touch()
        self.link = node.var_log / "containers" / Path(self.path).name
        self.show()
        self._rotations = 0

    def show(self) -> None:
        """Make the kubelet's link; absolute, so it leads somewhere only where this folder is /var/log."""
        self.link.symlink_to(f"/var/log/pods/{self.folder.parent.name}/{self.name}/0.log")

    def hide(self) -> None:
        """Take the link away, so that an agent does not find the file."""
        self.link.unlink()

    def write(self, *messages: str, stream: str = "stdout") -> None:
        """Whole lines; long ones in parts of 16 KiB, as containerd cuts them."""
        for message in messages:
            self.append(self.rendered(message, stream))
            self.lines.append(message)

    def rendered(self, message: str, stream: str = "stdout") -> bytes:
        """The bytes that containerd writes for a line."""
        data = message.encode()
        parts = [data[at : at + _PART] for at in range(0, len(data), _PART)] or [b""]
        made = b""
        for number, part in enumerate(parts, 1):
            tag = "F" if number == len(parts) else "P"
            made += f"{self.node.time()} {stream} {tag} ".encode() + part + b"\n"
        return made

    def append(self, data: bytes) -> None:
        """Bytes as they are."""
        with self.file.open("ab") as file:
            file.write(data)

    def rotate(self) -> Path:
        """As the kubelet: rename, then the runtime opens a new file under the old name. The renamed file."""
        self._rotations += 1
        stamp = f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{self._rotations}"
        renamed = self.file.rename(self.file.with_name(f"0.log.{stamp}"))
        self.file.touch()
        return renamed

    def delete(self) -> None:
        """As the kubelet when the pod is gone: link and files, at once."""
        self.link.unlink()
        for file in self.folder.iterdir():
            file.unlink()
        self.folder.rmdir()
        self.folder.parent.rmdir()
