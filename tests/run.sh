#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Runs test programs and scripts, each of which prints lines `ok NAME`, `not ok NAME` or
# `skip NAME: reason`, and closes with `N passed, N failed, N skipped`.
#   tests/run.sh SUITE...   a suite is a folder of tests/: unit golden bpf integration fuzz lint,
#                           or asan:unit, tsan:unit: the same, built with SAN=asan, SAN=tsan;
#                           of the latter those in TSAN_TESTS, which have threads
# In a suite, compiled tests are taken from $B/tests/SUITE, scripts are tests/SUITE/*.test.
# A program that ends non-zero without a `not ok` line counts as one failure, and so does one that
# was not built: neither a crash nor a hole passes.
set -u
cd "$(dirname "$0")/.."
B=${B:-build}
log=$(mktemp) passed=0 failed=0 skipped=0 failures=()
trap 'rm -f "$log"' EXIT

count() {	# name exit-code: adds up what is in the log
	local name=$1 rc=$2 p f s
	p=$(grep -c '^ok ' "$log"); f=$(grep -c '^not ok ' "$log"); s=$(grep -c '^skip ' "$log")
	if ((rc != 0 && f == 0)); then f=1; echo "not ok $name (exit $rc)" >>"$log"; fi
	if ((p + f + s == 0)); then f=1; echo "not ok $name (ran nothing)" >>"$log"; fi
	passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + s))
	if ((f)); then cat "$log"; else grep -E '^(skip|# reason)' "$log"; fi
	while read -r line; do failures+=("$name: $line"); done < <(grep '^not ok ' "$log")
	printf '%-44s %4d ok %3d failed %3d skipped\n' "$name" "$p" "$f" "$s"
}

one() {	# name command...
	local name=$1; shift
	timeout -k 10 "${TEST_TIMEOUT:-900}" "$@" >"$log" 2>&1 </dev/null
	count "$name" $?
}

programs() {	# suite build-directory label command-before...
	local suite=$1 dir=$2 label=$3 src bin; shift 3
	for src in tests/"$suite"/*.c; do
		[ -e "$src" ] || continue
		[ "$label" != 'tsan ' ] || [[ " ${TSAN_TESTS-} " == *" ${src%.c} "* ]] || continue
		bin=$dir/${src%.c}
		if [ -x "$bin" ]; then
			one "$label${src%.c}" "$@" "$bin"
		else
			echo "not ok ${src%.c} (not built)" >"$log"
			count "$label${src%.c}" 1
		fi
	done
}

scripts() {	# suite command-before...
	local script suite=$1; shift
	for script in tests/"$suite"/*.test; do
		[ -x "$script" ] && one "$script" "$@" "$script"
	done
}

# TSan of this gcc needs the address layout it was built for.
fixed=''
setarch -R true 2>/dev/null && fixed='setarch -R'

# What needs the live kernel needs root.
root=''
[ "$(id -u)" = 0 ] || ! sudo -n true 2>/dev/null || root="sudo env B=$B"

started=$SECONDS
for suite in "$@"; do
	case $suite in
	asan:*) programs "${suite#*:}" "$B/asan" 'asan ' ;;
	tsan:*) programs "${suite#*:}" "$B/tsan" 'tsan ' $fixed ;;
	bpf | integration) programs "$suite" "$B" '' $root; scripts "$suite" $root ;;
	fuzz) scripts fuzz ;;	# which runs the programs
	*) programs "$suite" "$B" ''; scripts "$suite" ;;
	esac
done
echo "took $((SECONDS - started)) s"
((failed)) && printf '%s\n' "Failures:" "${failures[@]}"
echo "$passed passed, $failed failed, $skipped skipped"
((failed == 0 && passed > 0))
