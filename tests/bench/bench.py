#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What Tocsin costs, measured on this machine; `make bench` runs it and prints a Markdown report.

  cost        work loops without and with the agent, alternating; medians and ratios
  alerts      agent CPU of an alert: 20,000 opens of /etc/shadow, each of which raises one
  agent CPU   user and system time of the agent per event, from /proc, over a busy loop
  rate        20,000 opens/s and 1,000 execs/s together: was anything lost?
  flood       opens from two loops, none of them filtered, 300,000 to 1,000,000 a second: was anything lost?
  consumer    `tocsin replay` of a saved stream: events/s of one core, without output and to a file
  policies    with 10 to 100,000 of them: agent CPU an event and instructions, kernel time an open; load, tables, memory
  filter      the kernel filter with 10 and 10,000 file policies: opens not wanted, seen before or not, and wanted ones
  start, RSS  time from exec to `ready:`, resident memory idle and after load
  latency     from the kernel's time stamp to the line on the agent's standard output

`--peer COMMAND` measures another agent in the same turns of cost and alerts: its command, which stays in the foreground
and ends by SIGINT.

Needs root. Ratios compare runs a few seconds apart; absolute times are the machine's.
"""
import argparse, json, os, platform, re, resource, shlex, shutil, signal, statistics, subprocess, sys, tempfile, time

TOCSIN = os.environ.get("TOCSIN", "build/tocsin")
WORK = os.environ.get("WORK", "build/tests/bench/work")
FILTER = os.environ.get("FILTER", "build/tests/bench/bench_filter")
EMPTY = os.environ.get("EMPTY", "build/bpf/vm/empty.bpf.o")  # programs that do nothing
MATCHER = os.environ.get("MATCHER", "build/tests/bench/bench_policy")
ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", ".."))


class Process:
    def cpu_s(self):
        f = open(f"/proc/{self.p.pid}/stat").read().rsplit(")", 1)[1].split()
        return (int(f[11]) + int(f[12])) / os.sysconf("SC_CLK_TCK")


class Peer(Process):
    """Another agent. It does not say when it is ready, so it gets some seconds."""

    STARTS_S = 5

    def __init__(self, command):
        self.p = subprocess.Popen(shlex.split(command), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(self.STARTS_S)
        if self.p.poll() is not None:
            sys.exit("ended at once: " + command)

    def stop(self):
        self.p.send_signal(signal.SIGINT)
        self.p.wait(60)


class Agent(Process):
    """A running `tocsin run` that writes to a directory of its own."""

    def __init__(self, *extra, outputs=None, stdout=subprocess.DEVNULL, policies="policies"):
        self.dir = tempfile.mkdtemp(prefix="tocsin-bench-")
        outputs = outputs or ["file:path=" + os.path.join(self.dir, "out")]
        argv = [TOCSIN, "run", "--policies", policies, "--stats-json", self.dir + "/stats.json", *extra]
        for o in outputs:
            argv += ["--output", o]
        self.err = open(self.dir + "/err", "w+")
        started = time.monotonic()
        self.p = subprocess.Popen(argv, stdout=stdout, stderr=self.err, cwd=ROOT)
        while "ready:" not in open(self.dir + "/err").read():
            if self.p.poll() is not None:
                sys.exit("agent ended: " + open(self.dir + "/err").read())
            time.sleep(0.002)
        self.start_s = time.monotonic() - started

    def rss_mib(self):
        text = open(f"/proc/{self.p.pid}/status").read()
        return {k: int(re.search(k + r":\s+(\d+)", text).group(1)) / 1024 for k in ("VmRSS", "RssAnon", "RssFile", "VmHWM")}

    def stop(self):
        self.p.send_signal(signal.SIGTERM)
        self.p.wait(60)
        stats = json.load(open(self.dir + "/stats.json"))
        shutil.rmtree(self.dir)
        return stats


def work(*args):
    out = subprocess.run([WORK, *map(str, args)], check=True, capture_output=True, text=True).stdout.split()
    return float(out[2])


def events_of(stats):
    """Records the consumer read, whatever their kind."""
    return sum(stats["events"].values())


def lost_of(stats):
    return sum(n for kind in stats.get("lost", {}).values() for n in kind.values())


def agents_with(peer):
    """What starts each of them, by name."""
    return {"Tocsin": Agent, **({"peer": lambda: Peer(peer)} if peer else {})}


def beside(agent, kind, n):
    """ns of an operation beside an agent, and what CPU time it takes for it in µs. Ends the agent."""
    before = agent.cpu_s()
    ns = work(kind, n)
    time.sleep(0.1)
    us = 1e6 * (agent.cpu_s() - before) / n
    agent.stop()
    return ns, us


def cost(runs, peer):
    n = {"open": 400000, "exec": 1500, "connect": 15000, "mixed": 800, "getppid": 1000000}
    agents = agents_with(peer)
    off, on = {k: [] for k in n}, {(k, a): [] for k in n for a in agents}
    for _ in range(runs):
        for k in n:  # one soon after the other: the machine's pace changes
            off[k].append(work(k, n[k]))
            for a in agents:
                on[k, a].append(beside(agents[a](), k, n[k]))
    print(f"### Cost for a workload\n\nMedians of {runs} alternating runs; ns per operation, and the ratio of the best runs."
          + (f" The peer is `{peer}`." if peer else "") + "\n")
    print("| loop | without |" + "".join(f" with {a} | ratio | of the best | agent CPU per operation, µs |" for a in agents))
    print("|---|---:|" + "---:|---:|---:|---:|" * len(agents))
    for k in n:
        print(f"| {k} | {statistics.median(off[k]):,.0f} |", end="")
        for a in agents:
            ns = [x for x, _ in on[k, a]]
            us = f"{statistics.median(x for _, x in on[k, a]):.2f}" if k != "getppid" else ""
            print(f" {statistics.median(ns):,.0f} | {statistics.median(x / y for x, y in zip(ns, off[k])):.2f} | "
                  f"{min(ns) / min(off[k]):.2f} | {us} |", end="")
        print()


def alerts(peer):
    n, used = 20000, {}
    opens = f"import os\nfor _ in range({n}): os.close(os.open('/etc/shadow', os.O_RDONLY))"
    for name, start in agents_with(peer).items():
        a = start()
        before = a.cpu_s()
        subprocess.run([sys.executable, "-c", opens], check=True)
        time.sleep(3)  # until the last was written
        used[name] = a.cpu_s() - before
        stats = a.stop()
        if name == "Tocsin" and stats["consumer"]["alerts"] < n:
            sys.exit(f"{stats['consumer']['alerts']} alerts, not {n}")
    print(f"\n### Alerts\n\nAgent CPU of an alert, {n:,} opens of /etc/shadow at once: "
          + ", ".join(f"{name} {1e6 * s / n:.1f} µs" for name, s in used.items()) + ".")


def rate(seconds):
    a = Agent()
    before = a.cpu_s()
    loads = [subprocess.Popen([WORK, "rate", k, str(r), str(seconds)], stdout=subprocess.PIPE, text=True)
             for k, r in (("open", 20000), ("exec", 1000))]
    said = [p.communicate()[0].strip() for p in loads]
    used, rss = a.cpu_s() - before, a.rss_mib()
    stats = a.stop()
    print(f"\n### {' and '.join(said)}, together for {seconds} s\n")
    print(f"{events_of(stats):,} events, {lost_of(stats):,} lost, agent CPU {100 * used / seconds:.1f} % of one core, "
          f"RSS {rss['VmRSS']:.1f} MiB (anonymous {rss['RssAnon']:.1f}, program and maps {rss['RssFile']:.1f}).")


def flood(seconds):
    print(f"\n### Floods\n\nOpens from two loops at once for {seconds} s, the kernel filter off: each crosses, is enriched and judged, or written to a "
          "file as well.\n\n| aimed at, a second | events a second | lost | agent CPU per event, µs |\n|---|---:|---:|---:|")
    for name, aim, extra in [("judged", n, ()) for n in (300000, 500000, 1000000)] + [("written", 400000, ("--record", "file.open"))]:
        a = Agent("--filter", "off", *extra)
        before = a.cpu_s()
        for p in [subprocess.Popen([WORK, "rate", "open", str(aim // 2), str(seconds)], stdout=subprocess.DEVNULL) for _ in range(2)]:
            p.wait()
        time.sleep(1)
        used, stats = a.cpu_s() - before, a.stop()
        n = events_of(stats)
        print(f"| {aim:,}, {name} | {n / seconds:,.0f} | {lost_of(stats):,} | {1e6 * used / n:.2f} |")


def replay(save, *extra, policies="policies"):
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    subprocess.run([TOCSIN, "replay", save, "--policies", policies, *extra], check=True, cwd=ROOT,
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return cpu, time.monotonic() - started


def consumer(runs):
    d = tempfile.mkdtemp(prefix="tocsin-bench-")
    save = d + "/stream"
    a = Agent("--save", save, "--filter", "off")  # a stream of all kinds, opens most of all
    work("mixed", 12000)
    n = events_of(a.stop())
    size = os.path.getsize(save)
    judged = [replay(save, "--output", "stdout:format=json") for _ in range(runs)]
    written = []
    for i in range(runs):
        written.append(replay(save, "--record", "all", "--output", f"file:path={d}/o{i},max_total=8GiB"))
        out = sum(os.path.getsize(os.path.join(d, f"o{i}", f)) for f in os.listdir(f"{d}/o{i}"))
        shutil.rmtree(f"{d}/o{i}")
    print(f"\n### Consumer on a replayed stream\n\n{n:,} records, {size / n:.0f} bytes each, medians of {runs} runs. The consumer is "
          "one thread; the file sink, another, works beside it.\n")
    print("| | events/s | events per CPU second of all threads |\n|---|---:|---:|")
    for name, times in (("validate, enrich, match (shipped policies), encode alerts", judged),
                        (f"the same and every event encoded and written to a file ({out / n:.0f} bytes each)", written)):
        cpu, wall = (statistics.median(t[i] for t in times) for i in (0, 1))
        print(f"| {name} | {n / wall:,.0f} | {n / cpu:,.0f} |")
    shutil.rmtree(d)


def children_cpu(argv):
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(argv, check=True, cwd=ROOT, stdout=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def matcher(dirs):
    """For each directory of policies: mean ns of the sample events, and instructions, counted in one run for all."""
    ns, counted, d = {}, {}, tempfile.mkdtemp(prefix="tocsin-bench-")
    for rules in dirs:
        out = subprocess.run([MATCHER, rules], check=True, capture_output=True, text=True).stdout
        ns[rules] = statistics.mean(float(x) for x in re.findall(r"(\d+) ns/event", out))
    out = subprocess.run(["valgrind", "--tool=callgrind", "--instr-atstart=no", f"--callgrind-out-file={d}/p", MATCHER, *dirs],
                         check=True, capture_output=True, text=True).stdout
    for i, (events, rules) in enumerate(re.findall(r"counted (\d+) events with (\S+)", out), 1):
        counted[rules] = int(re.search(r"^totals: (\d+)", open(f"{d}/p.{i}").read(), re.M).group(1)) / int(events)
    shutil.rmtree(d)
    return ns, counted


def filtered(runs, sources):
    """What bench_filter measured, by source."""
    out = subprocess.run([FILTER, EMPTY, str(30 * runs), *map(str, sources)], check=True, capture_output=True, text=True,
                         cwd=ROOT).stdout
    return {r["source"]: r for r in map(json.loads, out.splitlines())}


def kernel_filter(runs):
    names = (("hit_one", "not wanted, one file, seen before"), ("hit_many", "not wanted, 100,000 files in turn, seen before"),
             ("first_name", "not wanted, first time, known directory"), ("first_dir", "not wanted, first time, new directory"),
             ("wanted_one", "wanted, one file"), ("wanted_many", "wanted, 100,000 files in turn"))
    sets = filtered(runs, (10, 10000))
    print(f"\n### Kernel filter: cost of an open\n\nMade file policies (tests/bench/filter_policies.h), none of which fits but where opens are wanted. ns for "
          "open and close, five components deep, over the floor: an empty program on the same hook. First times are of 100,000 "
          f"distinct files too. Medians of {30 * runs} rounds, in which floor and agent take turns (tests/bench/bench_filter.c).\n")
    print("| open | floor | 10 policies, over it | floor | 10,000 policies, over it |\n|---|---:|---:|---:|---:|")
    for key, text in names:
        row = " | ".join(f"{r['ns'][key]['floor_ns']:,.0f} | {r['ns'][key]['above_ns']:+,.0f}" for r in sets.values())
        print(f"| {text} | {row} |")
    print()
    for r in sets.values():
        print(f"{r['policies']:,} policies: {r['states']:,} states, {r['tables_bytes'] / 1024:,.0f} KiB, made in {r['tables_ms']:,.1f} ms"
              + (f", patterns cut to {r['cut']} bytes" if r["cut"] else "") + ".")


def policies(runs, sizes):
    d = tempfile.mkdtemp(prefix="tocsin-bench-")
    dirs = {n: f"{d}/{n}" for n in sizes}
    for n, rules in dirs.items():
        subprocess.run([sys.executable, "tests/bench/rules.py", str(n), rules], check=True, cwd=ROOT)
    ns, counted = matcher(dirs.values())
    kernel = filtered(runs, dirs.values())
    print(f"\n### Cost against the number of policies\n\nMade policies (tests/bench/rules.py), none of which matches. Agent: CPU of its process per event of "
          f"the mixed loop, kernel filter off; load and memory (at most) are its own. Matcher: policy_match alone, mean of eight kinds of events "
          f"(tests/bench/bench_policy.c). Medians of {runs} runs. Kernel: ns over the floor for an open that is not wanted, seen before and the first "
          f"time in a known directory, medians of {30 * runs} rounds (tests/bench/bench_filter.c); the agent has no work with it.\n")
    print("| policies | load, CPU s | memory, MiB | agent, µs an event | matcher, ns | matcher, instructions | tables, ms | tables, KiB | "
          "kernel, seen, ns | kernel, first, ns |\n|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|")
    for n, rules in dirs.items():
        load = statistics.median(children_cpu([TOCSIN, "check", "--quiet", rules]) for _ in range(runs))
        live = []
        for _ in range(runs):
            a = Agent("--filter", "off", policies=rules)
            before = a.cpu_s()
            work("mixed", 3000)
            time.sleep(0.1)
            used, mib = a.cpu_s() - before, a.rss_mib()["VmHWM"]
            live.append(1e6 * used / events_of(a.stop()))
        k = kernel[rules]
        print(f"| {n:,} | {load:.2f} | {mib:.0f} | {statistics.median(live):.2f} | {ns[rules]:.0f} | {counted[rules]:,.0f} | {k['tables_ms']:,.1f} | "
              f"{k['tables_bytes'] / 1024:,.0f} | {k['ns']['hit_one']['above_ns']:+,.0f} | {k['ns']['first_name']['above_ns']:+,.0f} |", flush=True)
    shutil.rmtree(d)


def start_and_rss(runs):
    starts, idle = [], None
    for _ in range(runs):
        a = Agent()
        starts.append(a.start_s)
        time.sleep(0.5)
        idle = a.rss_mib()
        before = a.cpu_s()
        time.sleep(2)
        cpu = (a.cpu_s() - before) / 2
        a.stop()
    print(f"\n### Start and memory\n\nFrom exec to `ready:` {statistics.median(starts):.2f} s (median of {runs}); idle RSS "
          f"{idle['VmRSS']:.1f} MiB, of it anonymous {idle['RssAnon']:.1f}, program and maps {idle['RssFile']:.1f}; "
          f"idle CPU {100 * cpu:.2f} %.")


def latency(seconds):
    a = Agent("--record", "file.open", outputs=["stdout:format=json,records=true"], stdout=subprocess.PIPE)
    load = subprocess.Popen([WORK, "rate", "open", "1000", str(seconds)], stdout=subprocess.DEVNULL)
    late, end = [], time.monotonic() + seconds
    stamp = re.compile(rb'"@timestamp":"([^"]+)\.(\d{9})Z"')
    while time.monotonic() < end:
        line = a.p.stdout.readline()
        now = time.time_ns()
        m = stamp.search(line)
        if m:
            at = int(subprocess_time(m.group(1).decode())) * 10**9 + int(m.group(2))
            late.append((now - at) / 1e6)
    load.wait()
    a.p.stdout.close()
    a.stop()
    late.sort()
    q = lambda p: late[int(len(late) * p)]
    print(f"\n### Latency\n\nKernel time stamp to standard output at 1,000 opens/s, {len(late):,} events: "
          f"median {q(.5):.1f} ms, 99 % {q(.99):.1f} ms, longest {late[-1]:.1f} ms.")


def subprocess_time(text):
    import calendar
    return calendar.timegm(time.strptime(text, "%Y-%m-%dT%H:%M:%S"))


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--runs", type=int, default=5)
    p.add_argument("--seconds", type=int, default=10)
    p.add_argument("--only", choices=("cost", "alerts", "rate", "flood", "consumer", "policies", "filter", "start", "latency"))
    p.add_argument("--peer", metavar="COMMAND", help="of another agent")
    p.add_argument("--sizes", default="10,100,1000,10000,100000", help="numbers of policies of the curve")
    a = p.parse_args()
    cpu = re.search(r"model name\s*: (.*)", open("/proc/cpuinfo").read()).group(1)
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, cwd=ROOT).stdout.strip()
    print(f"## {time.strftime('%Y-%m-%d')}, commit {commit}\n")
    print(f"{cpu}, {os.cpu_count()} cores, kernel {platform.release()}; `make bench` (runs={a.runs}, seconds={a.seconds}).\n", flush=True)
    steps = {"cost": lambda: cost(a.runs, a.peer), "alerts": lambda: alerts(a.peer), "rate": lambda: rate(a.seconds),
             "flood": lambda: flood(a.seconds), "consumer": lambda: consumer(a.runs),
             "policies": lambda: policies(a.runs, [int(n) for n in a.sizes.split(",")]), "filter": lambda: kernel_filter(a.runs),
             "start": lambda: start_and_rss(a.runs), "latency": lambda: latency(a.seconds)}
    for name, step in steps.items():
        if a.only in (None, name):
            step()
            sys.stdout.flush()


if __name__ == "__main__":
    main()
