# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Real containers, with podman and runc, in directories of the test."""
import atexit
import glob
import os
import shutil
import subprocess
import tempfile
import time

from lib import ACT, Failure, PATIENCE, Skip

LIMITS = ['--ulimit', 'nofile=1024:1024', '--ulimit', 'nproc=1024:1024']


class Podman:
    image = None  # made once
    base = None

    def __init__(self, scratch):
        for tool in ('podman', 'runc', 'conmon', 'busybox'):
            if not shutil.which(tool):
                raise Skip(f'{tool} is not installed')
        if not Podman.base:
            Podman.base = tempfile.mkdtemp(dir=scratch, prefix='podman-')
            atexit.register(self.clean)
            self.make_image()

    def command(self, *args, ok=True):
        b = Podman.base
        argv = ['podman', '--root', b + '/root', '--runroot', b + '/run', '--tmpdir', b + '/tmp',
                '--storage-driver', 'vfs', '--cgroup-manager', 'cgroupfs', '--runtime', 'runc',
                '--events-backend', 'file', *args]
        r = subprocess.run(argv, capture_output=True, text=True, timeout=PATIENCE)
        if ok and r.returncode:
            raise Failure(f'{" ".join(argv)}: {r.stderr}')
        return r.stdout.strip()

    def make_image(self):
        root = Podman.base + '/image'
        for d in ('bin', 'etc', 'tmp', 'proc', 'sys', 'dev'):
            os.makedirs(f'{root}/{d}')
        shutil.copy(shutil.which('busybox'), root + '/bin/busybox')
        shutil.copy(ACT, root + '/act')
        os.mkfifo(root + '/fifo')
        for name in ('sh', 'true', 'cat', 'sleep'):
            os.symlink('busybox', f'{root}/bin/{name}')
        with open(root + '/etc/passwd', 'w') as f:
            f.write('root:x:0:0:root:/:/bin/sh\n')
        subprocess.run(['tar', '-C', root, '-cf', Podman.base + '/image.tar', '.'], check=True)
        self.command('import', Podman.base + '/image.tar', 'local/test:1')

    def run(self, *program):
        """Runs a container to its end. Returns its id."""
        cidfile = tempfile.mktemp(dir=Podman.base)
        self.command('run', '--cidfile', cidfile, '--network', 'host', *LIMITS, 'local/test:1',
                     *program)
        with open(cidfile) as f:
            cid = f.read().strip()
        self.command('rm', '-f', cid, ok=False)
        return cid

    def start(self, *program):
        return self.command('run', '-d', '--network', 'host', *LIMITS, 'local/test:1', *program)

    def exec(self, cid, *program):
        self.command('exec', cid, *program)

    def wait(self, cid):
        self.command('wait', cid)

    def clean(self):
        self.command('rm', '-f', '-a', '-t', '0', ok=False)
        parents = [f'{p}/libpod_parent' for p in ['/sys/fs/cgroup'] + glob.glob('/sys/fs/cgroup/*')]
        end = time.monotonic() + 5  # conmon outlives its container by a little
        while any(map(os.path.isdir, parents)) and time.monotonic() < end:
            for p in parents:
                subprocess.run(['rmdir', f'{p}/conmon', p], capture_output=True)
            time.sleep(0.05)
