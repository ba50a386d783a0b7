# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# In the virtual machine: the programs of tests/bpf, and a smoke test of the agent. Words: which of
# them; all when there are none.
sleep 1
echo "# $(uname -r)"
[ $# -gt 0 ] || set -- $(ls tests/bpf) smoke

fail() { echo "not ok $1"; bad=1; }
check() { # name command...: ok when the command is true
	name=$1; shift
	if "$@"; then echo "ok $name"; else fail "$name"; fi
}

# Opens that a policy wants and others, the process that made them, and what was counted.
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
	END
	./tocsin run --policies $d/p --output file:path=$d/out "$@" >$d/log 2>&1 &
	agent=$!
	for i in $(seq 200); do grep -q ready $d/log && break; sleep 0.2; done
	echo x >/tmp/wanted/x
	for i in $(seq 50); do cat /tmp/wanted/x /etc/passwd >/dev/null; done
	tests/bench/work open 40 >/dev/null
	sleep 2
	kill -TERM $agent
	wait $agent
	rc=$?
	cat $d/out/* >$d/all 2>/dev/null
	check "smoke $name: ends well" [ $rc = 0 ] || tail -20 $d/log
	n=$(grep -c '"name":"wanted-open"' $d/all)
	check "smoke $name: 51 opens alerted ($n)" [ "$n" = 51 ] || tail -5 $d/log
	n=$(grep -c '"name":"wanted-exec"' $d/all)
	check "smoke $name: 1 exec alerted ($n)" [ "$n" = 1 ]
	rm -rf $d /tmp/wanted
}

bad=0
for w in "$@"; do
	echo "== $w"
	if [ "$w" = smoke ]; then
		./tocsin doctor || true
		smoke default
		if ./tocsin run --help | grep -q -e --filter; then
			for f in off on verify; do smoke "--filter $f" --filter $f; done
		fi
	else
		tests/bpf/$w >/tmp/log 2>&1 || {
			bad=1
			grep -q '^not ok ' /tmp/log || echo "not ok $w (exit)" >>/tmp/log
		}
		cat /tmp/log
	fi
done
sync
exit $bad
