#!/usr/bin/env bash
# Installs what `python -m benchmarks.noc` compares the relay with: alerta-server into a virtual environment of its own, and
# PostgreSQL for it; and apprise for `python -m tests.noc_apprise`. The storm's Alertmanager comes from tools/install-platform.sh. What is missing is named, and skipped by the benchmark.
set -uo pipefail
here=$(cd "$(dirname "$0")" && pwd)
peers=${XDG_CACHE_HOME:-$HOME/.cache}/kunobs/peers
python=${PYTHON:-python3}
missing=()
mkdir -p "$peers"

alerta() {
  "$python" -m venv "$peers/alerta" &&
    "$peers/alerta/bin/python" -m pip install -q --disable-pip-version-check -r "$here/peers/alerta-requirements.txt"
}

apprise() {
  "$python" -m venv "$peers/apprise" &&
    "$peers/apprise/bin/python" -m pip install -q --disable-pip-version-check -r "$here/peers/apprise-requirements.txt"
}

initdb() { compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null; }

postgresql() { initdb || { bash "$here/../../tools/install-platform.sh" debian && initdb; }; }

alertmanager() { bash "$here/../../tools/install-platform.sh" prometheus_alertmanager; }

for peer in alerta apprise postgresql alertmanager; do
  echo "== $peer"
  "$peer" || missing+=("$peer")
done
[ ${#missing[@]} -eq 0 ] || { echo "not installed: ${missing[*]}" >&2; exit 1; }
