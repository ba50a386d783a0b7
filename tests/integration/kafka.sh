#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# A real Apache Kafka broker (KRaft, one node) on loopback, for tests.
#   kafka.sh install          fetch broker and tools by Maven into the cache; keeps what is there
#   kafka.sh start DIR [PORT] format (the first time) and start; returns when it takes records
#   kafka.sh stop DIR         end it in order; data in DIR are kept
#   kafka.sh kill DIR         kill -9
#   kafka.sh topic DIR NAME [KEY=VALUE...]   create a topic with configuration
# DIR holds configuration, data, log and the broker's pid; PORT (19092) its address, the controller
# takes the port after it. The cache is ${XDG_CACHE_HOME:-$HOME/.cache}/tocsin-test/kafka.
set -eu
VERSION=4.3.1
HERE=$(cd "$(dirname "$0")" && pwd)
CACHE=${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/tocsin-test/kafka-$VERSION
JVM="-Xmx256m -Xms64m -XX:+UseSerialGC -XX:TieredStopAtLevel=1"

pom() {
	cat <<-POM
	<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>
	<groupId>tocsin</groupId><artifactId>kafka-test</artifactId><version>1</version>
	<dependencies>
	<dependency><groupId>org.apache.kafka</groupId><artifactId>kafka_2.13</artifactId><version>$VERSION</version></dependency>
	<dependency><groupId>org.apache.kafka</groupId><artifactId>kafka-tools</artifactId><version>$VERSION</version></dependency>
	<dependency><groupId>org.apache.logging.log4j</groupId><artifactId>log4j-slf4j-impl</artifactId><version>2.25.4</version></dependency>
	</dependencies></project>
	POM
}

install() {
	[ -e "$CACHE/complete" ] && return
	mkdir -p "$CACHE"
	exec 8>"$CACHE/lock"
	flock 8
	[ -e "$CACHE/complete" ] && return
	pom >"$CACHE/pom.xml"
	mvn -B -q -f "$CACHE/pom.xml" -Dmaven.repo.local="$CACHE/m2" dependency:copy-dependencies \
		-DincludeScope=runtime -DoutputDirectory="$CACHE/libs" >&2
	rm -rf "$CACHE/m2"
	touch "$CACHE/complete"
}

run_java() { # class arguments...
	# The class path's star is Java's, not the shell's.
	set -f
	# shellcheck disable=SC2086
	exec java $JVM ${LOG4J:+-Dlog4j2.configurationFile=$LOG4J} -cp "$CACHE/libs/*" "$@"
}

configure() { # dir port
	cat >"$1/log4j2.properties" <<-LOG
	rootLogger.level=warn
	rootLogger.appenderRef.out.ref=out
	appender.out.type=Console
	appender.out.name=out
	appender.out.layout.type=PatternLayout
	appender.out.layout.pattern=%d %p %c %m%n
	LOG
	cat >"$1/server.properties" <<-CONF
	process.roles=broker,controller
	node.id=1
	listeners=PLAINTEXT://127.0.0.1:$2,CONTROLLER://127.0.0.1:$(($2 + 1))
	advertised.listeners=PLAINTEXT://127.0.0.1:$2
	inter.broker.listener.name=PLAINTEXT
	controller.listener.names=CONTROLLER
	listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
	controller.quorum.bootstrap.servers=127.0.0.1:$(($2 + 1))
	log.dirs=$1/data
	group.initial.rebalance.delay.ms=0
	log.cleaner.dedupe.buffer.size=2097152
	offsets.topic.replication.factor=1
	offsets.topic.num.partitions=1
	transaction.state.log.replication.factor=1
	transaction.state.log.min.isr=1
	transaction.state.log.num.partitions=1
	share.coordinator.state.topic.replication.factor=1
	share.coordinator.state.topic.min.isr=1
	share.coordinator.state.topic.num.partitions=1
	CONF
	echo "$2" >"$1/port"
}

start() { # dir port
	local dir port=${2:-19092}
	mkdir -p "$1"
	dir=$(cd "$1" && pwd)
	if [ ! -e "$dir/server.properties" ]; then
		configure "$dir" "$port"
		id=$(run_java kafka.tools.StorageTool random-uuid 2>/dev/null | tail -n 1)
		(run_java kafka.tools.StorageTool format --standalone -t "$id" -c "$dir/server.properties") \
			>"$dir/format.log" 2>&1 || { cat "$dir/format.log" >&2; return 1; }
	fi
	LOG4J=$dir/log4j2.properties
	(run_java kafka.Kafka "$dir/server.properties") >>"$dir/broker.log" 2>&1 </dev/null 8>&- &
	echo $! >"$dir/pid"
	port=$(cat "$dir/port")
	for _ in $(seq 240); do
		kill -0 "$(cat "$dir/pid")" 2>/dev/null || break
		echo ready | timeout 5 kcat -P -b "127.0.0.1:$port" -t tocsin-ready -X message.timeout.ms=2000 \
			2>/dev/null && return 0
		sleep 0.25
	done
	echo "the broker does not take records:" >&2
	tail -n 20 "$dir/broker.log" >&2
	return 1
}

end() { # dir signal
	local pid
	pid=$(cat "$1/pid" 2>/dev/null) || return 0
	kill "-$2" "$pid" 2>/dev/null || true
	while kill -0 "$pid" 2>/dev/null; do sleep 0.1; done
	rm -f "$1/pid"
}

topic() { # dir name key=value...
	local dir=$1 name=$2 configs=()
	shift 2
	for c in "$@"; do configs+=(--config "$c"); done
	(run_java org.apache.kafka.tools.TopicCommand --bootstrap-server "127.0.0.1:$(cat "$dir/port")" \
		--create --topic "$name" --partitions "${PARTITIONS:-1}" "${configs[@]}") >/dev/null
}

case ${1:-} in
install) install ;;
start) install; start "$2" "${3:-}" ;;
stop) end "$2" TERM ;;
kill) end "$2" KILL ;;
topic) shift; topic "$@" ;;
*) sed -n '3,10s/^# \{0,1\}//p' "$HERE/kafka.sh" >&2; exit 2 ;;
esac
