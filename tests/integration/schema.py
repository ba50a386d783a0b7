# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The field tables, read from the .def files: what a document may and must hold."""
import functools
import os
import re

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
ROW = re.compile(r'^\s*(EV_HDR|EV_BEGIN|EV_FIELD|EV_OPT|EV_ID|EV_CTX|EV_END|CTX_BEGIN|CTX_FIELD|'
                 r'CTX_OPT|CTX_ID|CTX_END)\((.*)\)\s*(?:/\*.*)?$')


class Field:
    def __init__(self, kind, type_, path):
        self.kind, self.type, self.path = kind, type_, path
        self.always = kind in ('EV_FIELD', 'CTX_FIELD', 'EV_HDR')


def rows(path):
    with open(os.path.join(ROOT, path)) as f:
        for line in f:
            m = ROW.match(line)
            if m:
                args = [a.strip() for a in re.findall(r'"[^"]*"|[^,]+', m.group(2))]
                yield m.group(1), [a for a in args if a]


@functools.lru_cache(None)
def tables():
    """({kind: {path: Field}}, {group: {path: Field}})"""
    kinds, groups, header, current = {}, {}, {}, None
    for macro, a in list(rows('bpf/events.def')) + list(rows('enrichers/context.def')):
        if macro == 'EV_BEGIN':
            current = kinds[a[2].strip('"')] = dict(header)
        elif macro == 'CTX_BEGIN':
            current = groups[a[0]] = {}
        elif macro in ('EV_FIELD', 'EV_OPT', 'EV_ID', 'CTX_FIELD', 'CTX_OPT', 'CTX_ID'):
            current[a[2].strip('"')] = Field(macro, a[0], a[2].strip('"'))
        elif macro == 'EV_HDR' and a[2] != 'NULL':
            header[a[2].strip('"')] = Field(macro, a[0], a[2].strip('"'))
    return kinds, groups


def leaves(node, prefix=''):
    """Every path of a document with its value; a list is a value."""
    for key, value in node.items():
        path = f'{prefix}.{key}' if prefix else key
        if isinstance(value, dict):
            yield from leaves(value, path)
        else:
            yield path, value


# What records of other kinds than process.exec leave to the exec and to alerts.
DETAILS = ('process.args', 'process.env_vars', 'process.capabilities.', 'process.namespace.',
           'process.file.', 'process.interpreter', 'process.requested_executable',
           'process.parent.args', 'user.saved.', 'group.effective.', 'group.saved.', 'host.boot.',
           'host.os.', 'host.architecture')
ALERT_ONLY = ('process.ancestors', 'process.ancestor_names', 'rule.name', 'rule.severity',
              'rule.description', 'event.severity', 'tags', 'tocsin.matched', 'tocsin.suppressed')


def has_details(doc):
    return doc['event']['kind'] == 'alert' or doc['event']['action'] == 'process.exec'


def is_detail(path):
    return any(path.startswith(d) if d.endswith('.') else path == d for d in DETAILS)


def problems(doc):
    """What is in the document and in no table, and what is promised and missing."""
    kinds, groups = tables()
    kind = doc.get('event', {}).get('action')
    if kind not in kinds:
        return [f'unknown event.action {kind!r}']
    known = dict(kinds[kind])
    for fields in groups.values():
        known.update(fields)
    present = dict(leaves(doc))
    out = [f'{p} is in no table' for p in present if p not in known]
    detailed = has_details(doc)
    if not detailed:
        out += [f'{p} is in a small record' for p in present if is_detail(p)]
    if doc['event']['kind'] != 'alert':
        out += [f'{p} is in a record' for p in present if p in ALERT_ONLY]
    must = [f for f in kinds[kind].values() if f.always]
    must += [f for g in ('DOC', 'HOST') for f in groups[g].values() if f.always]
    # tocsin.flags is a set of bits: empty means absent, like OPT
    out += [f'{f.path} is missing' for f in must if f.path not in present and f.path != 'tocsin.flags'
            and (detailed or not is_detail(f.path))]
    return out
