#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Writes what the documentation takes from the program's tables: docs/config.md, docs/events.md
# and the options in the man page, under the directory given. A lint test compares.
#   deploy/docs.sh DIR
set -eu
cd "$(dirname "$0")/.."
B=${B:-build} out=$1
mkdir -p "$out/docs" "$out/deploy"
new=$(mktemp) options=$(mktemp)
trap 'rm -f "$new" "$options"' EXIT
put() { cat "$new" >"$1"; }	# only once it is whole
"$B"/tocsin help --markdown >"$new"
put "$out/docs/config.md"
"$B"/tocsin schema --format markdown >"$new"
put "$out/docs/events.md"
"$B"/tocsin help --man >"$options"
awk -v options="$options" '
	/^\.\\" end of options/ { skip = 0 }
	!skip { print }
	/^\.\\" options, written by/ { while ((getline line < options) > 0) print line; skip = 1 }
' deploy/tocsin.8 >"$new"
put "$out/deploy/tocsin.8"
