#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Asks Debian for packages of another suite than the machine's, from the machine's own mirror:
#   tests/vm/debian.sh SUITE latest PACKAGE     prints what the package depends on: the current kernel
#   tests/vm/debian.sh SUITE download PACKAGE   into the current directory
#   tests/vm/debian.sh SUITE install PACKAGE... (root)
set -eu
suite=$1 verb=$2; shift 2
state=$(mktemp -d); trap 'rm -rf "$state"' EXIT
chmod 755 "$state"
mkdir -p "$state"/lists/partial "$state"/archives/partial
keys=/usr/share/keyrings/debian-archive-keyring.gpg
apt-get indextargets --format '$(REPO_URI)' 2>/dev/null | sort -u | while read -r uri; do
	case $uri in
	*/debian/ | */debian) echo "deb [signed-by=$keys] $uri $suite main" ;;
	*/debian-security*) [[ $suite = *-* ]] || echo "deb [signed-by=$keys] $uri $suite-security main" ;;
	esac
done >"$state/sources.list"
if [[ $suite = *-backports ]]; then
	sed -n "s/ $suite / ${suite%-backports} /p" "$state/sources.list" >"$state/base"
	cat "$state/base" >>"$state/sources.list"
fi
[ -s "$state/sources.list" ] || echo "deb [signed-by=$keys] http://deb.debian.org/debian $suite main" >"$state/sources.list"
options=(-qq -o "Dir::State=$state" -o Dir::State::status=/var/lib/dpkg/status -o "Dir::Cache=$state"
	-o "Dir::Etc::SourceList=$state/sources.list" -o Dir::Etc::SourceParts=/dev/null
	-o Dir::Etc::Preferences=/dev/null -o Dir::Etc::PreferencesParts=/dev/null
	-o APT::Sandbox::User= -o DPkg::Lock::Timeout=300)
apt-get "${options[@]}" update >&2
case $verb in
latest) apt-cache "${options[@]}" -t "$suite" show "$1" | sed -n 's/^Depends: \([^ ,]*\).*/\1/p' | head -1 ;;
download) apt-get "${options[@]}" -t "$suite" download "$1" ;;
install) DEBIAN_FRONTEND=noninteractive apt-get "${options[@]}" -t "$suite" install -y --no-install-recommends "$@" >&2 ;;
esac
