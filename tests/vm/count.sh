# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# In the virtual machine, with a nanosecond for each instruction: what works cost without an agent,
# with programs that do nothing, and with the agent's.
sleep 1
echo "# $(uname -r)"
[ $# -gt 0 ] || set -- open first exec connect getppid
work=/t/tests/bench/work cost=/t/tests/vm/cost
# The programs are attached once for all works: loading them takes minutes when emulated.
lines() { # label command...: median and best of batches, and CPU time of the work itself
	label=$1; shift
	"$@" /t/works "$label" 2>/tmp/err
	grep -E '^#' /tmp/err
}

cat >/t/works <<-END
	#!/bin/sh
	for w in $*; do
	$work \$w \$(case \$w in exec) echo 400 ;; connect) echo 2000 ;; getppid) echo 40000 ;; *) echo 4000 ;; esac) |
	while read name n median best cpu; do echo "\$w | \$1 | \$median | \$best | \$cpu"; done
	done
END
chmod 755 /t/works

agent() { # label option...
	label=$1 d=$(mktemp -d); shift
	./tocsin run --output file:path=$d/out "$@" >$d/log 2>&1 &
	pid=$!
	for i in $(seq 600); do grep -q ready $d/log && break; sleep 0.1; done
	/t/works "$label"
	kill -TERM $pid
	wait $pid || tail -3 $d/log
	rm -rf $d
}

echo "work | with | median | best | CPU time of the work"
/t/works none
lines empty $cost empty /t/empty.bpf.o
lines 'filter on, 10000 policies' $cost on 10000
lines 'the same by probe reads' $cost slow 10000
lines 'filter off' $cost off 0
agent 'tocsin, shipped policies' --policies /t/policies
