# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""A real Apache Kafka broker on loopback (kafka.sh), read back with kcat."""
import atexit
import os
import shutil
import socket
import subprocess

from lib import Failure, Skip

SCRIPT = os.path.join(os.path.dirname(os.path.abspath(__file__)), 'kafka.sh')


def two_ports():
    while True:
        with socket.socket() as a, socket.socket() as b:
            a.bind(('127.0.0.1', 0))
            try:
                b.bind(('127.0.0.1', a.getsockname()[1] + 1))
            except OSError:
                continue
            return a.getsockname()[1]


class Kafka:
    def __init__(self, directory):
        for tool in ('java', 'mvn', 'kcat'):
            if not shutil.which(tool):
                raise Skip(f'{tool} is not installed')
        self.dir, self.port = directory, two_ports()
        self.address = f'127.0.0.1:{self.port}'
        if self.script('install', ok=False).returncode:
            raise Skip('the broker cannot be downloaded')
        os.makedirs(directory, exist_ok=True)
        atexit.register(self.stop)

    def script(self, *args, ok=True):
        r = subprocess.run([SCRIPT, *args], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                           timeout=600)
        if ok and r.returncode:
            raise Failure(f'kafka.sh {args}: {r.stderr}')
        return r

    def start(self):
        # a file, not a pipe: the broker inherits it and would keep a pipe open
        log = open(self.dir + '/start.log', 'w')
        rc = subprocess.run([SCRIPT, 'start', self.dir, str(self.port)], stdin=subprocess.DEVNULL, stdout=log,
                            stderr=log, timeout=120).returncode
        log.close()
        if rc:
            raise Failure(open(self.dir + '/start.log').read())

    def kill(self):
        self.script('kill', self.dir, ok=False)

    def stop(self):
        self.script('stop', self.dir, ok=False)

    def consume(self, topic):
        """[(key, {header: value}, value)] of all partitions."""
        out = subprocess.run(['kcat', '-C', '-b', self.address, '-t', topic, '-e', '-q', '-X',
                              'log_level=0', '-f', '%k\t%h\t%s\n'], capture_output=True, timeout=120)
        records = []
        for line in out.stdout.splitlines():
            key, headers, value = line.split(b'\t', 2)
            pairs = dict(h.split('=', 1) for h in headers.decode().split(',') if h)
            records.append((key.decode(), pairs, value))
        return records
