#!/usr/bin/env bash
# Installs what `python -m benchmarks.pipeline` compares kunobs with: rsyslog from Debian, sentry-arroyo into a virtual
# environment of its own, Benthos built with Go. What cannot be installed is named at the end and skipped by the benchmark.
set -uo pipefail
here=$(cd "$(dirname "$0")" && pwd)
peers=${XDG_CACHE_HOME:-$HOME/.cache}/kunobs/peers
python=${PYTHON:-python3}
root=()
[ "$(id -u)" -eq 0 ] || root=(sudo)
missing=()
mkdir -p "$peers"

rsyslog() {
  dpkg -s rsyslog-kafka rsyslog-elasticsearch >/dev/null 2>&1 && return
  "${root[@]}" apt-get update -q &&
    "${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends rsyslog rsyslog-kafka rsyslog-elasticsearch
}

# Its own environment: arroyo wants a confluent-kafka of its own choice.
arroyo() {
  "$python" -m venv "$peers/arroyo" &&
    "$peers/arroyo/bin/python" -m pip install -q -r "$here/peers/arroyo-requirements.txt"
}

# -checklinkname=0: a dependency reaches into the runtime, which Go has refused since 1.23.
benthos() {
  (cd "$here/peers/benthos" && CGO_ENABLED=0 go build -trimpath -ldflags "-s -w -checklinkname=0" -o "$peers/benthos" .)
}

for peer in rsyslog arroyo benthos; do
  echo "== $peer"
  "$peer" || missing+=("$peer")
done
[ ${#missing[@]} -eq 0 ] || { echo "not installed: ${missing[*]}" >&2; exit 1; }
