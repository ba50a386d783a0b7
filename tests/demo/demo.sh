#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Starts the pipeline, does a handful of harmless but suspicious things, shows the alerts they
# raise, and ends with 0 only if each was raised. Needs root; leaves nothing behind.
set -u
cd "$(dirname "$0")/../.."
B=${B:-build}
D=$(mktemp -d /tmp/tocsin-demo.XXXXXX)
agent='' listener=''
finish() {
	[ -z "$listener" ] || kill "$listener" 2>/dev/null
	[ -z "$agent" ] || { kill "$agent" 2>/dev/null && wait "$agent"; }
	rm -rf "$D"
}
trap finish EXIT
trap 'exit 130' INT TERM

"$B"/tocsin run --policies policies --output stdout:format=text --output "file:path=$D/data" 2>"$D/err" &
agent=$!
for _ in $(seq 200); do
	grep -q '^ready:' "$D/err" && break
	kill -0 "$agent" 2>/dev/null || { cat "$D/err" >&2; exit 1; }
	sleep 0.05
done
head -n 1 "$D/err" >&2

say() { printf '\n== %s\n' "$*" >&2; }
settle() { sleep 0.3; }	# lets the alerts of one step be printed before the next

say "a web server's process starts a shell"
cp /bin/dash "$D/nginx"
"$D/nginx" -c '/bin/sh -c "id; true"; true' >/dev/null
settle
say "a copy of the password hashes is read"
echo 'root:*:19000:0:99999:7:::' >"$D/shadow"
cat "$D/shadow" >/dev/null
settle
say "a program runs from /tmp"
cp /bin/true "$D/update"
"$D/update"
settle
say "a shell connects to the network"
"$B/tests/demo/demo_act" listen >"$D/port" &
listener=$!
until [ -s "$D/port" ]; do sleep 0.02; done
bash -c "exec 3<>/dev/tcp/127.0.0.1/$(cat "$D/port")"
settle
say "a sensitive file is opened through io_uring"
"$B/tests/demo/demo_act" uring "$D/shadow"
uring=$?
settle

kill "$agent" && wait "$agent"
agent=''
missing=0
printf '\n' >&2
for rule in shell-from-server shadow-copy-read exec-from-temporary-directory connection-from-shell \
	open-through-io-uring; do
	if grep -q "\"rule\":{\"name\":\"$rule\"" "$D"/data/alerts*; then
		printf 'raised   %s\n' "$rule" >&2
	elif [ "$rule" = open-through-io-uring ] && [ "$uring" = 77 ]; then
		printf 'skipped  %s: this kernel refuses io_uring\n' "$rule" >&2
	else
		printf 'MISSING  %s\n' "$rule" >&2
		missing=1
	fi
done
exit $missing
