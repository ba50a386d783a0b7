#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Runs test programs and scripts, each of which prints lines `ok NAME`, `not ok NAME` or
# `skip NAME: reason`, and closes with `N passed, N failed, N skipped`.
#   tests/run.sh SUITE...   a suite is a folder of tests/: unit golden bpf integration fuzz lint
# In a suite, compiled tests are taken from $B/tests/SUITE, scripts are tests/SUITE/*.test.
# A program that ends non-zero without a `not ok` line counts as one failure: a crash never passes.
set -u
cd "$(dirname "$0")/.."
B=${B:-build}
log=$(mktemp) passed=0 failed=0 skipped=0 failures=()
trap 'rm -f "$log"' EXIT

one() {	# name command...
	local name=$1 rc p f s; shift
	timeout "${TEST_TIMEOUT:-900}" "$@" >"$log" 2>&1 </dev/null; rc=$?
	p=$(grep -c '^ok ' "$log"); f=$(grep -c '^not ok ' "$log"); s=$(grep -c '^skip ' "$log")
	if ((rc != 0 && f == 0)); then f=1; echo "not ok $name (exit $rc)" >>"$log"; fi
	if ((p + f + s == 0)); then f=1; echo "not ok $name (ran nothing)" >>"$log"; fi
	passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + s))
	if ((f)); then cat "$log"; else grep -E '^(skip|# reason)' "$log"; fi
	while read -r line; do failures+=("$line"); done < <(grep '^not ok ' "$log")
	printf '%-44s %4d ok %3d failed %3d skipped\n' "$name" "$p" "$f" "$s"
}

for suite in "$@"; do
	for src in tests/"$suite"/*.c; do
		[ -e "$src" ] || continue
		bin=$B/${src%.c}
		[ -x "$bin" ] && one "${src%.c}" "$bin"
	done
	for script in tests/"$suite"/*.test; do
		[ -x "$script" ] && one "$script" "$script"
	done
done
((failed)) && printf '%s\n' "Failures:" "${failures[@]}"
echo "$passed passed, $failed failed, $skipped skipped"
((failed == 0 && passed > 0))
