# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# In the virtual machine, with a nanosecond for each instruction: what works cost without an agent,
# with programs that do nothing, and with the agent's.
sleep 1
echo "# $(uname -r)"
[ $# -gt 0 ] || set -- open first exec connect getppid
work=/t/tests/bench/work cost=/t/tests/vm/cost
rounds() { case $1 in exec) echo 400 ;; connect) echo 2000 ;; getppid) echo 40000 ;; *) echo 4000 ;; esac; }

line() { # label work command...: median and best of batches, and CPU time of the process itself
	label=$1 w=$2; shift 2
	"$@" $work $w $(rounds $w) 2>/tmp/err | while read name n median best cpu; do
		echo "$w | $label | $median | $best | $cpu $(grep filtered /tmp/err)"
	done
	grep -v '^#' /tmp/err
}

agent() { # label work option...
	label=$1 w=$2; shift 2
	d=$(mktemp -d)
	./tocsin run --output file:path=$d/out "$@" >$d/log 2>&1 &
	pid=$!
	for i in $(seq 300); do grep -q ready $d/log && break; sleep 0.1; done
	line "$label" $w
	kill -TERM $pid
	wait $pid || tail -3 $d/log
	rm -rf $d
}

echo "work | with | median | best | CPU time of the work"
for w in "$@"; do
	line none $w
	line empty $w $cost empty /t/empty.bpf.o
	case $w in open | first)
		line 'filter off' $w $cost off 0
		for n in 10 10000; do
			line "filter on, $n policies" $w $cost on $n
			line "the same by probe reads" $w $cost slow $n
		done ;;
	esac
	agent 'tocsin, shipped policies' $w --policies /t/policies
done
