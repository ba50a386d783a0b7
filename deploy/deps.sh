#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Installs the Debian packages a task needs, only those that are missing.
#   deploy/deps.sh build|test|bench...
set -eu
build="gcc make binutils pkg-config clang-14 llvm-14 bpftool libc6-dev linux-libc-dev libbpf-dev
 librdkafka-dev libjansson-dev libelf-dev zlib1g-dev liburing-dev libyaml-dev libpcre2-dev"
test="$build libclang-rt-14-dev clang-format-14 kcat rsyslog jq python3 openjdk-17-jre-headless maven procps
 iproute2 netcat-openbsd man-db podman runc conmon busybox-static"
bench="$build linux-perf valgrind"
want=""
for task; do want="$want ${!task}"; done
missing=""
for p in $want; do
	dpkg-query -W -f='${db:Status-Abbrev}' "$p" 2>/dev/null | grep -q '^ii' || missing="$missing $p"
done
[ -n "$missing" ] || exit 0
echo "installing:$missing" >&2
as_root=""
[ "$(id -u)" = 0 ] || as_root=sudo
export DEBIAN_FRONTEND=noninteractive
$as_root apt-get update -qq
# shellcheck disable=SC2086
$as_root apt-get install -y -qq --no-install-recommends $missing >&2
