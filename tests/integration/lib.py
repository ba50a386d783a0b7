# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Integration tests on the live kernel.

A test file makes a Suite, gives it cases, and runs it. All cases of a suite share one agent:

    @suite.case('openat')
    def _(t):
        facts = t.act('open', 'openat', path, 'O_RDONLY')
        yield                               # the agent is stopped and its documents are read
        e = t.one('file.open', facts, ('file.inode', facts['inode']))
        ...

Up to its yield a case acts, after it it checks. With early=True there is one yield more, before
which the agent is not yet running. Results are lines for tests/run.sh: ok NAME, not ok NAME (with
`# …` lines that say why), skip NAME: reason.
"""
import atexit
import glob
import gzip
import json
import os
import pwd
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import traceback

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
TOCSIN = os.environ.get('TOCSIN', os.path.join(ROOT, os.environ.get('B', 'build'), 'tocsin'))
ACT = os.path.join(ROOT, 'build/tests/integration/act/act')
PATIENCE = float(os.environ.get('TEST_PATIENCE', '60'))  # seconds; waits end as soon as they can


# What is registered for the end runs also when run.sh's patience is over.
signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))


class Skip(Exception):
    pass


class Failure(Exception):
    pass


def expect(cond, *what):
    if not cond:
        raise Failure(' '.join(str(w) for w in what))


def equal(what, got, want):
    expect(got == want, f'{what}: reported {got!r}, is {want!r}')


def wait_until(what, cond, timeout=None):
    """Polls a condition that has no file descriptor to wait on. Returns its value."""
    end = time.monotonic() + (timeout or PATIENCE)
    while True:
        value = cond()
        if value:
            return value
        if time.monotonic() > end:
            raise Failure(f'waited in vain: {what}')
        time.sleep(0.01)


def get(doc, path, default=None):
    for key in path.split('.'):
        if not isinstance(doc, dict) or key not in doc:
            return default
        doc = doc[key]
    return doc


def raw(text):
    """The bytes a JSON string of a document stands for (see pipeline/encode.h)."""
    if text is None:
        return None
    return b''.join(bytes([ord(c) & 0xff]) if 0xef80 <= ord(c) <= 0xefff else c.encode() for c in text)


def fact(text):
    """The bytes a string of act stands for."""
    return text.encode('latin-1')


def scratch():
    """A directory that goes at the end, with what is mounted below it."""
    path = tempfile.mkdtemp(prefix='tocsin-test-')
    os.chmod(path, 0o755)  # other users' processes work in it
    atexit.register(remove_tree, path)
    return path


def remove_tree(path):
    with open('/proc/self/mounts') as f:
        mounts = [line.split()[1] for line in f]
    for m in reversed(mounts):
        if m == path or m.startswith(path + '/'):
            subprocess.run(['umount', '-l', m], check=False)
    shutil.rmtree(path, ignore_errors=True)


def documents(directory):
    """All documents in a file sink's directory, in the order of the files' names. Every line must
    be whole."""
    docs = []
    for name in sorted(glob.glob(os.path.join(directory, '*.ndjson*'))):
        with open(name, 'rb') as f:
            data = f.read()
        if data[:2] == b'\x1f\x8b':
            data = gzip.decompress(data)
        expect(not data or data.endswith(b'\n'), f'{name} ends in a torn line')
        for n, line in enumerate(data.splitlines(), 1):
            try:
                docs.append(json.loads(line))
            except ValueError as e:
                raise Failure(f'{name}:{n}: {e}: {line[:200]!r}')
    return docs


class Agent:
    """A running `tocsin run`."""

    # The queue holds what a burst of every test makes: what a full one drops is not their subject.
    def __init__(self, *options, output=None, record='all', policies=None,
                 file_options=',queue=65536,queue_bytes=1GiB',
                 prefix=(), env=None, expect_ready=True, stdout=subprocess.DEVNULL):
        self.dir = output or tempfile.mkdtemp(dir=scratch())
        self.err_lines, self.ready_line = [], None
        self.lock = threading.Condition()
        args = list(prefix) + [TOCSIN, 'run']
        if record:
            args += ['--record', record]
        args += ['--policies', policies or no_policies()]
        if output != '':
            args += ['--output', f'file:path={self.dir}{file_options}']
        self.stats_file = os.path.join(scratch(), 'stats.json')
        self.control = os.path.join(scratch(), 'control.sock')
        self.args = args + ['--stats-json', self.stats_file, '--control', self.control] + list(options)
        self.args += os.environ.get('TEST_AGENT_OPTIONS', '').split()
        self.child = subprocess.Popen(self.args, stdin=subprocess.DEVNULL, stdout=stdout,
                                      stderr=subprocess.PIPE, env=env)
        self.pid = self.child.pid
        atexit.register(self.kill)
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()
        if expect_ready:
            self.wait_ready()

    def _read(self):
        for line in self.child.stderr:
            line = line.decode('utf-8', 'replace').rstrip('\n')
            with self.lock:
                self.err_lines.append(line)
                if line.startswith('ready:') and not self.ready_line:
                    self.ready_line = line
                self.lock.notify_all()
        with self.lock:
            self.err_lines.append(None)
            self.lock.notify_all()

    def stderr(self):
        with self.lock:
            return '\n'.join(line for line in self.err_lines if line is not None)

    def wait_ready(self):
        with self.lock:
            self.lock.wait_for(lambda: self.ready_line or None in self.err_lines, PATIENCE)
            if self.ready_line:
                return
        self.kill()
        raise Failure(f'the agent did not become ready: {" ".join(self.args)}\n{self.stderr()}')

    def wait(self, timeout=None):
        code = self.child.wait(timeout or PATIENCE)
        self.reader.join(PATIENCE)
        return code

    def stop(self, sig=signal.SIGTERM):
        """Ends the agent as a user would. Returns its exit code."""
        self.child.send_signal(sig)
        return self.wait()

    def kill(self):
        if self.child.poll() is None:
            self.child.kill()
            self.child.wait()

    def documents(self):
        return documents(self.dir)

    def reload(self):
        """`tocsin reload`: exit code, standard output, standard error."""
        p = subprocess.run([TOCSIN, 'reload', '--control', self.control], capture_output=True,
                           text=True, timeout=PATIENCE)
        return p.returncode, p.stdout, p.stderr

    def stats(self):
        """The statistics of a run that ended."""
        with open(self.stats_file) as f:
            return json.load(f)


_no_policies = None


def no_policies():
    """A directory without a policy: --policies then replaces the shipped set by nothing."""
    global _no_policies
    if not _no_policies:
        _no_policies = scratch() + '/none'
        os.mkdir(_no_policies)
        with open(_no_policies + '/none.yaml', 'w') as f:
            f.write('policies: []\n')
    return _no_policies


def alert_on_all():
    """A policy that makes an alert of each event: the tests of kinds compare both documents."""
    path = scratch() + '/all.yaml'
    with open(path, 'w') as f:
        f.write('policies:\n'
                '  - name: everything\n'
                '    on: [process.fork, process.exec, process.exit, file.open, network.connect,'
                ' network.accept]\n'
                '    where: \'process.pid > 0\'\n'
                '    severity: info\n')
    return path


def need_root():
    if os.geteuid() != 0:
        raise Skip('needs root')


def act(*args, act_path=ACT, **kw):
    """Runs act. Returns its facts, with 'status' (as of waitpid), 'before' and 'after' (ns of the
    wall clock)."""
    return act_finish(act_start(*args, act_path=act_path, **kw))


def act_start(*args, act_path=ACT, argv0=None, **kw):
    before = time.clock_gettime_ns(time.CLOCK_REALTIME)
    argv = [argv0 or act_path] + list(args)
    child = subprocess.Popen(argv, executable=act_path, stdout=subprocess.PIPE,
                             stderr=subprocess.PIPE, **({'stdin': subprocess.DEVNULL} | kw))
    child.before, child.argv = before, argv
    return child


def act_finish(child, ok=True):
    out, err = child.communicate(timeout=PATIENCE)
    facts = json.loads(out) if out.strip() else {}
    if 'skip' in facts:
        raise Skip(facts['skip'])
    if child.returncode > 0 and ok and not facts:
        raise Failure(f'{child.argv}: {err.decode(errors="replace")}')
    facts.update(status=child.returncode, before=child.before, child=child.pid,
                 after=time.clock_gettime_ns(time.CLOCK_REALTIME), stderr=err)
    return facts


current = None  # the Documents of the suite that checks


class Documents:
    def __init__(self, docs):
        self.all, self.by_pid, self.alerts = docs, {}, {}
        for d in docs:
            self.by_pid.setdefault(get(d, 'process.pid'), []).append(d)
            if get(d, 'event.kind') == 'alert':
                self.alerts[get(d, 'event.id')] = d

    def with_alert(self, record):
        """The record, and the alert of the same event where there is one."""
        alert = self.alerts.get(get(record, 'event.id'))
        return [record, alert] if alert and alert is not record else [record]

    def find(self, kind, facts, *conditions, doc='event'):
        """Documents of a process (facts or pid) and kind, with all of (path, value)."""
        pid = facts['pid'] if isinstance(facts, dict) else facts
        return [d for d in self.by_pid.get(pid, [])
                if get(d, 'event.action') == kind and get(d, 'event.kind') == doc
                and all(get(d, p) == v for p, v in conditions)]

    def one(self, kind, facts, *conditions, doc='event'):
        found = self.find(kind, facts, *conditions, doc=doc)
        if len(found) != 1:
            pid = facts['pid'] if isinstance(facts, dict) else facts
            near = [summary(d) for d in self.by_pid.get(pid, [])]
            raise Failure(f'{len(found)} documents {kind} of process {pid} with {conditions}, not 1;'
                          f' its documents: ' + '; '.join(near[:30]))
        return found[0]


def summary(d):
    what = {p: get(d, p) for p in ('file.path', 'file.inode', 'file.requested_path', 'event.outcome',
                                   'destination.port', 'source.port', 'network.unix.path',
                                   'error.code', 'process.exit_code', 'process.executable')}
    return f"{get(d, 'event.action')} { {k: v for k, v in what.items() if v is not None} }"


class Suite:
    def __init__(self, *agent_options, **agent_kw):
        self.options, self.kw, self.cases = agent_options, agent_kw, []
        self.agent = self.docs = self.dir = None
        self.failed = 0
        # a busy machine: nothing may be lost before the agent sees it, nor on its way into the file
        self.options += ('--ring-size', '64MiB')
        self.kw.setdefault('file_options', ',queue=65536,queue_bytes=0')
        if 'policies' not in self.kw:
            self.kw['policies'] = alert_on_all()

    def case(self, name, early=False):
        def add(fn):
            self.cases.append((name, fn, early))
            return fn
        return add

    act = staticmethod(act)

    def one(self, *a, **kw):
        return self.docs.one(*a, **kw)

    def find(self, *a, **kw):
        return self.docs.find(*a, **kw)

    def path(self, name):
        return os.path.join(self.dir, name)

    def file(self, name, content='x\n', mode=0o644):
        p = self.path(name)
        if not isinstance(p, bytes):
            os.makedirs(os.path.dirname(p), exist_ok=True)
        with open(p, 'w') as f:
            f.write(content)
        os.chmod(p, mode)
        return p

    def result(self, name, error):
        if error is None:
            print(f'ok {name}')
        elif isinstance(error, Skip):
            print(f'skip {name}: {error}')
        else:
            self.failed += 1
            for line in str(error).splitlines() or [repr(error)]:
                print(f'# {line}')
            if not isinstance(error, Failure):
                for line in ''.join(traceback.format_exception(error)).splitlines():
                    print(f'# {line}')
            print(f'not ok {name}')
        sys.stdout.flush()

    def run(self):
        only = sys.argv[1:]
        cases = [c for c in self.cases if not only or any(o in c[0] for o in only)]
        self.dir = scratch()
        try:
            need_root()
            if not os.path.exists(ACT):
                raise Failure(f'{ACT} is not built')
            running = {name: self._begin(fn) for name, fn, early in cases if early}
            self.agent = Agent(*self.options, **self.kw)
        except Exception as e:
            self.result(f'the agent starts ({len(cases)} tests need it)', e)
            sys.exit(1 if self.failed else 0)
        for name, fn, early in cases:
            running[name] = self._go_on(running[name]) if early else self._begin(fn)
        self.exit_code = self.agent.stop()
        try:
            self.docs = Documents(self.agent.documents())
        except Exception as e:
            self.result('documents are whole lines of JSON', e)
            self.docs = Documents([])
        global current
        current = self.docs
        for name, _, _ in cases:
            self.result(name, self._end(running[name]))
        if self.failed and os.environ.get('TEST_KEEP'):
            shutil.copytree(self.agent.dir, os.environ['TEST_KEEP'], dirs_exist_ok=True)
        sys.exit(1 if self.failed else 0)

    def _begin(self, fn):
        return self._go_on(fn(self))

    @staticmethod
    def _go_on(g):
        if isinstance(g, Exception):
            return g
        try:
            next(g)
            return g
        except StopIteration:
            return Failure('the case never yields')
        except Exception as e:
            return e

    def _end(self, state):
        if isinstance(state, Exception):
            return state
        try:
            next(state)
            return Failure('the case yields twice')
        except StopIteration:
            return None
        except Exception as e:
            return e


class Single:
    """Cases that each start and stop agents of their own: they only act and check."""

    def __init__(self):
        self.cases, self.failed = [], 0

    def case(self, name):
        def add(fn):
            self.cases.append((name, fn))
            return fn
        return add

    def run(self):
        only = sys.argv[1:]
        for name, fn in self.cases:
            if only and not any(o in name for o in only):
                continue
            error = None
            try:
                need_root()
                fn()
            except Exception as e:
                error = e
            Suite.result(self, name, error)
        sys.exit(1 if self.failed else 0)


def uid_of(name):
    return pwd.getpwnam(name).pw_uid


def read(path):
    with open(path, 'rb') as f:
        return f.read()


def readable(fd, timeout=None):
    return bool(select.select([fd], [], [], timeout or PATIENCE)[0])
