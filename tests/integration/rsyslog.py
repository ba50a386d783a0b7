# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""A real rsyslogd on loopback and a Unix socket, writing what it received as it came."""
import atexit
import os
import shutil
import socket
import subprocess
import time

from lib import PATIENCE, Failure, Skip, wait_until

CONFIG = '''
global(workDirectory="{dir}" maxMessageSize="64k")
module(load="imudp") module(load="imptcp") module(load="imuxsock" SysSock.Use="off")
template(name="raw" type="string" string="%rawmsg%\\n")
ruleset(name="udp") {{ action(type="omfile" file="{dir}/udp.log" template="raw") }}
ruleset(name="tcp") {{ action(type="omfile" file="{dir}/tcp.log" template="raw") }}
ruleset(name="unix") {{ action(type="omfile" file="{dir}/unix.log" template="raw") }}
input(type="imudp" address="127.0.0.1" port="{port}" ruleset="udp" rcvbufSize="8m")
input(type="imptcp" address="127.0.0.1" port="{port}" ruleset="tcp")
input(type="imuxsock" Socket="{dir}/log" ruleset="unix" RateLimit.Interval="0" UseSpecialParser="off" ParseHostname="on")
'''


def free_port():
    with socket.socket() as s:
        s.bind(('127.0.0.1', 0))
        return s.getsockname()[1]


class Rsyslog:
    def __init__(self, directory):
        program = shutil.which('rsyslogd') or '/usr/sbin/rsyslogd'
        if not os.path.exists(program):
            raise Skip('rsyslogd is not installed')
        self.dir, self.port = directory, free_port()
        os.makedirs(directory, exist_ok=True)
        with open(f'{directory}/r.conf', 'w') as f:
            f.write(CONFIG.format(dir=directory, port=self.port))
        self.argv = [program, '-n', '-f', f'{directory}/r.conf', '-i', f'{directory}/pid']
        self.child = None
        self.start()
        atexit.register(self.stop)

    def start(self):
        self.child = subprocess.Popen(self.argv, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        wait_until('rsyslogd listens', self.listens)

    def listens(self):
        if self.child.poll() is not None:
            raise Failure(f'rsyslogd ended: {self.child.stderr.read().decode()}')
        try:
            socket.create_connection(('127.0.0.1', self.port), 1).close()
        except OSError:
            return False
        return os.path.exists(f'{self.dir}/log')

    def stop(self):
        if self.child and self.child.poll() is None:
            self.child.terminate()
            self.child.wait(PATIENCE)

    def lines(self, name):
        path = f'{self.dir}/{name}.log'
        if not os.path.exists(path):
            return []
        with open(path, 'rb') as f:
            return f.read().splitlines()

    def wait_lines(self, name, n):
        """Until there are n lines, or no more come for a while."""
        end = time.monotonic() + PATIENCE
        while len(self.lines(name)) < n and time.monotonic() < end:
            time.sleep(0.05)
        return self.lines(name)
