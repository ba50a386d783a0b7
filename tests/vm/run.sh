#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Boots a Debian kernel in qemu, emulated, and runs a guest script there, without a network:
#   tests/vm/run.sh test|count 6.1|6.12 [WORD...]    the words go to tests/vm/test.sh or count.sh:
#                                    test: names of programs under tests/bpf, and `smoke` (all)
#                                    count: names of works of tests/bench/work (all)
# Everything is kept in build/vm; the kernel is got once. `test` prints the tests' lines and closes
# with `N passed, N failed, N skipped`; `count` prints instructions.
set -eu
cd "$(dirname "$0")/../.."
what=$1 kernel=$2; shift 2
words=$*
B=${B:-build} vm=$PWD/build/vm
case $kernel in
6.1) suite=bookworm ;;
6.12) suite=bookworm-backports ;;
*) echo "no recipe for kernel $kernel: 6.1 or 6.12" >&2; exit 2 ;;
esac
here=$vm/$kernel
root=$(mktemp -d) log=$(mktemp)
trap 'rm -rf "$root" "$log"' EXIT

get_kernel() {
	[ ! -e "$here/vmlinuz" ] || [ ! -e "$here/loop.ko" ] || return 0
	mkdir -p "$here/package"
	local name
	name=$(tests/vm/debian.sh "$suite" latest linux-image-cloud-amd64)
	(cd "$here" && "$OLDPWD"/tests/vm/debian.sh "$suite" download "$name")
	dpkg-deb -x "$here/$name"_*.deb "$here/package"
	rm "$here/$name"_*.deb
	find "$here/package" \( -name 'overlay.ko*' -o -name 'loop.ko*' \) -exec cp {} "$here" \;
	! ls "$here"/*.ko.xz >/dev/null 2>&1 || xz -df "$here"/*.ko.xz
	cp "$here"/package/boot/vmlinuz-* "$here/vmlinuz.new"
	rm -rf "$here/package"
	mv "$here/vmlinuz.new" "$here/vmlinuz"
}

# A program with the libraries it names, at the path it has in the machine.
put() {	# file path
	install -D "$1" "$root$2"
	strip -g "$root$2" 2>/dev/null || true
	ldd "$1" 2>/dev/null | grep -o '/[^ ]*' | while read -r lib; do
		[ -e "$root$lib" ] || install -D "$(realpath "$lib")" "$root$lib"
	done
}

make_root() {
	local p
	chmod 755 "$root"	# it becomes /, also of other users
	mkdir -p "$root"/{proc,sys,dev,tmp,run,etc,root,bin,lib/modules,var/tmp,usr/share/doc/libc6}
	gcc -O2 -static -o "$root/init" tests/vm/init.c
	install "$(command -v busybox)" "$root/bin/busybox"
	# Busybox does what its name says; tests run copies of these under other names.
	for p in cat sh true; do put "$(realpath "/bin/$p")" "/bin/$p"; done
	for p in $("$root/bin/busybox" --list); do
		[ -e "$root/bin/$p" ] || ln -s busybox "$root/bin/$p"
	done
	for p in "$B"/tests/bpf/* "$B"/tests/vm/* "$B"/tests/bench/work "$B"/tocsin build/tests/integration/act/act; do
		case $p in *.o | *.d) continue ;; esac
		[ ! -f "$p" ] || put "$p" "/t/${p#"$B"/}"
	done
	install -D build/bpf/vm/empty.bpf.o "$root/t/empty.bpf.o"
	install -D -t "$root/t/policies" policies/*.yaml
	mkdir -p "$root/t/tests/golden"
	cp -r tests/golden/replay "$root/t/tests/golden/replay"
	install -t "$root/lib/modules" "$here"/*.ko
	truncate -s 8M "$root/t/casefold.img"
	PATH=$PATH:/usr/sbin:/sbin mkfs.ext4 -q -O casefold -E encoding=utf8 "$root/t/casefold.img"
	install -m 755 "tests/vm/$what.sh" "$root/guest.sh"
	echo 'root:x:0:0:root:/root:/bin/sh' >"$root/etc/passwd"
	echo 'root:*:19000:0:99999:7:::' >"$root/etc/shadow"
	echo vm >"$root/etc/hostname"
	: >"$root/usr/share/doc/libc6/copyright"
	cat >"$root/run.sh" <<-END
	ifconfig lo 127.0.0.1 up
	for m in /lib/modules/*.ko; do insmod \$m; done
	cd /t
	set -- $words
	. /guest.sh
	END
	(cd "$root" && find . | cpio -o -H newc --quiet | gzip -1) >"$here/initrd"
}

boot() {	# qemu options...; the kernel's last words are in the log
	local rc=0
	timeout -k 5 "${VM_TIMEOUT:-1800}" nice qemu-system-x86_64 -M q35 -accel tcg -m "${VM_MEMORY:-2G}" \
		-nodefaults -no-user-config -display none -serial stdio -monitor none -no-reboot \
		-device isa-debug-exit,iobase=0xf4,iosize=0x04 -kernel "$here/vmlinuz" -initrd "$here/initrd" "$@" \
		</dev/null 2>&1 | stdbuf -oL tr -d '\r' | tee "$log" || rc=$?
	grep -q '^vm: end ' "$log" || { echo "not ok the machine did not reach its end ($rc)"; return 1; }
}

append="console=ttyS0 quiet panic=-1 oops=panic"
get_kernel
make_root
if [ "$what" = count ]; then
	# A virtual nanosecond is an instruction. String instructions count each iteration, so the
	# kernel is not told that they are fast.
	boot -cpu max,-erms,-fsrm -smp 1 -icount shift=0,sleep=off \
		-append "$append init_on_alloc=0 tsc=reliable"
	exit
fi
boot -cpu max -smp 2 -append "$append" || true
p=$(grep -c '^ok ' "$log" || true) f=$(grep -c '^not ok ' "$log" || true) s=$(grep -c '^skip ' "$log" || true)
grep -q '^vm: end ' "$log" || f=$((f + 1))
echo "$p passed, $f failed, $s skipped"
((f == 0 && p > 0))
