"""Development command `python -m kunobs.local.lock`: resolves with jgo, hashes, and rewrites locks/*.lock."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from jgo.maven import MavenContext

from kunobs.local.lockfile import sha256_of

# program, version -> place -> root coordinates. A module leaves out what `lib` already has.
PROGRAMS: dict[tuple[str, str], dict[str, list[str]]] = {
    ("kafka", "4.2.2"): {
        "lib": ["org.apache.kafka:kafka_2.13:4.2.2", "org.apache.logging.log4j:log4j-slf4j-impl:2.25.4"],
    },
} | {
    ("elasticsearch", version): {
        "lib": [f"org.elasticsearch:elasticsearch:{version}"],
        "modules/transport-netty4": [f"org.elasticsearch.plugin:transport-netty4:{version}"],
    }
    for version in ("9.5.3", "8.19.21")
}
LICENCES = {
    "kafka": "Apache License 2.0",
    "elasticsearch": "AGPL v3, SSPL 1 or Elastic License 2.0, at your choice",
}


def resolve(roots: list[str], context: MavenContext) -> dict[str, Path]:
    """Coordinates of the runtime dependencies of `roots`, each with its downloaded jar."""
    dependencies = [context.create_dependency(root) for root in roots]
    for dependency in dependencies:
        # Otherwise jgo imports each root as a BOM, and log4j's parent then turns kafka-clients 4.2.2 into 3.9.1.
        dependency.raw = True
    inputs, transitive = context.resolver.resolve(dependencies)
    jars = {}
    for dependency in [*inputs, *transitive]:
        if dependency.type != "jar" or dependency.classifier:
            raise SystemExit(f"{dependency}: only plain jars are supported by the lock's format")
        jars[f"{dependency.groupId}:{dependency.artifactId}:{dependency.version}"] = dependency.artifact.resolve()
    return jars


def render(program: str, version: str, places: dict[str, list[str]], context: MavenContext) -> str:
    """The text of one lock file."""
    lines = [
        f"# The jars of {program} {version}: PLACE COORDINATE SIZE SHA-256. Written by: python -m kunobs.local.lock",
        f"# licence: {LICENCES[program]}",
    ]
    in_lib: set[str] = set()
    for place, roots in places.items():
        jars = resolve(roots, context)
        names = {coordinate.rsplit(":", 1)[0] for coordinate in jars}
        for coordinate in sorted(jars):
            if place != "lib" and coordinate.rsplit(":", 1)[0] in in_lib:
                continue
            jar = jars[coordinate]
            lines.append(f"{place} {coordinate} {jar.stat().st_size} sha256:{sha256_of(jar)}")
        if place == "lib":
            in_lib = names
    return "\n".join(lines) + "\n"


def main() -> None:
    """Rewrite every lock file, and say which changed."""
    folder = Path(__file__).with_name("locks")
    with tempfile.TemporaryDirectory() as repository:
        context = MavenContext(repo_cache=Path(repository), timeout=30)
        for (program, version), places in PROGRAMS.items():
            file = folder / f"{program}-{version}.lock"
            text = render(program, version, places, context)
            changed = not file.exists() or file.read_text() != text
            file.write_text(text)
            print(f"{file.name}: {'changed' if changed else 'unchanged'}", file=sys.stderr)


if __name__ == "__main__":
    main()
