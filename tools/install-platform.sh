#!/usr/bin/env bash
# Installs what the platform tests run: builds pinned tools into the cache and skips those that are there. Arguments: tools (default: all).
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
tools=${XDG_CACHE_HOME:-$HOME/.cache}/kunobs/tools

# One function per tool; what go_tool builds is described in the folder of its name beside this file.
ALL=(debian filebeat prometheus_alertmanager alertmanager docker_registry prometheus prometheus_newest victoria_metrics rule_corpus kubernetes_schemas)
debian() { packages kcat postgresql chromium redis-tools; }
filebeat() { go_tool filebeat 7.17.28 github.com/elastic/beats/v7/filebeat; }
docker_registry() { deb docker-registry 2.8.2+ds1; }
prometheus() { deb prometheus 2.42.0+ds; }
# Without the clouds' service discoveries, which are most of its size; and without its page.
prometheus_newest() {
  go_tags=netgo,remove_all_sd,enable_kubernetes_sd,enable_http_sd,enable_dns_sd go_tool prometheus 3.16.0 \
    "github.com/prometheus/prometheus/cmd/prometheus github.com/prometheus/prometheus/cmd/promtool"
}
victoria_metrics() { deb victoria-metrics 1.79.5+ds1; }
prometheus_alertmanager() { deb prometheus-alertmanager 0.25.0; }
# Public rules for the lint, pinned: a Debian package and files of Go modules with their checksums.
rule_corpus() {
  deb ceph-prometheus-alerts 16.2.15+ds
  go_files rule-corpus-1 github.com/thanos-io/thanos@v0.37.2 h1:eCv5JfqM5BQ+9+hZXZPeNgsaJRxjW2uMhstacNso8ok= \
    examples/alerts/alerts.yaml examples/alerts/rules.yaml
  go_files rule-corpus-1 github.com/grafana/loki/v3@v3.3.2 h1:S/VODX0Ik/tP6I4sNd54kMHbvQDtWLHipDCZrGvpBUQ= \
    production/loki-mixin-compiled/alerts.yaml production/loki-mixin-compiled/rules.yaml
  go_files rule-corpus-1 github.com/VictoriaMetrics/VictoriaMetrics@v1.106.1 h1:r3vc3RmhZMpQ58tOvHDEzFGEKiW+3CR8UoiHrfrdg2o= \
    deployment/docker/rules/alerts-cluster.yml deployment/docker/rules/alerts-health.yml \
    deployment/docker/rules/alerts-vmagent.yml deployment/docker/rules/alerts-vmalert.yml \
    deployment/docker/rules/alerts-vmauth.yml \
    deployment/docker/vmanomaly/vmanomaly-node-exporter-preset/awesome_alerts.yml
  go_files rule-corpus-1 github.com/cloudnative-pg/cloudnative-pg@v1.25.0 h1:VWqj9Hfme4rIdTZm9/SLQN97WMTXPMvZRqEs2n3tIec= \
    docs/src/samples/monitoring/alerts.yaml
}
# What Kubernetes and the operators of Prometheus and Grafana take for objects.
kubernetes_schemas() {
  local crds=example/prometheus-operator-crd/monitoring.coreos.com grafana=config/crd/bases/grafana.integreatly.org
  go_files kubernetes-schemas-1 k8s.io/kubernetes@v1.34.4 h1:Yy6R4QB8C9kJPp25GFqEvX5XQwY5qzKeqD0Xx6oAcmk= \
    api/openapi-spec/swagger.json
  go_files kubernetes-schemas-1 github.com/prometheus-operator/prometheus-operator@v0.85.0 \
    h1:M5xLCLEoaW2IJfnuCwFzzpL+jSVQu3KGT84Pye+fW8s= \
    "${crds}_alertmanagerconfigs.yaml" "${crds}_podmonitors.yaml" "${crds}_probes.yaml" "${crds}_prometheusrules.yaml"
  go_files kubernetes-schemas-1 github.com/grafana/grafana-operator/v5@v5.24.0 h1:7NvVn7J7hknBBWte99giWEK4TV5qYfZdvDIW8WeU3oU= \
    "${grafana}_grafanadashboards.yaml" "${grafana}_grafanafolders.yaml"
}
alertmanager() {
  # Its module lacks the page that it embeds.
  go_tool alertmanager 0.34.2 github.com/prometheus/alertmanager/cmd/alertmanager \
    github.com/prometheus/alertmanager/ui/app/dist/index.html
}

say() { printf 'platform tools: %s\n' "$*"; }

fail() {
  say "$*" >&2
  exit 1
}

need_go() {
  local wanted=1.26 found
  command -v go >/dev/null || fail "no go in PATH; Go $wanted or newer builds them, see https://go.dev/doc/install"
  found=$(GOTOOLCHAIN=local go env GOVERSION)
  [ "$(printf '%s\n' "$wanted" "${found#go}" | sort -V | head -n 1)" = "$wanted" ] ||
    fail "$(command -v go) is $found, but they need Go $wanted or newer"
}

# packages NAME...: Debian's packages, as root; elsewhere the tests skip with the name of what is missing.
packages() {
  local missing=()
  for package in "$@"; do
    dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing+=("$package")
  done
  [ ${#missing[@]} -gt 0 ] || { say "Debian's $* are installed"; return; }
  [ "$(id -u)" = 0 ] || { say "not root: install ${missing[*]} yourself, or its tests skip"; return; }
  say "installing ${missing[*]}"
  apt-get update -qq
  # The tests make databases of their own; PostgreSQL's package is told to make none, and no service is started.
  local without=/etc/postgresql-common/createcluster.d/kunobs.conf
  mkdir -p "${without%/*}"
  echo 'create_main_cluster = false' >"$without"
  RUNLEVEL=1 DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null ||
    { rm "$without"; fail "could not install ${missing[*]}"; }
  rm "$without"
}

# deb NAME VERSION: the files of Debian's package, any revision of that version, in the cache: no service is installed.
deb() {
  local name=$1 version=$2
  local home=$tools/$name-$version
  [ ! -e "$home" ] || { say "$name $version is in $home"; return; }
  command -v apt-get >/dev/null || { say "not Debian: without $name $version its tests skip"; return; }
  mkdir -p "$tools"
  local work
  work=$(mktemp -d "$tools/$name.XXXXXX")
  (cd "$work" && { download "$name=$version-*" || { [ "$(id -u)" = 0 ] && apt-get update -qq && download "$name=$version-*"; }; } &&
    dpkg -x "$name"_*.deb files && mv files "$home") || { rm -r "$work"; fail "could not get Debian's $name $version"; }
  rm -r "$work"
  say "unpacked $name $version into $home"
}

# go_files NAME MODULE@VERSION CHECKSUM FILE...: files of a Go module in the cache, named by module and file.
go_files() {
  local name=$1 module=$2 sum=$3
  shift 3
  local home=$tools/$name prefix
  prefix=$(printf %s "${module%@*}" | tr / -)
  need_go
  local missing=()
  for file in "$@"; do
    [ -e "$home/$prefix-${file##*/}" ] || missing+=("$file")
  done
  [ ${#missing[@]} -gt 0 ] || { say "files of $module are in $home"; return; }
  local found
  # The checksum is the one above, so nobody else is asked for it.
  found=$(cd "$here" && GOWORK=off GOFLAGS= GOSUMDB=off go mod download -json "$module") || fail "could not get $module"
  grep -q "\"Sum\": \"$sum\"" <<<"$found" || fail "$module is not what it was: its checksum is not $sum"
  mkdir -p "$home"
  local folder
  folder=$(sed -n 's/.*"Dir": "\(.*\)".*/\1/p' <<<"$found")
  for file in "$@"; do
    cp "$folder/$file" "$home/$prefix-${file##*/}"
    chmod u+w "$home/$prefix-${file##*/}"
  done
  say "copied $# files of $module into $home"
}

# download PACKAGE: into this folder, whoever we are.
download() { apt-get download -qq -o APT::Sandbox::User=root "$1"; }

# go_tool NAME VERSION "PACKAGE..." [LACKING]: builds them with tools/NAME/go.mod and go.sum as they stand, and with the tags
# in $go_tags; LACKING is a file that one embeds and no module has, an empty one is put in its place.
go_tool() {
  local name=$1 version=$2 lacking=${4:-} packages
  read -ra packages <<<"$3"
  local home=$tools/$name-$version source=$here/$name
  local flags=(-mod=readonly -trimpath -buildvcs=false -ldflags "-s -w" ${go_tags:+-tags "$go_tags"})
  need_go
  local inputs
  inputs=$({ cat "$here/$name/go.mod" "$here/$name/go.sum"; go env GOVERSION GOOS GOARCH; echo "${flags[@]}" ${lacking:+"$lacking"}; } | sha256sum)
  if [ -x "$home/$name" ] && [ "$(cat "$home/inputs.sha256" 2>/dev/null)" = "$inputs" ]; then
    say "$name $version is in $home"
    return
  fi
  say "building $name $version into $home (some minutes, the first time with downloads)"
  mkdir -p "$home"
  local began=$SECONDS
  local -x CGO_ENABLED=0 GOWORK=off GOTOOLCHAIN=local
  if [ -n "$lacking" ]; then
    # Only in a copy of the modules can a file be added to one.
    source=$home/source flags[0]=-mod=vendor
    rm -rf "$source"
    mkdir "$source"
    cp "$here/$name/go.mod" "$here/$name/go.sum" "$source"
    say "it will complain of ${lacking##*/}, and go on"
    (cd "$source" && go mod vendor -e) || fail "could not get the modules of $name $version"
    mkdir -p "$source/vendor/${lacking%/*}"
    : >"$source/vendor/$lacking"
  fi
  rm -rf "$home/new"
  mkdir "$home/new"
  (cd "$source" && nice -n 5 go build "${flags[@]}" -o "$home/new/" "${packages[@]}") ||
    fail "could not build $name $version"
  [ -z "$lacking" ] || rm -r "$source"
  # In this order, a build that is cut short is never taken for a finished one.
  rm -f "$home/inputs.sha256"
  mv "$home"/new/* "$home/"
  rmdir "$home/new"
  echo "$inputs" >"$home/inputs.sha256"
  say "built $name $version in $((SECONDS - began)) s"
}

for tool in "${@:-${ALL[@]}}"; do
  [[ " ${ALL[*]} " == *" $tool "* ]] || fail "no tool $tool; there are: ${ALL[*]}"
  "$tool"
done
