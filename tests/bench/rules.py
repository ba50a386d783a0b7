#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Writes N policies of the kinds that people have many of: rules.py N DIRECTORY

Names of programs, paths, beginnings and ends of paths, parts of command lines, addresses. Each
differs from the others, as those made from reports of attacks do; many share common tests (a
shell, a write, a web server as the parent). The same N gives the same policies.
"""
import os, random, sys

PER_FILE = 5000
SHELLS = '"sh", "bash", "dash", "zsh", "busybox"'
SERVERS = '"nginx", "apache2", "httpd", "php-fpm", "java", "node"'
EDITORS = '"vim", "nano", "sed", "dpkg", "apt-get", "ansible"'
HOMES = ("/root", "/home/admin", "/home/deploy", "/srv/app", "/var/www", "/opt/backup")
SYLLABLES = ("ka", "lo", "mi", "ra", "tor", "vex", "ni", "sha", "dro", "pel", "qu", "zen", "bor", "tas", "lin", "ux",
             "cra", "ph", "syn", "ver", "gol", "em", "ix", "ano", "der", "fal", "gri", "hul", "jan", "wis")
TLDS = ("net", "org", "top", "xyz", "cc", "io")


def name(r):
    return "".join(r.choice(SYLLABLES) for _ in range(r.randint(2, 4)))


def tool(r):
    return name(r) + r.choice(("", "", "d", "-ng", "64", str(r.randint(1, 99))))


def address(r):
    return f"{r.randint(11, 223)}.{r.randint(0, 255)}.{r.randint(0, 255)}"


# weight, kind, condition
KINDS = (
    (12, "process.exec", lambda r: f'process.name in ("{tool(r)}", "{tool(r)}")'),
    (8, "process.exec", lambda r: f'process.name = "{tool(r)}" and process.args in ("-{r.choice("abcdefgh")}", "--{name(r)}")'),
    (10, "process.exec", lambda r: f'process.name in ({SHELLS}) and process.command_line contains "{name(r)}{r.choice(("/", ".sh", " -", "="))}{name(r)}"'),
    (8, "process.exec", lambda r: f'process.command_line contains ("{name(r)}.{r.choice(TLDS)}", "{name(r)}.{r.choice(TLDS)}/{name(r)}")'),
    (4, "process.exec", lambda r: f'process.parent.name in ({SERVERS}) and process.args contains "--{name(r)}-{name(r)}"'),
    (3, "process.exec", lambda r: f'process.command_line icontains "Invoke-{name(r).title()}{name(r).title()}"'),
    (2, "process.exec", lambda r: f"process.command_line regex '(curl|wget) .*{name(r)}[0-9]+\\.{r.choice(TLDS)}'"),
    (5, "process.exec", lambda r: f'process.executable startswith ("/tmp/.{name(r)}", "/dev/shm/{name(r)}")'),
    (10, "file.open", lambda r: f'file.path = "/etc/{name(r)}/{name(r)}.{r.choice(("conf", "yaml", "key"))}" and file.flags in ("O_WRONLY", "O_RDWR")'),
    (9, "file.open", lambda r: f'file.path startswith "{r.choice(HOMES)}/.{name(r)}/" and not process.name in ({EDITORS})'),
    (8, "file.open", lambda r: f'file.path endswith ("/.{name(r)}/credentials", "/{name(r)}.{r.choice(("kdbx", "pem", "wallet"))}")'),
    (7, "file.open", lambda r: f'file.path contains "/{name(r)}-{name(r)}/"'),
    (4, "file.open", lambda r: f'file.path glob "/home/*/.{name(r)}/*.{r.choice(("key", "db", "json"))}" and file.flags = "O_RDONLY"'),
    (4, "network.connect", lambda r: f'destination.ip cidr ("{address(r)}.0/24", "{address(r)}.0/24")'),
    (4, "network.connect", lambda r: f'destination.ip in ("{address(r)}.{r.randint(1, 254)}", "{address(r)}.{r.randint(1, 254)}") and not process.name = "{tool(r)}"'),
    (2, "network.connect", lambda r: f'destination.port = {r.randint(1025, 65000)} and process.name in ({SHELLS}, "{tool(r)}")'),
)


def policies(n):
    """The first ones of every N are of each kind once, so that few policies are mixed like many."""
    r = random.Random(20261128)
    weights = [k[0] for k in KINDS]
    for i in range(n):
        _, on, where = KINDS[i] if i < len(KINDS) else r.choices(KINDS, weights)[0]
        text = where(r)
        yield (f"  - name: made-{i}\n    on: {on}\n    where: >-\n      {text}\n    severity: high\n"
               f"    tags: [attack.execution]\n    message: \"{{process.executable}} did what {name(r)} does\"\n")


def main():
    n, where = int(sys.argv[1]), sys.argv[2]
    os.makedirs(where, exist_ok=True)
    out = None
    for i, text in enumerate(policies(n)):
        if i % PER_FILE == 0:
            out = open(os.path.join(where, f"made-{i:06}.yaml"), "w")
            out.write("policies:\n")
        out.write(text)
    if out:
        out.close()


main()
