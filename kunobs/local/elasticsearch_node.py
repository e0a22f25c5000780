"""Child process that is an Elasticsearch node: Python with a JVM inside (JPype), as the jars have no launcher.

Arguments: HOME VERSION LIBJVM HEAP CLASSPATH. Runs until SIGTERM. Imports nothing of kunobs.
"""

from __future__ import annotations

import signal
import sys
from pathlib import Path
from typing import Any

import jpype


def main(home: str, version: str, libjvm: str, heap: str, classpath: str) -> None:
    """Start the node, say so on standard output, and close it at SIGTERM."""
    # Blocked before the JVM makes its threads, so that only sigwait below receives them.
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGINT})
    jpype.startJVM(
        libjvm,
        f"-Xmx{heap}",
        "-Xrs",
        "-XX:+UseSerialGC",
        "-XX:TieredStopAtLevel=1",
        "-XX:-UsePerfData",
        "--enable-native-access=ALL-UNNAMED",
        "-XX:+ExitOnOutOfMemoryError",
        "-Djava.io.tmpdir=" + str(Path(home, "tmp")),
        classpath=classpath.split(":"),
        convertStrings=False,
    )
    node = build_node(home, int(version.split(".")[0]))
    node.start()
    print("kunobs-local: node started", flush=True)
    signal.sigwait({signal.SIGTERM, signal.SIGINT})
    node.close()
    print("kunobs-local: node closed", flush=True)


def build_node(home: str, major: int) -> Any:
    """The steps of Elasticsearch's own `Elasticsearch.main` that a node on the class path needs."""
    java = jpype.JClass
    java_map, java_set, path = java("java.util.Map"), java("java.util.Set"), java("java.nio.file.Path")
    settings = java("org.elasticsearch.common.settings.Settings").builder().put("path.home", home).build()

    @jpype.JImplements("java.util.function.Supplier")
    class NodeName:
        @jpype.JOverride  # type: ignore[untyped-decorator]
        def get(self) -> str:
            return "kunobs"

    preparer = java("org.elasticsearch.node.InternalSettingsPreparer")
    environment = preparer.prepareEnvironment(settings, java_map.of(), path.of(home).resolve("config"), NodeName())
    log = java("org.elasticsearch.common.logging.LogConfigurator")
    log.setNodeName("kunobs")
    log.registerErrorListener()
    log.configure(environment, True)
    loader = java("org.elasticsearch.plugins.PluginsLoader")
    modules = environment.modulesDir()
    bundles = loader.loadModulesBundles(modules, False) if major >= 9 else loader.loadModulesBundles(modules)
    plugins = loader.createPluginsLoader(bundles, java_set.of(), java_map.of(), False)
    return java("org.elasticsearch.node.Node")(environment, plugins)


if __name__ == "__main__":
    main(*sys.argv[1:])
