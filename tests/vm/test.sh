# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# In the virtual machine: the programs of tests/bpf, and a smoke test of the agent. Words: which of
# them; all when there are none.
sleep 1
echo "# $(uname -r)"
[ $# -gt 0 ] || set -- $(ls tests/bpf) smoke

fail() { echo "not ok $1"; bad=1; }
check() { # label command...: ok when the command is true
	label=$1; shift
	if "$@"; then echo "ok $label"; else fail "$label"; false; fi
}

# What policies want and what they do not, alerts counted, and the kernel filter's mistakes.
smoke() { # name option...
	name=$1 d=$(mktemp -d); shift
	mkdir $d/p /tmp/wanted
	cat >$d/p/p.yaml <<-END
	policies:
	  - name: wanted-open
	    on: file.open
	    where: 'file.path startswith "/tmp/wanted/"'
	  - name: wanted-exec
	    on: process.exec
	    where: 'process.executable = "/t/tests/bench/work"'
	  - name: wanted-connect
	    on: network.connect
	    where: 'destination.ip = "127.0.0.1" and process.executable = "/t/tests/bench/work"'
	END
	./tocsin run --policies $d/p --output file:path=$d/out --stats-json $d/stats "$@" >$d/log 2>&1 &
	agent=$!
	for i in $(seq 1200); do grep -q ready $d/log && break; kill -0 $agent || break; sleep 0.1; done
	echo x >/tmp/wanted/x
	for i in $(seq 50); do cat /tmp/wanted/x /etc/passwd >/dev/null; done
	tests/bench/work open 40 >/dev/null
	tests/bench/work connect 40 >/dev/null
	sleep 2
	kill -TERM $agent
	wait $agent
	rc=$?
	cat $d/out/* >$d/all 2>/dev/null
	check "smoke $name: ends well" [ $rc = 0 ] || tail -20 $d/log
	for what in open:51 exec:2 connect:40; do
		n=$(grep -c "\"name\":\"wanted-${what%:*}\"" $d/all)
		check "smoke $name: ${what#*:} alerts for ${what%:*} ($n)" [ "$n" = ${what#*:} ] || tail -5 $d/log
	done
	check "smoke $name: the filter made no mistake" grep -q '"filter_errors": 0' $d/stats
	case $name in *off) ;; *)
		check "smoke $name: opens were found not to be wanted" \
			grep -E 'kernel filter +(on|verify) +file.open [1-9]' $d/log || tail -30 $d/log ;;
	esac
	rm -rf $d /tmp/wanted
}

bad=0
for w in "$@"; do
	echo "== $w"
	if [ "$w" = smoke ]; then
		./tocsin doctor || true
		for f in on verify off; do smoke "--filter $f" --filter $f; done
	else
		B=. tests/bpf/$w >/tmp/log 2>&1 || {
			bad=1
			grep -q '^not ok ' /tmp/log || echo "not ok $w (exit)" >>/tmp/log
		}
		# What other kernels skip.
		case $w in filter_casefold)
			! grep -q '^skip ' /tmp/log || fail "$w: skipped" >>/tmp/log ;;
		esac
		cat /tmp/log
	fi
done
sync
exit $bad
