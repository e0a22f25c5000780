"""The canary's log file: a node's container log in all that Filebeat looks at, renamed by size as the kubelet does."""

from __future__ import annotations

import hashlib
import os
from datetime import UTC, datetime
from pathlib import Path

from kunobs.config.exporters.logs import CanaryConfig, pod_log
from kunobs.errors import ConfigError

# Renamed files that are left for a Filebeat that is behind.
KEPT = 2


class LogFile:
    """Appends lines; OSError when one could not be written, and then none of it is there. Not safe between threads."""

    def __init__(self, config: CanaryConfig) -> None:
        parts = pod_log(config.file)
        if parts is None:
            raise ConfigError(
                f"exporters.logs.canary.file: {config.file!r} is not the path of a container's log",
                hint="write /var/log/pods/NAMESPACE_POD_UID/CONTAINER/0.log",
            )
        self.namespace = parts.namespace
        self._path = Path(config.file)
        self._largest = config.rotate_size
        # The same after every start: Filebeat's partition and the line's id are made from the link's name.
        container = hashlib.sha256(f"{parts.namespace}/{parts.pod}/{parts.uid}/{parts.container}".encode()).hexdigest()
        name = f"{parts.pod}_{parts.namespace}_{parts.container}-{container}.log"
        self._link = Path(parts.root, "containers", name)
        # Relative, so that it holds wherever the node's /var/log is mounted.
        self._target = Path("..", *self._path.parts[-4:])

    def append(self, line: bytes) -> None:
        """Write one whole line, into a new file when the present one is full."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._show()
        descriptor = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o640)
        try:
            before = os.fstat(descriptor).st_size
            written = os.write(descriptor, line)
            if written < len(line):
                # A rest without its end would become one line with the next.
                os.ftruncate(descriptor, before)
                raise OSError(f"{self._path} took {written} of {len(line)} bytes")
        finally:
            os.close(descriptor)
        if before + len(line) >= self._largest:
            self._rotate()

    def _show(self) -> None:
        """The link below containers/ by which Filebeat finds the file."""
        if self._link.is_symlink() and self._link.readlink() == self._target:
            return
        self._link.parent.mkdir(parents=True, exist_ok=True)
        self._link.unlink(missing_ok=True)
        self._link.symlink_to(self._target)

    def _rotate(self) -> None:
        renamed = self._renamed()
        stamp = datetime.now(UTC).strftime("%Y%m%d-%H%M%S")
        name, number = f"{self._path.name}.{stamp}", 0
        while any(file.name == name for file in renamed):
            number += 1
            name = f"{self._path.name}.{stamp}-{number}"
        renamed.append(self._path.rename(self._path.with_name(name)))
        # At once, or the kubelet finds a link that leads nowhere and takes it away.
        self._path.touch(0o640)
        for old in renamed[:-KEPT]:
            old.unlink(missing_ok=True)

    def _renamed(self) -> list[Path]:
        """Oldest first."""
        found = self._path.parent.glob(f"{self._path.name}.2*")
        return sorted(found, key=lambda file: (file.stat().st_mtime_ns, file.name))
