# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Checks on the sources themselves, called by the .test files beside it: lint.py CHECK..."""
import os, re, subprocess, sys

IF_ALLOWED = {"bpf/compat.h", "bpf/event.h", "pipeline/aio.c"}
C_DIRS = ("bpf", "probes", "pipeline", "enrichers", "sinks", "tests")
PRODUCT = C_DIRS[:-1]
FILE_LISTED, FILE_MAX, FUNCTION_LISTED, FUNCTION_MAX, INCLUDES_MAX = 600, 1000, 60, 80, 8
B = os.environ.get("B", "build")


def tracked():
    """The files of the tree, also where it belongs to another user, as in a container of a CI."""
    r = subprocess.run(["git", "-c", "safe.directory=*", "ls-files", "-co", "--exclude-standard"], capture_output=True, text=True)
    names = [n for n in r.stdout.split("\n") if n and os.path.isfile(n)]
    if not names:
        sys.exit("git lists no files, so nothing can be checked: " + r.stderr)
    return names


def sources(dirs=C_DIRS, ext=(".c", ".h")):
    return [n for n in tracked() if n.endswith(ext) and n.split("/")[0] in dirs]


def lines(name):
    with open(name, encoding="utf-8", errors="replace") as f:
        return f.read().split("\n")


def report(what, problems):
    for p in problems:
        print("# " + p)
    print(("not ok " if problems else "ok ") + what)


def functions(text):
    """(line, length) of each body: its braces stand alone in the first column."""
    start = None
    for i, line in enumerate(text, 1):
        if line == "{":
            start = i
        elif start and line.startswith("}"):
            yield start, i - start + 1
            start = None


def files():
    bad = []
    for n in tracked():
        if not n.endswith((".c", ".h", ".def", ".py", ".sh", ".test")):
            continue
        count = len(lines(n)) - 1
        if count > FILE_MAX:
            bad.append(f"{n}: {count} lines, at most {FILE_MAX}")
        elif count > FILE_LISTED:
            print(f"# over the budget of {FILE_LISTED}: {n}, {count} lines")
    report("lint/file-length", bad)


def function_length():
    bad = []
    for n in sources():
        for at, count in functions(lines(n)):
            if count > FUNCTION_MAX:
                bad.append(f"{n}:{at}: a function of {count} lines, at most {FUNCTION_MAX}")
            elif count > FUNCTION_LISTED:
                print(f"# over the budget of {FUNCTION_LISTED}: {n}:{at}, {count} lines")
    report("lint/function-length", bad)


def conditionals():
    bad = []
    for n in sources(PRODUCT):
        if n in IF_ALLOWED:
            continue
        text = lines(n)
        guard = n.endswith(".h")
        for i, line in enumerate(text, 1):
            if not re.match(r"\s*#\s*(if|ifdef|ifndef|elif|else)\b", line):
                continue
            if guard and line.startswith("#ifndef ") and text[i].startswith("#define " + line.split()[1]):
                guard = False
                continue
            bad.append(f"{n}:{i}: {line.strip()}")
    report("lint/conditionals", bad)


def includes():
    bad = []
    for n in sources(PRODUCT, (".c",)):
        own = {m.group(1) for m in (re.match(r'#include "(.*\.h)"', l) for l in lines(n)) if m}
        if len(own) > INCLUDES_MAX:
            bad.append(f"{n}: {len(own)} own includes, at most {INCLUDES_MAX}")
    report("lint/own-includes", bad)


def languages():
    """A policy language ends at its folder: of the product only load.c includes what lies there."""
    inside = ("pipeline/policy/native/",)
    bad = [f"{n} includes {d}" for n in sources(PRODUCT) if n != "pipeline/policy/load.c"
           for d in inside if not n.startswith(d) and any(l.startswith(f'#include "{d}') for l in lines(n))]
    report("lint/policy-languages", bad)


def globals_():
    """Global symbols in writable sections; .data.rel.ro is constant but for relocation."""
    out = subprocess.run(["objdump", "-t", f"{B}/libtocsin.a"], capture_output=True, text=True).stdout
    if "SYMBOL TABLE" not in out:
        return report("lint/mutable-globals", [f"{B}/libtocsin.a is not there"])
    member, bad = "", []
    for l in out.split("\n"):
        m = re.match(r"(\S+\.o):", l)
        member = m.group(1) if m else member
        m = re.match(r"[0-9a-f]+ g.{6} (\S+)\s+[0-9a-f]+\s+(.*)", l)
        if m and re.match(r"(\.data(?!\.rel\.ro)|\.bss|\.tdata|\.tbss|\*COM\*)", m.group(1)) and not m.group(2).startswith("_binary_"):
            bad.append(f"{member}: {m.group(2)} in {m.group(1)}")
    report("lint/mutable-globals", bad)


def whitespace():
    bad = []
    for n in tracked():
        data = open(n, "rb").read()
        if b"\0" in data or "/corpus/" in n:
            continue
        for i, line in enumerate(data.split(b"\n"), 1):
            if line != line.rstrip():
                bad.append(f"{n}:{i}: white space at the end")
        if data and not data.endswith(b"\n"):
            bad.append(f"{n}: no newline at the end")
    report("lint/white-space", bad)


def licence():
    kinds = (".c", ".h", ".def", ".sh", ".py", ".test")
    bad = [n + ": no SPDX line" for n in tracked() if n.endswith(kinds) and "/corpus/" not in n
           and not any("SPDX-License-Identifier" in l for l in lines(n)[:3])]
    report("lint/licence", bad)


def layout():
    """Not headers: they keep the members of structs and their comments aligned by hand."""
    names = sources(ext=(".c",))
    if subprocess.run(["sh", "-c", "command -v clang-format-14"], capture_output=True).returncode:
        return print("skip lint/layout: clang-format-14 is not installed")
    out = subprocess.run(["clang-format-14", "--dry-run", *names], capture_output=True, text=True).stderr
    bad = sorted({l.split(":")[0] for l in out.split("\n") if "clang-format-violations" in l})
    report("lint/layout", [n + ": run clang-format-14 -i on it" for n in bad])


CHECKS = {"files": files, "functions": function_length, "conditionals": conditionals, "includes": includes, "languages": languages,
          "globals": globals_, "whitespace": whitespace, "licence": licence, "layout": layout}

for name in sys.argv[1:]:
    CHECKS[name]()
