"""Writes the `kunobs.yaml` with which every process finds the local stack."""

from __future__ import annotations

import io
from pathlib import Path

from ruamel.yaml import YAML

from kunobs.errors import UsageError
from kunobs.local.files import write_private
from kunobs.local.kafka_properties import ADMIN

_HEADER = "# Written by `kunobs local up`, which overwrites it: copy it before you change it.\n"


def write_config(file: Path, *, public: str, tenant: str, password_file: Path, elasticsearch: str, topic: str) -> None:
    """Write the configuration of a stack to `file`, readable by its owner only."""
    values = {
        "version": 1,
        "kafka": {
            "public": {"brokers": [public]},
            "tenant": {
                "brokers": [tenant],
                "sasl": {"mechanism": "SCRAM-SHA-256", "username": ADMIN, "password_file": str(password_file)},
            },
        },
        "elasticsearch": {"urls": [elasticsearch]},
        "source": {"topics": [topic]},
        "topics": {"replication": 1},
        # One node holds no second copy of an index.
        "indexer": {"index": {"replicas": 0}},
    }
    out = io.StringIO()
    YAML().dump(values, out)
    write_private(file, _HEADER + out.getvalue())


def copy_config(source: Path, target: Path) -> None:
    """Write the stack's configuration to a place the user chose, never over a file that somebody else wrote."""
    if target.is_dir():
        target = target / "kunobs.yaml"
    if target.exists() and not target.read_text().startswith(_HEADER):
        raise UsageError(f"{target} exists and was not written by kunobs local", hint=f"mv {target} {target}.old")
    try:
        write_private(target, source.read_text())
    except OSError as error:
        raise UsageError(
            f"cannot write {target}: {error.strerror}", hint="--config /another/path/kunobs.yaml"
        ) from error
