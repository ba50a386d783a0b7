# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Comparison of documents with the facts that act printed: every field of the schema.

The checks marked `both` look at the record and at the alert of the same event. Records of other
kinds than process.exec leave out what schema.DETAILS lists: it must then be absent, and right in
the alert.
"""
import datetime
import functools
import grp
import ipaddress
import os
import platform
import pwd
import re
import socket
import stat
import time

import lib
from lib import Failure, expect, fact, get, raw
import schema

CAPS = ('CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID KILL SETGID SETUID SETPCAP LINUX_IMMUTABLE '
        'NET_BIND_SERVICE NET_BROADCAST NET_ADMIN NET_RAW IPC_LOCK IPC_OWNER SYS_MODULE SYS_RAWIO '
        'SYS_CHROOT SYS_PTRACE SYS_PACCT SYS_ADMIN SYS_BOOT SYS_NICE SYS_RESOURCE SYS_TIME '
        'SYS_TTY_CONFIG MKNOD LEASE AUDIT_WRITE AUDIT_CONTROL SETFCAP MAC_OVERRIDE MAC_ADMIN SYSLOG '
        'WAKE_ALARM BLOCK_SUSPEND AUDIT_READ PERFMON BPF CHECKPOINT_RESTORE').split()
UNSET = 4294967295


def both(check):
    @functools.wraps(check)
    def run(e, *args, **kw):
        for doc in lib.current.with_alert(e) if lib.current else [e]:
            try:
                check(doc, *args, **kw)
            except Failure as f:
                raise Failure(f"{get(doc, 'event.kind')}: {f}")
    return run


equal = lib.equal


def detail(e, what, got, want):
    """A field that small records leave out."""
    equal(what, got, want if schema.has_details(e) else None)


def name_of(table, number):
    try:
        return table(number)[0]
    except KeyError:
        return None


def user_name(uid):
    return name_of(pwd.getpwuid, uid) if uid != UNSET else None


def group_name(gid):
    return name_of(grp.getgrgid, gid) if gid != UNSET else None


def caps(hex_text):
    bits = int(hex_text, 16)
    return ['CAP_' + c for i, c in enumerate(CAPS) if bits >> i & 1]


def timestamp_ns(text):
    m = re.fullmatch(r'(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)\.(\d{9})Z', text)
    expect(m, f'not RFC 3339 with nine digits: {text}')
    at = datetime.datetime.fromisoformat(m.group(1)).replace(tzinfo=datetime.timezone.utc)
    return int(at.timestamp()) * 10**9 + int(m.group(2))


def boot_offset_ns():
    return time.clock_gettime_ns(time.CLOCK_REALTIME) - time.clock_gettime_ns(time.CLOCK_BOOTTIME)


class Stat:
    """/proc/PID/stat as facts carry it."""

    def __init__(self, text):
        f = text[text.rindex(')') + 2:].split()
        self.ppid, self.pgid, self.sid, self.tty = (int(x) for x in f[1:5])
        self.start_ticks = int(f[19])

    def tty_numbers(self):
        n = self.tty & 0xffffffff
        return (n >> 8) & 0xfff, (n & 0xff) | ((n >> 12) & 0xfff00)


@both
def check_document(e, facts, kind, hook=None):
    """What every document has: ids, time, host, the shape the schema gives it."""
    bad = schema.problems(e)
    expect(not bad, '; '.join(bad))
    equal('event.action', get(e, 'event.action'), kind)
    equal('event.category', get(e, 'event.category'), kind.split('.')[0])
    at = timestamp_ns(e['@timestamp'])
    slack = 20_000_000  # the two clocks are read one after the other, and NTP may slew
    expect(facts['before'] - slack <= at <= facts['after'] + slack,
           f"@timestamp {e['@timestamp']} is not between {facts['before']} and {facts['after']}")
    if hook:
        equal('tocsin.hook', get(e, 'tocsin.hook'), hook)
    equal('host.name', get(e, 'host.name'), socket.gethostname())
    detail(e, 'host.boot.id', (get(e, 'host.boot.id') or '').replace('-', '') or None,
           open('/proc/sys/kernel/random/boot_id').read().strip().replace('-', ''))
    detail(e, 'host.os.kernel', get(e, 'host.os.kernel'), platform.release())
    detail(e, 'host.architecture', get(e, 'host.architecture'), platform.machine())
    machine_id = open('/etc/machine-id').read().strip() if os.path.exists('/etc/machine-id') else ''
    equal('host.id', get(e, 'host.id'), machine_id or None)
    expect(re.fullmatch(r'[0-9a-f]{16}', get(e, 'process.entity_id', '')),
           'process.entity_id is', get(e, 'process.entity_id'))


def check_ids(e, p, uids=None):
    """Users and groups. uids: where the process's own view is another namespace's."""
    uid = uids or [int(x) for x in p['Uid'].split('\t')]
    gid = uids or [int(x) for x in p['Gid'].split('\t')]
    equal('user.id', get(e, 'user.id'), uid[0])
    equal('user.effective.id', get(e, 'user.effective.id'), uid[1])
    detail(e, 'user.saved.id', get(e, 'user.saved.id'), uid[2])
    equal('group.id', get(e, 'group.id'), gid[0])
    detail(e, 'group.effective.id', get(e, 'group.effective.id'), gid[1])
    detail(e, 'group.saved.id', get(e, 'group.saved.id'), gid[2])
    equal('user.name', get(e, 'user.name'), user_name(uid[0]))
    equal('user.effective.name', get(e, 'user.effective.name'), user_name(uid[1]))
    equal('group.name', get(e, 'group.name'), group_name(gid[0]))
    for field, key in (('user.audit.id', 'loginuid'), ('process.session.audit_id', 'sessionid')):
        want = int(p[key]) if key in p else None
        equal(field, get(e, field), None if want == UNSET else want)
    audit = int(p.get('loginuid', UNSET))
    equal('user.audit.name', get(e, 'user.audit.name'), user_name(audit))


def cgroup_of(p):
    """(path, inode) the agent should name: v2, or where that is the root, the v1 stand-in."""
    if 'cgroup_is' in p:
        return p['cgroup_is']
    lines = [line.split(':', 2) for line in p['cgroup'].splitlines()]
    v2 = next((path for _, c, path in lines if not c), '/')
    base = '/sys/fs/cgroup/unified' if os.path.isdir('/sys/fs/cgroup/unified') else '/sys/fs/cgroup'
    if v2 != '/' or len(lines) == 1:
        return v2, os.stat(base + v2).st_ino
    for want in ('pids', 'memory', 'cpu', 'devices', 'freezer'):
        for _, controllers, path in lines:
            if want in controllers.split(','):
                return path, os.stat(f'/sys/fs/cgroup/{want}{path}').st_ino
    return '/', os.stat(base).st_ino


def check_cgroup(e, p):
    path, inode = cgroup_of(p)
    equal('process.cgroup.path', get(e, 'process.cgroup.path'), path)
    equal('process.cgroup.id', get(e, 'process.cgroup.id'), inode)


def check_namespaces(e, p):
    for name, inode in p['namespace'].items():
        detail(e, f'process.namespace.{name}', get(e, f'process.namespace.{name}'), inode)


def check_session(e, p):
    s = Stat(p['stat'])
    equal('process.session_leader.pid', get(e, 'process.session_leader.pid'), s.sid or None)
    equal('process.group_leader.pid', get(e, 'process.group_leader.pid'), s.pgid or None)
    tty = get(e, 'process.tty.name')
    if not s.tty:
        equal('process.tty.name', tty, None)
    else:
        major, minor = s.tty_numbers()
        names = [f'{major}:{minor}'] + ([f'pts/{minor}', f'/dev/pts/{minor}'] if major == 136 else [])
        expect(tty in names, f'process.tty.name: reported {tty!r}, is one of {names}')
    start = boot_offset_ns() + s.start_ticks * 10**9 // os.sysconf('SC_CLK_TCK')
    expect(abs(timestamp_ns(get(e, 'process.start')) - start) < 40_000_000,
           f"process.start: reported {get(e, 'process.start')}, off by "
           f"{(timestamp_ns(get(e, 'process.start')) - start) / 1e6} ms")


def check_image(e, p, exe=None, requested=None, args=None, args_count=None):
    """The program: path, arguments, file, working directory, capabilities."""
    exe = fact(p['exe']) if exe is None else exe
    equal('process.executable', raw(get(e, 'process.executable')), exe)
    equal('process.name', raw(get(e, 'process.name')),
          exe.rsplit(b'/', 1)[-1].removesuffix(b' (deleted)'))
    args = [fact(a) for a in p['args']] if args is None else args
    got = get(e, 'process.args')
    detail(e, 'process.args', got and [raw(a) for a in got], args)
    equal('process.args_count', get(e, 'process.args_count'), args_count or len(args))
    equal('process.command_line', raw(get(e, 'process.command_line')), b' '.join(args))
    if requested is not None:
        detail(e, 'process.requested_executable', raw(get(e, 'process.requested_executable')), requested)
    for field, key in (('inode', 'exe_inode'), ('device_major', 'exe_major'),
                       ('device_minor', 'exe_minor'), ('uid', 'exe_uid')):
        detail(e, f'process.file.{field}', get(e, f'process.file.{field}'), p[key])
    detail(e, 'process.file.mode', get(e, 'process.file.mode'), f'{stat.S_IMODE(p["exe_mode"]):04o}')
    equal('process.working_directory', raw(get(e, 'process.working_directory')), fact(p['cwd']))
    for field, key in (('effective', 'CapEff'), ('permitted', 'CapPrm'), ('inheritable', 'CapInh')):
        detail(e, f'process.capabilities.{field}', get(e, f'process.capabilities.{field}'),
               caps(p[key]) or None)


@both
def check_process(e, facts, parent=True, uids=None, **image):
    """All of process.*, user.*, group.*, the cgroup; of an event at the time the facts are of."""
    p = facts['process']
    equal('process.pid', get(e, 'process.pid'), facts['pid'])
    equal('process.thread.name', raw(get(e, 'process.thread.name')), fact(p['comm']))
    check_image(e, p, **image)
    check_ids(e, p, uids)
    check_namespaces(e, p)
    check_session(e, p)
    check_cgroup(e, p)
    if parent:
        equal('process.parent.pid', get(e, 'process.parent.pid'), Stat(p['stat']).ppid)
        expect(re.fullmatch(r'[0-9a-f]{16}', get(e, 'process.parent.entity_id', '')),
               'process.parent.entity_id is', get(e, 'process.parent.entity_id'))


FLAG_NAMES = {'O_WRONLY': 1, 'O_RDWR': 2, 'O_APPEND': 0o2000, 'O_NONBLOCK': 0o4000,
              'O_DSYNC': 0o10000, 'O_ASYNC': 0o20000, 'O_DIRECT': 0o40000, 'O_LARGEFILE': 0o100000,
              'O_DIRECTORY': 0o200000, 'O_NOFOLLOW': 0o400000, 'O_NOATIME': 0o1000000,
              'O_CLOEXEC': 0o2000000, 'O_SYNC': 0o4010000, 'O_PATH': 0o10000000,
              'O_TMPFILE': 0o20200000, 'O_CREAT': 0o100, 'O_EXCL': 0o200, 'O_TRUNC': 0o1000}
TYPES = {stat.S_IFREG: 'file', stat.S_IFDIR: 'dir', stat.S_IFLNK: 'symlink', stat.S_IFIFO: 'fifo',
         stat.S_IFCHR: 'char_device', stat.S_IFBLK: 'block_device', stat.S_IFSOCK: 'socket'}


def flags_value(names):
    value = 0
    for n in names:
        if n == 'O_RDONLY':
            continue
        expect(n in FLAG_NAMES, f'file.flags has an unknown {n}')
        value |= FLAG_NAMES[n]
    return value


@both
def check_open(e, facts, path, flags=None, path_flags=None, io_uring=False):
    """All of file.* of a successful open. path: bytes or str; None: checked by the caller."""
    check_document(e, facts, 'file.open',
                   'tp_btf/io_uring_complete' if io_uring else 'tp_btf/sys_exit')
    if path is not None:
        equal('file.path', raw(get(e, 'file.path')), path if isinstance(path, bytes) else path.encode())
    equal('file.inode', get(e, 'file.inode'), facts['inode'])
    equal('file.device_major', get(e, 'file.device_major'), facts['device_major'])
    equal('file.device_minor', get(e, 'file.device_minor'), facts['device_minor'])
    equal('file.mode', get(e, 'file.mode'), f"{stat.S_IMODE(facts['mode']):04o}")
    equal('file.type', get(e, 'file.type'), TYPES[stat.S_IFMT(facts['mode'])])
    equal('file.uid', get(e, 'file.uid'), facts['uid'])
    equal('file.gid', get(e, 'file.gid'), facts['gid'])
    want = facts.get('flags') if flags is None else flags
    got = get(e, 'file.flags')
    expect(isinstance(got, list), f'file.flags is {got!r}')
    if want is not None:
        equal('file.flags', oct(flags_value(got)), oct(want))
        equal('O_RDONLY among file.flags', 'O_RDONLY' in got, not want & 3 and not want & 0o10000000)
    equal('event.outcome', get(e, 'event.outcome'), 'success')
    equal('file.path_flags', get(e, 'file.path_flags'), path_flags)
    equal('tocsin.io_uring', get(e, 'tocsin.io_uring'), True if io_uring else None)
    equal('error.code', get(e, 'error.code'), None)
    equal('file.requested_path', get(e, 'file.requested_path'), None)
    got_flags = get(e, 'tocsin.flags') or []
    equal('tocsin.flags', got_flags, ['io_uring'] if io_uring else [])


def ip(text):
    """As the kernel's event should say it: a mapped address is IPv4, an unspecified one absent."""
    a = ipaddress.ip_address(text)
    a = getattr(a, 'ipv4_mapped', None) or a
    return str(a)


@both
def check_ends(e, source, destination):
    """source, destination: {'ip', 'port'} or None."""
    for side, want in (('source', source), ('destination', destination)):
        if want is None:
            continue
        got = get(e, f'{side}.ip')
        equal(f'{side}.ip', str(ipaddress.ip_address(got)) if got else None, ip(want['ip']))
        equal(f'{side}.port', get(e, f'{side}.port'), want['port'])
    some = destination or source
    equal('network.type', get(e, 'network.type'), 'ipv4' if '.' in ip(some['ip']) else 'ipv6')


@both
def check_outcome(e, errno_name=None):
    equal('event.outcome', get(e, 'event.outcome'), 'failure' if errno_name else 'success')
    equal('error.code', get(e, 'error.code'), errno_name)


def event_sequence(e):
    """(boot, run, cpu, sequence) out of event.id."""
    m = re.fullmatch(r'([0-9a-f]+)-([0-9a-f]+)-(\d+)-(\d+)', get(e, 'event.id', ''))
    if not m:
        raise Failure(f"event.id is {get(e, 'event.id')!r}")
    return m.group(1), m.group(2), int(m.group(3)), int(m.group(4))
