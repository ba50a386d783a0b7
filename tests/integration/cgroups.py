# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Cgroup directories of a test, and processes in them."""
import atexit
import os
import subprocess

from lib import Skip, wait_until

UNIFIED = '/sys/fs/cgroup/unified' if os.path.isdir('/sys/fs/cgroup/unified') else '/sys/fs/cgroup'
PIDS = '/sys/fs/cgroup/pids'


made_here = set()


@atexit.register
def sweep():
    """A parent that two cgroups share goes with the last of them."""
    for d in sorted(made_here, key=len, reverse=True):
        subprocess.run(['rmdir', d], check=False, capture_output=True)


class Cgroup:
    """A directory and its missing parents, made now, removed by remove or at the end."""

    def __init__(self, base, path):
        self.base, self.path, self.made = base, path, []
        at = base
        for part in path.strip('/').split('/'):
            at += '/' + part
            if not os.path.isdir(at):
                try:
                    os.mkdir(at)
                except OSError as e:
                    raise Skip(f'cannot make cgroup {at}: {e}')
                self.made.append(at)
                made_here.add(at)
        self.dir = at
        self.inode = os.stat(at).st_ino

    def enter(self, pid=0):
        with open(self.dir + '/cgroup.procs', 'w') as f:
            f.write(str(pid))

    def empty(self):
        try:
            with open(self.dir + '/cgroup.procs') as f:
                return not f.read().split()
        except FileNotFoundError:  # another run of these tests shares the parents
            return True

    def remove(self):
        while self.made:
            d = self.made.pop()
            if os.path.isdir(d):
                subprocess.run(['rmdir', d], check=False, capture_output=True)

    def remove_when_empty(self):
        wait_until(f'{self.dir} is empty', self.empty)
        self.remove()
