/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * The process enricher: keeps the process table from FORK, EXEC, EXIT and TASK records and gives
 * every event its process, parent and ancestors.
 *
 * What is not known stays absent. Of a process whose fork or exec was lost, /proc is asked (start
 * time checked); but /proc tells of the program the process runs at that moment, which may not be
 * the one that made the event. So an answer waits until an event of the same exec_id, its own or
 * as a parent of another's, shows that the image was still there after the question; or, for
 * processes that do nothing, until the stream has passed that moment without an exec of theirs
 * and without a lost one.
 */
#include <errno.h>
#include <stdlib.h>

#include "enrichers/counter.h"
#include "enrichers/enricher.h"
#include "enrichers/known.h"
#include "enrichers/proctable.h"
#include "enrichers/texts.h"
#include "pipeline/util.h"

enum {
	SWEEP_MAX = 16, /* processes asked for in a tick */
	SETTLE_NS = 2000000000, /* the stream is in order up to this */
};

/* Without commas, which part the items of a list. */
#define SECRET_WORD "(?:password|passwd|passphrase|secret|token|api[-_]?key|access[-_]?key)"
#define REDACT_ARGS                                                                                \
	"(?i)(?<![^\\s])--?[\\w-]*" SECRET_WORD "(?:=| (?!-))(\\S+),"                              \
	"(?i)\\b\\w*" SECRET_WORD "\\w*=(\\S+),"                                                   \
	"(?s)(?:^|/)(?:mysql|mariadb)\\S* (?:.* )?-p(\\S+),"                                       \
	"(?:^|/| )sshpass (?:\\S+ )*?-p ?(\\S+),"                                                  \
	"(?i)\\b(?:bearer|basic) +([\\w.~+/=-]+),"                                                 \
	"\\w://[^\\s/:@]*:([^\\s/@]+)@,"                                                           \
	"\\b(?:AKIA|ASIA)[0-9A-Z]{16}\\b,"                                                         \
	"\\bgh[pousr]_[A-Za-z0-9]+"
#define REDACT_ENV "(?is)^[^=]*(?:pass|secret|token|key|cred|auth)[^=]*=(.*)"

struct process_cfg {
	uint64_t max_processes, max_bytes, linger_ns, check_ns, ask_rate;
	struct opt_list redact_args, redact_env, env;
};

enum process_counter {
	C_HITS,
	C_MISSES,
	C_ENTRIES,
	C_GONE,
	C_BYTES,
	C_REAPED,
	C_EVICTED,
	C_LOST_EXITS,
	C_COMPACTED,
	C_ASKED,
	C_NOT_ASKED,
	C_CONFIRMED,
	C_REDACT_GAVE_UP,
	C_NO_MEMORY,
	C_MAX
};

struct process {
	struct proctable table;
	struct process_cfg cfg; /* the caller's, strings included */
	struct outside *outside;
	struct image_plan exec_plan, task_plan;
	struct texts texts;
	struct known known;
	uint64_t asks_second, asks; /* budget of questions for unknown processes */
	uint64_t exec_lost_ns; /* when an exec, or what may be one, was last reported lost */
	counter_t counters[C_MAX];
};

static void count(struct process *s, enum process_counter c)
{
	counter_inc(&s->counters[c]);
}

static void publish(struct process *s)
{
	const struct proctable *t = &s->table;

	counter_set(&s->counters[C_ENTRIES], t->by_exec_id.count);
	counter_set(&s->counters[C_GONE], t->by_exec_id.count - t->by_pid.count);
	counter_set(&s->counters[C_BYTES], t->bytes);
	counter_set(&s->counters[C_REAPED], t->reaped);
	counter_set(&s->counters[C_EVICTED], t->evicted);
	counter_set(&s->counters[C_LOST_EXITS], t->lost_exits);
	counter_set(&s->counters[C_COMPACTED], t->compacted);
	counter_set(&s->counters[C_REDACT_GAVE_UP], texts_gave_up(&s->texts));
}

static bool exists(void *arg, uint32_t pid, uint64_t start_ns)
{
	struct process *s = arg;
	struct str answer;

	return outside_ask(s->outside, ASK_PROC_ALIVE, pid, start_ns, &answer);
}

/* Asks for what c lacks; the answers wait at p until they are proven. */
static void ask_pending(struct process *s, struct proc *p, struct ctx_process *c)
{
	uint64_t now = texts_ask(&s->texts, c, p->pid, p->start_ns);
	struct image *img;

	count(s, C_ASKED);
	if (!now)
		return;
	texts_finish(&s->texts, c);
	img = proctable_image(&s->table, c);
	if (img)
		proctable_set_pending(&s->table, p, img, now);
	else
		count(s, C_NO_MEMORY);
}

static void confirm(struct process *s, struct proc *p)
{
	proctable_set_image(&s->table, p, image_ref(p->pending), p->process.sid, p->process.pgid);
	entry_image(&s->table, p);
	lineage_changed(&s->table, p);
	count(s, C_CONFIRMED);
}

/* An event at time_ns shows that q's image was in force then. */
static void prove(struct process *s, struct proc *q, uint64_t time_ns)
{
	if (q && q->pending && time_ns > q->pending_ns)
		confirm(s, q);
}

static void prove_idle(struct process *s, uint64_t now_ns)
{
	struct proc *p;

	for (p = s->table.npending ? s->table.living.first : NULL; p; p = p->next)
		if (p->pending && now_ns > p->pending_ns && now_ns - p->pending_ns > SETTLE_NS &&
		    (!s->exec_lost_ns || s->exec_lost_ns < p->born_ns))
			confirm(s, p);
}

static void set_image(struct process *s, struct proc *p, struct image *img, uint32_t sid,
		      uint32_t pgid)
{
	if (img)
		proctable_set_image(&s->table, p, img, sid, pgid);
	else
		count(s, C_NO_MEMORY);
}

static struct proc *add(struct process *s, uint64_t exec_id, uint32_t pid, uint64_t start_ns,
			uint64_t now_ns)
{
	struct proc *p = proctable_add(&s->table, exec_id, pid, start_ns, now_ns);

	s->table.pinned[1] = p;
	if (!p)
		count(s, C_NO_MEMORY);
	return p;
}

/* The parent as a header or TASK record names it. The first two processes have the idle task for
 * a parent, which is no process. */
static void parent_from_header(struct process *s, struct proc *p, uint64_t exec_id, uint32_t ppid)
{
	if (!exec_id || p->pid <= 2)
		return;
	p->parent_exec_id = exec_id;
	p->ppid = ppid;
	p->parent = (struct ctx_parent){ .exec_id = exec_id, .pid = ppid };
	p->has_parent = true;
	proctable_changed(&s->table, p);
	lineage_changed(&s->table, p);
}

static bool may_ask(struct process *s, uint64_t time_ns)
{
	uint64_t second = time_ns / 1000000000;

	if (second != s->asks_second) {
		s->asks_second = second;
		s->asks = 0;
	}
	if (s->asks < s->cfg.ask_rate) {
		s->asks++;
		return true;
	}
	count(s, C_NOT_ASKED);
	return false;
}

/* An image that no record told of: what the header says, and a question. */
static struct proc *unknown(struct process *s, const struct ev_hdr *h)
{
	struct proc *same = proctable_pid(&s->table, h->tgid), *p;
	struct ctx_process c;

	if (same && same->start_ns != h->start_ns)
		same = NULL;
	s->table.pinned[0] = same;
	p = add(s, h->exec_id, h->tgid, h->start_ns, h->time_ns);
	if (!p)
		return NULL;
	if (same) {
		lineage_inherit(&s->table, p, same);
		entry_exec(&s->table, p, same);
	} else {
		parent_from_header(s, p, h->parent_exec_id, 0);
	}
	if (h->kind == EV_EXIT || h->kind == EV_EXEC || !may_ask(s, h->time_ns))
		return p;
	image_absent(&c);
	ask_pending(s, p, &c);
	return p;
}

static void on_fork(struct process *s, struct proc *forker, const struct ev_fork *r)
{
	struct proc *c;

	if (!forker || r->child_exec_id == forker->exec_id)
		return;
	s->table.pinned[0] = forker;
	c = proctable_find(&s->table, r->child_exec_id);
	if (!c) {
		c = add(s, r->child_exec_id, r->child_tgid, r->child_start_ns, r->h.time_ns);
		if (!c)
			return;
		c->forked = true;
	}
	if (!c->image && forker->image)
		proctable_set_image(&s->table, c, image_ref(forker->image), forker->process.sid,
				    forker->process.pgid);
	lineage_set_parent(&s->table, c, forker);
	entry_fork(&s->table, c, forker);
}

/* The image that the exec replaces, where it is known. */
static struct proc *image_before(struct process *s, const struct ev_exec *r)
{
	struct proc *old = proctable_find(&s->table, r->old_exec_id);

	if (!old) {
		old = proctable_pid(&s->table, r->h.tgid);
		if (old && old->start_ns != r->h.start_ns)
			old = NULL;
	}
	return old && old->exec_id != r->h.exec_id ? old : NULL;
}

static void set_entry(struct process *s, struct proc *p, const struct proc *old)
{
	if (old)
		entry_exec(&s->table, p, old);
	if (!p->entry)
		entry_find(&s->table, p, lineage_parent(&s->table, p));
}

/* Where there is none left, the images that are kept go, which perhaps nobody has any more. */
static void make_room(struct process *s)
{
	if (s->table.bytes >= s->cfg.max_bytes)
		known_forget(&s->known, &s->table);
}

/* A reference to the image that the record tells of; NULL without memory. */
static struct image *image_of(struct process *s, struct event *e)
{
	const struct ev_exec *r = (const struct ev_exec *)e->raw;
	struct image *img = known_find(&s->known, r);
	uint64_t compacted = s->table.compacted;
	struct ctx_process c;
	bool whole;

	if (img)
		return image_ref(img);
	make_room(s);
	image_absent(&c);
	image_from_record(&c, e, &s->exec_plan);
	c.tty = texts_tty(&s->texts, r->tty_major, r->tty_minor);
	whole = texts_finish(&s->texts, &c);
	img = proctable_image(&s->table, &c);
	if (img && whole && s->table.compacted == compacted)
		known_keep(&s->known, &s->table, r, img);
	return img;
}

static struct proc *on_exec(struct process *s, struct event *e)
{
	const struct ev_exec *r = (const struct ev_exec *)e->raw;
	struct proc *old = image_before(s, r), *p = proctable_find(&s->table, r->h.exec_id);

	s->table.pinned[0] = old;
	prove(s, old, r->h.time_ns);
	if (!p)
		p = add(s, r->h.exec_id, r->h.tgid, r->h.start_ns, r->h.time_ns);
	if (!p)
		return NULL;
	s->table.pinned[1] = p;
	if (old && old->has_parent)
		lineage_inherit(&s->table, p, old);
	else if (!p->has_parent)
		parent_from_header(s, p, r->h.parent_exec_id, 0);
	set_image(s, p, image_of(s, e), r->sid, r->pgid);
	set_entry(s, p, old);
	p->forked = p->from_task = false;
	if (old) {
		proctable_set_pending(&s->table, old, NULL, 0);
		proctable_gone(&s->table, old, false, r->h.time_ns);
	}
	return p;
}

static void on_task(struct process *s, struct event *e)
{
	const struct ev_task *r = (const struct ev_task *)e->raw;
	struct proc *p = proctable_find(&s->table, r->h.exec_id);
	struct ctx_process c;
	bool known;

	prove(s, p, r->h.time_ns);
	if (p && p->image) { /* the stream told more; most parents are known by now */
		if (!p->entry)
			lineage_refresh(&s->table, p);
		return;
	}
	if (!p) {
		p = add(s, r->h.exec_id, r->h.tgid, r->h.start_ns, r->h.time_ns);
		if (!p)
			return;
		p->from_task = true;
	}
	s->table.pinned[0] = p;
	if (!p->has_parent && r->ppid)
		parent_from_header(s, p, r->h.parent_exec_id, r->ppid);
	image_absent(&c);
	image_from_record(&c, e, &s->task_plan);
	c.tty = texts_tty(&s->texts, r->tty_major, r->tty_minor);
	known = c.executable.len || r->exec_flags & 1u << EV_EXECF_KTHREAD;
	if (known)
		texts_finish(&s->texts, &c);
	set_image(s, p, proctable_image(&s->table, &c), c.sid, c.pgid);
	if (!known || r->exec_flags & 1u << EV_EXECF_ARGS_UNREAD)
		ask_pending(s, p, &c);
	lineage_changed(&s->table, p);
}

static void show(struct process *s, struct event *e, struct proc *p)
{
	const struct ev_hdr *h = e->raw;

	if (h->time_ns > p->last_ns)
		p->last_ns = h->time_ns;
	if (p->gone_ns)
		proctable_revive(&s->table, p, h->time_ns);
	if (s->table.npending) {
		prove(s, p, h->time_ns);
		prove(s, proctable_find(&s->table, h->parent_exec_id), h->time_ns);
	}
	if (p->epoch != s->table.epoch)
		lineage_refresh(&s->table, p);
	e->ctx[CTX_PROCESS] = &p->process;
	e->image = p->image ? p->image->id : 0;
	if (p->has_parent)
		e->ctx[CTX_PARENT] = &p->parent;
	if (p->entry)
		e->ctx[CTX_ENTRY] = &p->entry->ctx;
	if (p->lineage)
		e->ctx[CTX_LINEAGE] = &p->ancestors;
}

static void on_loss(struct process *s, const struct ev_loss *r)
{
	if (r->lost_kind == EV_EXEC || r->lost_kind == EV_NONE)
		s->exec_lost_ns = r->h.time_ns;
}

static void process_event(void *state, struct event *e)
{
	struct process *s = state;
	const struct ev_hdr *h = e->raw;
	struct proc *p;

	s->table.clock_offset_ns = e->clock_offset_ns;
	s->table.pinned[0] = s->table.pinned[1] = NULL;
	if (h->kind == EV_TASK)
		on_task(s, e);
	else if (h->kind == EV_LOSS)
		on_loss(s, (const struct ev_loss *)h);
	if (!schema_kind_has_process(e->kind))
		return;
	p = proctable_find(&s->table, h->exec_id);
	if (p)
		count(s, C_HITS);
	if (h->kind == EV_EXEC) {
		p = on_exec(s, e);
	} else if (!p) {
		count(s, C_MISSES);
		p = unknown(s, h);
	}
	if (!p)
		return;
	show(s, e, p);
	if (h->kind == EV_FORK)
		on_fork(s, p, (const struct ev_fork *)h);
	e->version[CTX_PROCESS] = p->version;
	e->version[CTX_PARENT] = e->ctx[CTX_PARENT] ? p->version : 0;
	e->version[CTX_ENTRY] = e->ctx[CTX_ENTRY] ? p->version : 0;
}

static void process_after(void *state, struct event *e)
{
	struct process *s = state;
	struct proc *p;

	if (e->raw->kind == EV_EXIT) {
		p = proctable_find(&s->table, e->raw->exec_id);
		if (p)
			proctable_gone(&s->table, p, true, e->raw->time_ns);
	}
}

static void process_tick(void *state, uint64_t now_ns)
{
	struct process *s = state;

	s->table.pinned[0] = s->table.pinned[1] = NULL;
	proctable_reap(&s->table, now_ns);
	make_room(s);
	prove_idle(s, now_ns);
	if (s->cfg.check_ns)
		proctable_sweep(&s->table, now_ns, s->cfg.check_ns, SWEEP_MAX);
	publish(s);
}

static void process_running(void *state, running_fn each, void *arg)
{
	const struct process *s = state;
	struct lineage_view v;

	for (const struct proc *p = s->table.living.first; p; p = p->next) {
		struct running r = {
			.pid = p->pid,
			.start_ns = p->start_ns,
			.exec_id = p->exec_id,
			.known = proc_knows_program(p),
			.executable = p->process.executable,
			.whole = lineage_view(&s->table, p, &v),
			.near = v.near,
		};

		r.nnear = v.nnear;
		r.above = v.above;
		each(arg, &r);
	}
}

static void process_close(void *state)
{
	struct process *s = state;

	known_forget(&s->known, &s->table);
	proctable_free(&s->table);
	texts_free(&s->texts);
	free(s);
}

static int process_open(void **state, const void *cfg, struct outside *out)
{
	struct process *s = calloc(1, sizeof(*s));
	struct proctable_cfg t;
	int rc;

	if (!s)
		return -ENOMEM;
	s->cfg = *(const struct process_cfg *)cfg;
	s->outside = out;
	t = (struct proctable_cfg){ s->cfg.max_processes, s->cfg.max_bytes, s->cfg.linger_ns,
				    exists, s };
	rc = proctable_init(&s->table, &t);
	if (rc) {
		free(s);
		return rc;
	}
	rc = texts_init(&s->texts, out, &s->cfg.redact_args, &s->cfg.redact_env, &s->cfg.env);
	if (rc) {
		process_close(s);
		return rc;
	}
	image_plan(&s->exec_plan, EV_EXEC);
	image_plan(&s->task_plan, EV_TASK);
	*state = s;
	return 0;
}

static uint64_t process_counter(const void *state, uint32_t i)
{
	const struct process *s = state;

	return i < C_MAX ? counter_get(&s->counters[i]) : 0;
}

static const char *const counter_names[] = {
	"hits",      "misses",    "entries",        "gone",      "bytes",
	"reaped",    "evicted",   "lost_exits",     "compacted", "asked",
	"not_asked", "confirmed", "redact_gave_up", "no_memory", NULL,
};
_Static_assert(ARRAY_LEN(counter_names) == C_MAX + 1, "a name for each counter");

static const struct option process_opts[] = {
	{ "max_processes", OPT_UINT, OPT(struct process_cfg, max_processes), "32768", 64, 4194304,
	  NULL, "Entries of the process table" },
	{ "max_bytes", OPT_SIZE, OPT(struct process_cfg, max_bytes), "32MiB", 65536, 1ull << 32,
	  NULL, "Bytes of texts in the table; past them arguments are shortened" },
	{ "linger", OPT_DURATION, OPT(struct process_cfg, linger_ns), "5s", 0, 3600000000000, NULL,
	  "How long an entry stays after its process ended, for late events" },
	{ "check", OPT_DURATION, OPT(struct process_cfg, check_ns), "5m", 0, 86400000000000, NULL,
	  "A process without events for this long is looked up in /proc; 0: never" },
	{ "ask_rate", OPT_UINT, OPT(struct process_cfg, ask_rate), "200", 0, 100000, NULL,
	  "Processes whose start was lost that are looked up in /proc, in a second" },
	{ "redact_args", OPT_LIST, OPT(struct process_cfg, redact_args), REDACT_ARGS, 0, 0, NULL,
	  "Regular expressions; what they match in arguments, or their first group, becomes ***" },
	{ "redact_env", OPT_LIST, OPT(struct process_cfg, redact_env), REDACT_ENV, 0, 0, NULL,
	  "As redact_args, for environment variables (NAME=value)" },
	{ "env", OPT_LIST, OPT(struct process_cfg, env), NULL, 0, 0, NULL,
	  "Environment variables to report, by name; * and ? fit any text and character" },
	{ 0 },
};

const struct enricher enricher_process = {
	.name = "process",
	.help = "Process table: program, arguments, user ids, parent and all ancestors",
	.opts = process_opts,
	.cfg_size = sizeof(struct process_cfg),
	.open = process_open,
	.event = process_event,
	.after = process_after,
	.tick = process_tick,
	.running = process_running,
	.close = process_close,
	.counters = counter_names,
	.counter = process_counter,
};
