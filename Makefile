# Tocsin. `make help` lists the targets.
#
# Sources are found by folder, so that a new probe, enricher, sink or test is a new file and a
# line in a .def, never a line here. SAN=asan or SAN=tsan builds the same into build/asan, build/tsan.

SHELL := /bin/bash
.DEFAULT_GOAL := all
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules

V ?= 0
Q := $(if $(filter 1,$V),,@)
say = @printf '  %-7s %s\n' '$1' '$2'

CC := gcc
CLANG ?= clang-14
SAN ?=
B := build$(if $(SAN),/$(SAN))
BPF_B := build/bpf
PKGS := libbpf rdkafka jansson libelf zlib libdeflate liburing yaml-0.1 libpcre2-8 libhs nettle
VERSION := 0.1.0
JOBS := $(shell nproc 2>/dev/null || echo 1)
SUB = $(MAKE) --no-print-directory $(if $(filter -j%,$(MAKEFLAGS)),,-j$(JOBS))
LIB_VERSIONS = $(shell for p in $(PKGS); do printf '%s ' $$p $$(pkg-config --modversion $$p); done 2>/dev/null)

# make install
PREFIX := /usr
DESTDIR :=
sysconfdir := /etc
datadir = $(PREFIX)/share
INSTALL_DIRS = $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(datadir)/tocsin/policies $(DESTDIR)$(datadir)/man/man8 \
               $(DESTDIR)$(PREFIX)/lib/systemd/system $(DESTDIR)$(sysconfdir)/tocsin

SAN_FLAGS_asan := -fsanitize=address,undefined -fno-sanitize-recover=all
SAN_FLAGS_tsan := -fsanitize=thread
SAN_FLAGS := $(SAN_FLAGS_$(SAN))

WARN := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla -Wpointer-arith \
        -Wformat=2 -Wno-format-nonliteral -Wno-unknown-pragmas -Werror
CFLAGS := -O2 -g -std=gnu17 -D_GNU_SOURCE -DTOCSIN_VERSION='"$(VERSION)"' -I. $(WARN) \
          -fno-strict-aliasing -fstack-protector-strong -pthread $(SAN_FLAGS)
LDFLAGS := -pthread $(SAN_FLAGS)
PKG_CFLAGS = $(shell pkg-config --cflags $(PKGS) 2>/dev/null)
PKG_LIBS = $(shell pkg-config --libs $(PKGS) 2>/dev/null)

LIB_SRC := $(filter-out pipeline/main.c,$(wildcard pipeline/*.c pipeline/policy/*.c pipeline/policy/*/*.c pipeline/filter/*.c enrichers/*.c \
           sinks/*.c probes/*.c))
LIB_OBJ := $(LIB_SRC:%.c=$B/%.o)
BPF_SRC := $(wildcard bpf/*.bpf.c)
BPF_OBJ := $(BPF_SRC:bpf/%.bpf.c=$(BPF_B)/%.bpf.o)
EMBED_OBJ := $(BPF_SRC:bpf/%.bpf.c=$B/embed/%.o)
TEST_BPF_SRC := $(wildcard tests/bpf/programs/*.bpf.c)
UNIT_SRC := $(wildcard tests/unit/*.c)
UNIT_BIN := $(UNIT_SRC:%.c=$B/%)
LIVE_SRC := $(wildcard tests/bpf/*.c tests/integration/*.c)
LIVE_BIN := $(LIVE_SRC:%.c=$B/%)
ACT_SRC := $(wildcard tests/integration/act/*.c)
ACT := build/tests/integration/act/act
DRIVE := $B/tests/integration/drive/sinkdrive
BENCH_BIN := $(patsubst %.c,$B/%,$(wildcard tests/bench/*.c))
DEMO_BIN := $(patsubst %.c,$B/%,$(wildcard tests/demo/*.c))
MORE_BIN := $(patsubst %.c,$B/%,$(wildcard tests/golden/*.c)) $(DEMO_BIN) $B/tests/bench/bench_policy
VM_BIN := $(patsubst %.c,$B/%,$(filter-out %/init.c %.bpf.c,$(wildcard tests/vm/*.c))) $B/tests/bench/work
# Unit tests of what has threads, and so runs under TSan too.
# Not the Kafka sink: librdkafka makes threads by thrd_create, which TSan does not see and crashes in.
TSAN_TESTS := $(filter-out %/sink_kafka,$(patsubst %.c,%,$(shell grep -lE \
              'pthread\.h|sinkrun\.h|pipeline/(egress|queue|log|consumer|live|session)\.h' $(UNIT_SRC))))
TSAN_BIN := $(TSAN_TESTS:%=$B/%)
FUZZ_B := build/fuzz
FUZZ_BIN := $(patsubst %.c,$(FUZZ_B)/%,$(wildcard tests/fuzz/fuzz_*.c))
FUZZ_SECONDS ?= 5
FUZZ_CFLAGS = -O1 -g -w -fno-sanitize-recover=all -std=gnu17 -D_GNU_SOURCE -DTOCSIN_VERSION='"$(VERSION)"' -I. \
              -fno-strict-aliasing -pthread
SUDO := $(if $(filter 0,$(shell id -u)),,sudo)
HARNESS_SRC := $(wildcard tests/harness/*.c)
HARNESS_OBJ := $(HARNESS_SRC:%.c=$B/%.o)

all: deps ## install what the build lacks, build build/tocsin
	+$Q$(SUB) $B/tocsin

deps: ## install what the build lacks
	$Qdeploy/deps.sh build

$(BPF_B)/vmlinux.h: | $(BPF_B)
	$(call say,BTF,$@)
	$Qbpftool=$$(command -v bpftool || echo /usr/sbin/bpftool); \
	  $$bpftool btf dump file /sys/kernel/btf/vmlinux format c > $@

$(BPF_B):
	$Qmkdir -p $@

BPF_CFLAGS := -target bpf -mcpu=v3 -g -O2 -D__TARGET_ARCH_x86 -I. -I$(BPF_B) -Wall -Wextra \
              -Wno-missing-declarations -Wno-unused-parameter -Wno-missing-field-initializers -Wno-missing-braces -Werror

$(BPF_B)/%.bpf.o: bpf/%.bpf.c $(BPF_B)/vmlinux.h
	$(call say,BPF,$<)
	$Q$(CLANG) $(BPF_CFLAGS) -MMD -MP -c $< -o $@
	$Qllvm-strip-14 -g $@ 2>/dev/null || true

# What tests run in the kernel besides the agent's own programs.
$(BPF_B)/tests/%.bpf.o: tests/bpf/programs/%.bpf.c $(BPF_B)/vmlinux.h
	$(call say,BPF,$<)
	$Qmkdir -p $(@D)
	$Q$(CLANG) $(BPF_CFLAGS) -MMD -MP -c $< -o $@
	$Qllvm-strip-14 -g $@ 2>/dev/null || true

# The object as bytes: _binary_NAME_bpf_o_start and _end.
$B/embed/%.o: $(BPF_B)/%.bpf.o
	$Qmkdir -p $(@D)
	$Qcd $(<D) && $(LD) -r -z noexecstack -b binary -o $(CURDIR)/$@ $(<F)

$B/tests/bpf/verdict $B/tests/bpf/verdict_net: $B/embed/tests/verdict.o
$B/tests/bpf/filter_hashes: $B/embed/tests/hashes.o

%/pipeline/cmd_version.o: FILE_FLAGS = -DTOCSIN_LIBS='"$(LIB_VERSIONS)"'

$B/%.o: %.c
	$(call say,CC,$<)
	$Qmkdir -p $(@D)
	$Q$(CC) $(CFLAGS) $(FILE_FLAGS) $(PKG_CFLAGS) -MMD -MP -c $< -o $@

$B/libtocsin.a: $(LIB_OBJ) $(EMBED_OBJ)
	$(call say,AR,$@)
	$Qrm -f $@; $(AR) rcs $@ $^

$B/tocsin: $B/pipeline/main.o $B/libtocsin.a
	$(call say,LINK,$@)
	$Q$(CC) $(LDFLAGS) -o $@ $^ $(PKG_LIBS)

$B/tests/%: $B/tests/%.o $(HARNESS_OBJ) $B/libtocsin.a
	$(call say,LINK,$@)
	$Qmkdir -p $(@D)
	$Q$(CC) $(LDFLAGS) -o $@ $^ $(PKG_LIBS)

# What the integration tests let loose on the kernel. Static: it also runs in bare roots.
$(ACT): $(ACT_SRC) $(wildcard tests/integration/act/*.h)
	$(call say,CC,$@)
	$Qmkdir -p $(@D)
	$Q$(CC) -O2 -g -std=gnu17 -D_GNU_SOURCE -I. $(WARN) -pthread -static -o $@ $(ACT_SRC) -luring -lutil

integration: $B/tocsin $(ACT) $(DRIVE) ## the tests on the live kernel (root)
	$Qtests/run.sh integration

unit: $(UNIT_BIN) $B/tests/bench/bench_policy ## build and run the unit tests alone
	$Qtests/run.sh unit

live: $B/tocsin $(LIVE_BIN) ## build and run the tests on the live kernel (root)
	$Qtests/run.sh bpf integration

# Library and targets once more, by clang with libFuzzer, ASan and UBSan. gcc does the warnings.
$(FUZZ_B)/%.o: %.c
	$(call say,FUZZCC,$<)
	$Qmkdir -p $(@D)
	$Q$(CLANG) $(FUZZ_CFLAGS) -fsanitize=fuzzer-no-link,address,undefined $(FILE_FLAGS) $(PKG_CFLAGS) -MMD -MP -c $< -o $@

$(FUZZ_B)/libtocsin.a: $(LIB_SRC:%.c=$(FUZZ_B)/%.o) $(EMBED_OBJ)
	$(call say,AR,$@)
	$Qrm -f $@; $(AR) rcs $@ $^

$(FUZZ_B)/tests/fuzz/%: $(FUZZ_B)/tests/fuzz/%.o $(HARNESS_SRC:%.c=$(FUZZ_B)/%.o) $(FUZZ_B)/libtocsin.a
	$(call say,LINK,$@)
	$Q$(CLANG) -pthread -fsanitize=fuzzer,address,undefined -o $@ $^ $(PKG_LIBS)

fuzz: deps ## build and run each fuzz target for FUZZ_SECONDS (5)
	$Qdeploy/deps.sh test
	+$Q$(SUB) fuzz-build
	$QFUZZ_SECONDS=$(FUZZ_SECONDS) tests/run.sh fuzz

fuzz-build: $(FUZZ_BIN)
san-unit-build: $B/tocsin $(if $(filter tsan,$(SAN)),$(TSAN_BIN),$(UNIT_BIN))
test-build: $B/tocsin $(UNIT_BIN) $(LIVE_BIN) $(MORE_BIN) $(ACT) $(DRIVE) fuzz-build

test: ## install what is missing, run all tests, print `N passed, N failed, N skipped`
	$Qdeploy/deps.sh build test
	+$Q$(SUB) test-build
	+$Q$(SUB) SAN=asan san-unit-build
	+$Q$(SUB) SAN=tsan san-unit-build
	$QFUZZ_SECONDS=$(FUZZ_SECONDS) TSAN_TESTS="$(TSAN_TESTS)" tests/run.sh lint unit golden asan:unit tsan:unit fuzz bpf integration

run: all ## build, attach, print alerts; alerts and records go to build/data too (ARGS=... adds options)
	$Q$(SUDO) $B/tocsin run --data-dir $B/data $(ARGS)

demo: all ## do suspicious things and show the alerts they raise
	+$Q$(SUB) $(DEMO_BIN)
	$Q$(SUDO) tests/demo/demo.sh

bench: ## measure what it costs and print a report
	$Qdeploy/deps.sh build bench
	+$Q$(SUB) $B/tocsin $(BENCH_BIN) $(BPF_B)/vm/empty.bpf.o
	$Q$(SUDO) python3 tests/bench/bench.py $(ARGS)

# What runs in the virtual machine but the agent and the tests of bpf/.
$(BPF_B)/vm/%.bpf.o: tests/vm/%.bpf.c $(BPF_B)/vmlinux.h
	$(call say,BPF,$<)
	$Qmkdir -p $(@D)
	$Q$(CLANG) -target bpf -mcpu=v3 -g -O2 -D__TARGET_ARCH_x86 -I$(BPF_B) -c $< -o $@

vm-build: $B/tocsin $(LIVE_BIN) $(ACT) $(VM_BIN) $(BPF_B)/vm/empty.bpf.o

test-vm: all ## run tests/bpf on one of Debian's kernels under qemu: KERNEL=6.1 or 6.12
	$Qdeploy/deps.sh build vm
	+$Q$(SUB) vm-build
	$Qtests/vm/run.sh test $(or $(KERNEL),6.1) $(ARGS)

count-vm: all ## count the instructions that it costs, there
	$Qdeploy/deps.sh build vm
	+$Q$(SUB) vm-build
	$Qtests/vm/run.sh count $(or $(KERNEL),6.12) $(ARGS)

docs: all ## write the generated parts of the documentation
	$Qdeploy/docs.sh .

install: all ## install under DESTDIR and PREFIX (/usr); a configuration that is there is kept
	$Qinstall -d $(INSTALL_DIRS)
	$Qinstall -m 755 $B/tocsin $(DESTDIR)$(PREFIX)/bin/tocsin
	$Qinstall -m 644 policies/*.yaml $(DESTDIR)$(datadir)/tocsin/policies/
	$Qinstall -m 644 deploy/tocsin.8 $(DESTDIR)$(datadir)/man/man8/tocsin.8
	$Qsed 's|@PREFIX@|$(PREFIX)|; s|@sysconfdir@|$(sysconfdir)|' deploy/tocsin.service \
	  > $(DESTDIR)$(PREFIX)/lib/systemd/system/tocsin.service
	$Qtest -e $(DESTDIR)$(sysconfdir)/tocsin/tocsin.yaml || \
	  install -m 600 deploy/tocsin.yaml $(DESTDIR)$(sysconfdir)/tocsin/tocsin.yaml

uninstall: ## remove what install put there; configuration and data stay
	rm -f $(DESTDIR)$(PREFIX)/bin/tocsin $(DESTDIR)$(datadir)/man/man8/tocsin.8 \
	  $(DESTDIR)$(PREFIX)/lib/systemd/system/tocsin.service
	rm -rf $(DESTDIR)$(datadir)/tocsin

clean: ## remove build/
	rm -rf build 2>/dev/null || $(SUDO) rm -rf build

help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | sort | expand -t 14

.PHONY: all deps unit live integration vm-build test-vm count-vm fuzz fuzz-build san-unit-build test-build test run demo bench docs \
        install uninstall clean help
.PRECIOUS: $B/%.o $(FUZZ_B)/%.o $(BPF_B)/%.bpf.o
-include $(LIB_OBJ:.o=.d) $(BPF_OBJ:.o=.d) $(TEST_BPF_SRC:tests/bpf/programs/%.bpf.c=$(BPF_B)/tests/%.bpf.d) $B/pipeline/main.d $(UNIT_SRC:%.c=$B/%.d) $(LIVE_SRC:%.c=$B/%.d) $(HARNESS_OBJ:.o=.d) \
  $(patsubst %,%.d,$(FUZZ_BIN) $(BENCH_BIN) $(MORE_BIN) $(VM_BIN)) $(patsubst %.c,$(FUZZ_B)/%.d,$(LIB_SRC) $(HARNESS_SRC))
