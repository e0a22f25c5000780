#!/usr/bin/env bash
# Installs what the platform tests run: builds pinned tools into the cache and skips those that are there. Arguments: tools (default: all).
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
tools=${XDG_CACHE_HOME:-$HOME/.cache}/kunobs/tools

# One function per tool, named as its folder beside this file.
ALL=(debian filebeat)
debian() { packages kcat; }
filebeat() { go_tool filebeat 7.17.28 github.com/elastic/beats/v7/filebeat; }

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
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
}

# go_tool NAME VERSION PACKAGE: builds PACKAGE with tools/NAME/go.mod and go.sum as they stand.
go_tool() {
  local name=$1 version=$2 package=$3
  local home=$tools/$name-$version
  local flags=(-mod=readonly -trimpath -buildvcs=false -ldflags "-s -w")
  need_go
  local inputs
  inputs=$({ cat "$here/$name/go.mod" "$here/$name/go.sum"; go env GOVERSION GOOS GOARCH; echo "${flags[@]}"; } | sha256sum)
  if [ -x "$home/$name" ] && [ "$(cat "$home/inputs.sha256" 2>/dev/null)" = "$inputs" ]; then
    say "$name $version is in $home"
    return
  fi
  say "building $name $version into $home (some minutes, the first time with downloads)"
  mkdir -p "$home"
  local began=$SECONDS
  (cd "$here/$name" && CGO_ENABLED=0 GOWORK=off GOTOOLCHAIN=local nice -n 5 go build "${flags[@]}" -o "$home/$name.new" "$package") ||
    fail "could not build $name $version"
  # In this order, a build that is cut short is never taken for a finished one.
  rm -f "$home/inputs.sha256"
  mv "$home/$name.new" "$home/$name"
  echo "$inputs" >"$home/inputs.sha256"
  say "built $name $version in $((SECONDS - began)) s"
}

for tool in "${@:-${ALL[@]}}"; do
  [[ " ${ALL[*]} " == *" $tool "* ]] || fail "no tool $tool; there are: ${ALL[*]}"
  "$tool"
done
