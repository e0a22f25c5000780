"""The files of all tenants; who has not changed is not made again.

`rules/<namespace>.yaml` and `probes/<namespace>.json` are for a Prometheus that reads files, `operator/<namespace>/*.yaml` for
clusters with operators.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from functools import cache, partial
from hashlib import blake2b
from importlib import resources
from pathlib import Path
from typing import Any

from alert_rules.yaml import dump
from kunobs.config.monitoring import MonitoringConfig
from kunobs.errors import ConfigError
from kunobs.generate.tenants import boards, objects
from kunobs.generate.tenants.read import Tenant, Text, Wrong, tenant
from kunobs.generate.tenants.rules import Wanted, groups
from kunobs.generate.tenants.targets import refusals

MADE = ".kunobs-tenants"
"""What was made of which input: namespace -> {"input": digest, "files": {name: digest}}."""
# grafana-operator writes a dashboard into etcd, which takes 1.5 MiB with all around it; kubectl apply keeps a copy in an annotation
# of at most 262,144 bytes.
_LARGEST = 256 << 10
# Below it a second process costs more than it saves.
_MANY = 50
_PACKAGES = ("kunobs", "dashboards", "alert_rules")


@dataclass
class Built:
    """The files that are new, the names of those that stay as they are, and what was wrong by namespace."""

    files: dict[str, str] = field(default_factory=dict)
    kept: set[str] = field(default_factory=set)
    wrong: dict[str, list[str]] = field(default_factory=dict)
    made: int = 0


def build(
    out: Path, found: Sequence[Text], wrong: Mapping[str, list[str]], config: MonitoringConfig, wanted: Wanted
) -> Built:
    """All tenants. One whose file is wrong keeps what was last made for it."""
    built = Built(wrong=dict(wrong))
    before = _before(out)
    after: dict[str, Any] = {}
    about = _digest(f"{_program()} {config!r} {wanted!r}".encode())
    inputs = {text.namespace: _digest(f"{about} {text.path} {text.digest}".encode()) for text in found}
    changed: list[Text] = []
    for text in found:
        known = before.get(text.namespace, {})
        if known.get("input") == inputs[text.namespace] and _untouched(out, known["files"]):
            built.kept |= known["files"].keys()
            after[text.namespace] = known
        else:
            changed.append(text)
    for text, files, messages in _all(changed, config, wanted):
        if messages:
            built.wrong[text.namespace] = messages
            continue
        built.files |= files
        built.made += 1
        after[text.namespace] = {
            "input": inputs[text.namespace],
            "files": {name: _digest(content.encode()) for name, content in files.items()},
        }
    for namespace in built.wrong:
        # Last made of a file that was right; its digest is no longer that of the input, so it is made again when it is mended.
        known = before.get(namespace)
        if known is not None:
            after[namespace] = {"input": "", "files": known["files"]}
            built.kept |= {name for name in known["files"] if (out / name).exists()}
    built.files[MADE] = json.dumps(after, sort_keys=True, indent=0) + "\n"
    return built


def _all(
    changed: list[Text], config: MonitoringConfig, wanted: Wanted
) -> Iterator[tuple[Text, dict[str, str], list[str]]]:
    """(input, files, messages) of each; many are shared out among the processors."""
    work = partial(_one, config=config, wanted=wanted)
    if len(changed) < _MANY:
        results: Iterable[tuple[dict[str, str], list[str]]] = map(work, changed)
        yield from ((text, *result) for text, result in zip(changed, results, strict=True))
        return
    with ProcessPoolExecutor(min(8, os.cpu_count() or 1)) as pool:
        for text, result in zip(changed, pool.map(work, changed, chunksize=8), strict=True):
            yield text, *result


def _one(text: Text, config: MonitoringConfig, wanted: Wanted) -> tuple[dict[str, str], list[str]]:
    """Files, or why there are none."""
    try:
        return files_of(tenant(text), config, wanted), []
    except ConfigError as error:
        return {}, str(error).splitlines()
    except Wrong as error:
        return {}, error.messages


def files_of(one: Tenant, config: MonitoringConfig, wanted: Wanted) -> dict[str, str]:
    """One tenant's files by name. Wrong tells what cannot be made."""
    wrong = [
        f"{one.source.name}:{one.line(('probes', place, 'target'))}: probes[{place}].target: {problem}; {fix}"
        for place, probe in enumerate(one.file.probes)
        for problem, fix in refusals(probe, one.namespace, config.tenants.networks)
    ]
    try:
        made, promised = groups(one, wanted)
    except Wrong as error:
        wrong += error.messages
    if wrong:
        raise Wrong(wrong)
    manifests = [(_name(each), dump(each)) for each in objects.objects(one, made, config)]
    language = one.file.language
    pages = {"home": boards.home(one.namespace, language)}
    if promised:
        pages["slo"] = boards.objectives(one.namespace, language, promised)
    for page, text in pages.items():
        each = objects.dashboard(one, page, config)
        if len(text) > _LARGEST:
            raise Wrong([f"{one.source.name}: its dashboard {page} has {len(text)} bytes; have fewer objectives"])
        manifests.append((_name(each), dump(each) + _block("  json", text)))
    names = sorted(name for name, _ in manifests)
    kustomization = {"apiVersion": "kustomize.config.k8s.io/v1beta1", "kind": "Kustomization", "resources": names}
    manifests.append(("kustomization.yaml", dump(kustomization)))
    files = {f"operator/{one.namespace}/{name}": text for name, text in manifests}
    return files | {
        f"rules/{one.namespace}.yaml": dump({"groups": made}),
        f"probes/{one.namespace}.json": _probes(one),
    }


def _name(one: Mapping[str, Any]) -> str:
    return f"{one['kind'].lower()}-{one['metadata']['name'].removeprefix('kunobs-')}.yaml"


def _block(key: str, text: str) -> str:
    """A text as YAML's literal block, so that a change of it is a change of lines."""
    indent = " " * (len(key) - len(key.lstrip()) + 2)
    return f"{key}: |\n" + "".join(f"{indent}{line}\n" for line in text.splitlines())


def _probes(one: Tenant) -> str:
    """Targets for `file_sd_configs`, as the job `tenants-probes` of `kunobs generate prometheus` reads them."""
    made = [
        {
            "targets": [probe.target],
            "labels": objects.probe_labels(one, probe, family)
            | {
                "__param_module": f"{probe.module}_{family}",
                "__scrape_interval__": f"{probe.interval:g}s",
                "__scrape_timeout__": "10s",
            },
        }
        for probe in one.file.probes
        for family in probe.families
    ]
    return json.dumps(made, ensure_ascii=False, indent=1) + "\n"


def _before(out: Path) -> dict[str, Any]:
    """What an earlier run made; anything that is not of its form is as good as nothing."""
    try:
        found = json.loads((out / MADE).read_bytes())
        return {
            str(namespace): {"input": str(one["input"]), "files": {str(k): str(v) for k, v in one["files"].items()}}
            for namespace, one in found.items()
        }
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}


def _untouched(out: Path, files: Mapping[str, str]) -> bool:
    try:
        return all(_digest((out / name).read_bytes()) == digest for name, digest in files.items())
    except OSError:
        return False


def _digest(content: bytes) -> str:
    return blake2b(content, digest_size=16).hexdigest()


@cache
def _program() -> str:
    """Changes with the program that makes the files."""
    total = blake2b(digest_size=16)
    for package in _PACKAGES:
        root = Path(str(resources.files(package)))
        for path in sorted(root.rglob("*.py")):
            total.update(path.read_bytes())
    return total.hexdigest()
