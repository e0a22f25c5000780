"""The dependency rule and the layout: stated as tables, kept by reading every import."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("kunobs", "log_pipeline", "exporters", "dashboards", "alert_rules")
# Longest prefix wins. A part may import its own level-mates only below its own prefix, and everything of a lower level.
LEVELS = {
    "kunobs.cli": 3,
    "kunobs.__main__": 3,
    "kunobs.generate": 2,
    "kunobs.tenants": 2,
    "kunobs.local": 2,
    "log_pipeline": 1,
    "exporters": 1,
    "dashboards": 1,
    "alert_rules": 1,
    "kunobs.noc": 1,
    "kunobs.probes": 1,
    "kunobs.testing.noc": 2,
    "kunobs": 0,
}
CONSTRUCTORS = {
    "Consumer": "kunobs.kafka",
    "Producer": "kunobs.kafka",
    "AdminClient": "kunobs.kafka",
    "Elasticsearch": "kunobs.elastic",
}


def modules() -> Iterator[tuple[str, Path]]:
    """Every module that ships, by its dotted name."""
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            parts = path.relative_to(ROOT).with_suffix("").parts
            yield ".".join(parts[:-1] if parts[-1] == "__init__" else parts), path


def part(module: str) -> str:
    """The entry of LEVELS that a module belongs to."""
    return max((p for p in LEVELS if module == p or module.startswith(p + ".")), key=len)


def imports(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """(line, module) of every import, those inside functions too."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, alias.name
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"line {node.lineno}: imports are absolute"
            for alias in node.names:
                yield node.lineno, f"{node.module}.{alias.name}"


def violation(module: str, imported: str) -> str:
    """Why `module` may not import `imported`; empty when it may."""
    if imported.split(".")[0] not in PACKAGES:
        return ""
    importer, target = part(module), part(imported)
    if (
        importer == target
        or {importer, target} == {"kunobs.__main__", "kunobs.cli"}
        or LEVELS[target] < LEVELS[importer]
    ):
        return ""
    return f"{importer} must not import {target}"


def test_imports_only_go_down() -> None:
    """cli → generate, tenants, local → the parts → core; the offending line is named."""
    found = []
    for module, path in modules():
        for line, imported in imports(ast.parse(path.read_text())):
            problem = violation(module, imported)
            if problem:
                found.append(f"{path.relative_to(ROOT)}:{line}: {problem} ({imported})")
    assert not found, "\n".join(found)


@pytest.mark.parametrize(
    ("module", "imported", "allowed"),
    [
        ("kunobs.config.load", "log_pipeline.route", False),
        ("log_pipeline.route", "kunobs.names", True),
        ("exporters.kafka", "log_pipeline.route", False),
        ("kunobs.local.stack", "log_pipeline.route", True),
        ("kunobs.cli", "kunobs.local.commands", True),
        ("kunobs.local.stack", "kunobs.tenants.watch", False),
        ("kunobs.client.tail", "kunobs.local.stack", False),
        ("dashboards", "requests", True),
    ],
)
def test_the_rule_itself(module: str, imported: str, allowed: bool) -> None:
    """The table says what the design says."""
    assert (violation(module, imported) == "") is allowed


def test_clients_are_constructed_in_one_place() -> None:
    """Only kunobs/kafka.py calls Consumer, Producer and AdminClient, only kunobs/elastic.py calls Elasticsearch."""
    found = []
    for module, path in modules():
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                home = CONSTRUCTORS.get(node.func.id)
                if home is not None and module != home:
                    found.append(
                        f"{path.relative_to(ROOT)}:{node.lineno}: {node.func.id} is constructed in {home} only"
                    )
    assert not found, "\n".join(found)


def test_every_file_says_what_it_is_for() -> None:
    """The first statement of each module is a docstring; every package is typed and not a namespace."""
    for _, path in modules():
        assert ast.get_docstring(ast.parse(path.read_text())), f"{path.relative_to(ROOT)} does not say what it is for"
    for package in PACKAGES:
        assert (ROOT / package / "py.typed").exists()
        for folder in {path.parent for path in (ROOT / package).rglob("*.py")}:
            assert (folder / "__init__.py").exists(), f"{folder.relative_to(ROOT)} is no package"


def test_no_other_python_ships() -> None:
    """Nothing else at the top level holds Python that ships."""
    allowed = {*PACKAGES, "tests", "benchmarks", "tools", "docs", "deploy"}
    homes = {path.relative_to(ROOT).parts[0] for path in ROOT.glob("[!.]*/**/*.py") if "build" not in path.parts}
    assert homes <= allowed, homes - allowed


def test_files_and_functions_stay_small() -> None:
    """No file that ships is over 400 lines, no function over 60."""
    for _, path in modules():
        source = path.read_text()
        assert source.count("\n") <= 400, f"{path.relative_to(ROOT)} has {source.count(chr(10))} lines"
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                size = (node.end_lineno or 0) - node.lineno + 1
                assert size <= 60, f"{path.relative_to(ROOT)}:{node.lineno}: {node.name} has {size} lines"


def test_no_registry_host_in_the_tree() -> None:
    """No file names a package registry's host: mirrors and proxies are the user's own."""
    hosts = (
        "pypi" + ".org",
        "pythonhosted" + ".org",
        "repo1.maven" + ".org",
        "repo.maven" + ".apache.org",
        "proxy.golang" + ".org",
    )
    found = []
    for path in ROOT.rglob("*"):
        hidden = any((p.startswith(".") and p != ".ci") or p in {"build", "dist"} for p in path.relative_to(ROOT).parts)
        if hidden or not path.is_file() or path.stat().st_size > 2_000_000:
            continue
        text = path.read_text(errors="ignore")
        found += [f"{path.relative_to(ROOT)}: {host}" for host in hosts if host in text]
    assert not found, "\n".join(found)
