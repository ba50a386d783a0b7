#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Installs the Debian packages a task needs, only those that are missing.
#   deploy/deps.sh build|test|bench|vm...
set -eu
build="gcc make binutils pkg-config clang-14 llvm-14 bpftool libc6-dev linux-libc-dev libbpf-dev
 librdkafka-dev libjansson-dev libelf-dev zlib1g-dev libdeflate-dev liburing-dev libyaml-dev libpcre2-dev nettle-dev
 libhyperscan-dev libhyperscan5"
test="$build libclang-rt-14-dev clang-format-14 git python3 jq man-db systemd rsyslog
 kcat openjdk-17-jre-headless maven podman runc conmon busybox-static e2fsprogs valgrind"
bench="$build python3 valgrind"
vm="$build qemu-system-x86 cpio xz-utils busybox-static e2fsprogs"
want=""
for task; do want="$want ${!task}"; done
if ! command -v dpkg-query >/dev/null; then
	echo "not a Debian system, nothing is installed; needed is the like of:" "${want//$'\n'/}" >&2
	exit 0
fi
missing=""
for p in $want; do
	dpkg-query -W -f='${db:Status-Abbrev}' "$p" 2>/dev/null | grep -q '^ii' || missing="$missing $p"
done
[ -n "$missing" ] || exit 0
echo "installing:$missing" >&2
as_root=""
if [ "$(id -u)" != 0 ]; then
	command -v sudo >/dev/null || { echo "needs root or sudo: apt-get install$missing" >&2; exit 1; }
	as_root=sudo
fi
# A machine that has just started may be updating itself: wait for its lock.
get() { $as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=300 "$@" >&2; }
get update || echo "some package lists are not up to date, trying with those that are there" >&2
# Emulated by the qemu of Debian 12, Linux 6.12 crashes in half the boots.
case "$missing " in *" qemu-system-x86 "*)
	! grep -q bookworm /etc/os-release ||
		$as_root "$(dirname "$0")/../tests/vm/debian.sh" bookworm-backports install qemu-system-x86 ;;
esac
# shellcheck disable=SC2086
get install -y --no-install-recommends $missing
