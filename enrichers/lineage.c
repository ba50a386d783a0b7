/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * Lineages: made once for each image that forks, from its own texts and its own lineage, and
 * shared by reference. The table's epoch is raised when an entry changes that others may show;
 * entries of an older epoch look their ancestors up again at their next event, from the top down.
 * Depth and bytes are bounded; a lineage that is cut says so in its last object.
 */
#include "enrichers/lineage.h"

#include <inttypes.h>

#include "enrichers/proctable.h"
#include "pipeline/encode.h"
#include "pipeline/util.h"

void lineage_drop(struct proctable *t, struct lineage *l)
{
	if (!l || --l->refs)
		return;
	t->bytes -= l->bytes;
	free(l);
}

static bool add_text(struct buf *b, const char *key, struct str s)
{
	bool encoded;

	if (!s.len)
		return false;
	buf_addf(b, ",\"%s\":\"", key);
	encoded = json_escape(b, s);
	buf_char(b, '"');
	return encoded;
}

static void add_start(struct buf *b, const struct proctable *t, uint64_t start_ns)
{
	const struct ctx_group_desc *g = schema_group(CTX_PROCESS);
	struct value v = { .class = EV_CLASS_TIME, .u = start_ns + (uint64_t)t->clock_offset_ns };

	if (!start_ns)
		return;
	for (uint32_t i = 0; i < g->nfields; i++)
		if (g->fields[i].offset == offsetof(struct ctx_process, start_ns)) {
			buf_lit(b, ",\"start\":");
			value_json(b, &g->fields[i], &v);
		}
}

static void add_self(struct buf *b, const struct proctable *t, const struct proc *p)
{
	uint32_t max = t->bytes < t->cfg.max_bytes ? LINEAGE_ARGS_MAX : 0;
	struct str line = str_cut(p->process.command_line, max);
	bool encoded = false;

	buf_addf(b, "{\"pid\":%" PRIu32 ",\"entity_id\":\"%016" PRIx64 "\"", p->pid, p->exec_id);
	encoded |= add_text(b, "name", p->process.name);
	encoded |= add_text(b, "executable", p->process.executable);
	encoded |= add_text(b, "command_line", line);
	if (line.len < p->process.command_line.len)
		buf_lit(b, ",\"truncated\":true");
	add_start(b, t, p->start_ns);
	if (encoded)
		buf_lit(b, ",\"encoded\":true");
	buf_char(b, '}');
}

/* The objects of `up` as far as depth and bytes allow. */
static void add_ancestors(struct buf *b, struct lineage *l, const struct lineage *up)
{
	uint32_t from = 1, n; /* behind the bracket */

	for (n = 0; n < up->depth && l->depth < LINEAGE_DEPTH_MAX; n++) {
		uint32_t len = up->ends[n] - from;

		if (b->len + len > LINEAGE_BYTES_MAX)
			break;
		buf_char(b, ',');
		buf_add(b, up->json.p + from, len);
		l->ends[l->depth++] = (uint32_t)b->len;
		from = up->ends[n] + 1;
	}
	l->cut = up->cut || n < up->depth;
}

/* One text of p, and those of so many of its ancestors that the depth is reached. */
static void add_list(struct buf *b, struct str own, struct str up, uint32_t depth)
{
	const char *end = up.p;

	if (own.len) {
		buf_str(b, own);
		buf_char(b, 0);
	}
	for (uint32_t n = 1; n < depth && end < up.p + up.len; n++)
		end = (const char *)memchr(end, 0, (size_t)(up.p + up.len - end)) + 1;
	buf_add(b, up.p, (size_t)(end - up.p));
}

/* As many whole elements as fit into max bytes. */
static struct str cut_list(struct str s, size_t max)
{
	const char *nul;

	if (s.len <= max)
		return s;
	nul = max ? memrchr(s.p, 0, max) : NULL;
	return (struct str){ s.p, nul ? (uint32_t)(nul - s.p) + 1 : 0 };
}

static void add_args(struct buf *b, struct str own, struct str up)
{
	size_t before = b->len;

	buf_str(b, own);
	buf_str(b, cut_list(up, LINEAGE_BYTES_MAX - (b->len - before)));
}

/* The texts of p and its ancestors behind the JSON; ends[i]: where the i-th list ends. */
static void add_lists(struct buf *b, const struct proctable *t, const struct proc *p,
		      uint32_t depth, size_t ends[4])
{
	static const struct lineage none;
	const struct lineage *up = p->lineage ? p->lineage : &none;
	uint32_t max = t->bytes < t->cfg.max_bytes ? LINEAGE_ARGS_MAX : 0;

	add_list(b, p->process.name, up->names, depth);
	ends[0] = b->len;
	add_list(b, p->process.executable, up->executables, depth);
	ends[1] = b->len;
	add_list(b, str_cut(p->process.command_line, max), up->command_lines, depth);
	ends[2] = b->len;
	add_args(b, cut_list(p->process.args, max), up->args);
	ends[3] = b->len;
}

static struct str part(const struct lineage *l, size_t from, size_t to)
{
	return (struct str){ l->data + from, (uint32_t)(to - from) };
}

/* A kernel may hide its first process, the parent of others, from scans. */
static bool is_top(const struct proctable *t, const struct proc *p)
{
	return p->pid <= 2 || (p->ppid == 1 && !proctable_pid(t, 1));
}

/* p and its ancestors, as p's children show them. NULL without memory. */
static struct lineage *make(struct proctable *t, const struct proc *p)
{
	struct lineage tmp = { .refs = 1 }, *l = NULL;
	struct buf b = { 0 };
	uint64_t id = ctx_process_id(p->pid, p->start_ns);
	size_t json, ends[4];

	buf_char(&b, '[');
	add_self(&b, t, p);
	tmp.ends[tmp.depth++] = (uint32_t)b.len;
	if (p->lineage)
		add_ancestors(&b, &tmp, p->lineage);
	if (tmp.cut)
		buf_lit(&b, ",{\"truncated\":true}");
	buf_char(&b, ']');
	json = b.len;
	add_lists(&b, t, p, tmp.depth, ends);
	buf_add(&b, &id, sizeof(id));
	if (tmp.depth > 1)
		buf_add(&b, p->lineage->ids.p, (tmp.depth - 1) * sizeof(id));
	if (!b.failed)
		l = malloc(sizeof(*l) + b.len);
	if (l) {
		*l = tmp;
		l->whole = proc_knows_program(p) && !l->cut &&
			   (p->lineage ? p->lineage->whole : is_top(t, p));
		l->bytes = (uint32_t)(sizeof(*l) + b.len);
		memcpy(l->data, b.p, b.len);
		l->json = part(l, 0, json);
		l->names = part(l, json, ends[0]);
		l->executables = part(l, ends[0], ends[1]);
		l->command_lines = part(l, ends[1], ends[2]);
		l->args = part(l, ends[2], ends[3]);
		l->ids = part(l, ends[3], b.len);
		t->bytes += l->bytes;
	}
	buf_free(&b);
	return l;
}

struct proc *lineage_parent(const struct proctable *t, const struct proc *p)
{
	struct proc *q = p->parent_exec_id ? proctable_find(t, p->parent_exec_id) : NULL;

	if (!q && p->ppid) {
		q = proctable_pid(t, p->ppid);
		if (q && q->start_ns > p->start_ns)
			q = NULL;
	}
	return q == p ? NULL : q;
}

static void show_parent(struct proctable *t, struct proc *p, struct proc *q)
{
	proctable_drop(t, p->parent_image);
	p->parent_image = image_ref(q->image);
	p->parent = (struct ctx_parent){ .pid = q->pid, .exec_id = q->exec_id };
	if (q->image) {
		p->parent.name = q->process.name;
		p->parent.executable = q->process.executable;
		p->parent.command_line = q->process.command_line;
		p->parent.args = q->process.args;
	}
	p->has_parent = true;
	proctable_changed(t, p);
}

/* From now on q is p's parent for good, however it was found. */
static void link_parent(struct proctable *t, struct proc *p, struct proc *q)
{
	if (p->forked && !p->image && q->image)
		proctable_set_image(t, p, image_ref(q->image), q->process.sid, q->process.pgid);
	if (!q->as_parent)
		q->as_parent = make(t, q);
	if (p->lineage == q->as_parent && p->parent_image == q->image &&
	    p->parent.exec_id == q->exec_id)
		return;
	show_parent(t, p, q);
	lineage_drop(t, p->lineage);
	p->lineage = q->as_parent;
	p->ancestors = (struct ctx_lineage){ 0 };
	if (p->lineage) {
		p->lineage->refs++;
		p->ancestors = (struct ctx_lineage){
			.names = p->lineage->names,
			.ancestors = p->lineage->json,
			.executables = p->lineage->executables,
			.command_lines = p->lineage->command_lines,
			.args = p->lineage->args,
			.ids = p->lineage->ids,
		};
	}
	lineage_drop(t, TAKE_PTR(p->as_parent));
	p->parent_exec_id = q->exec_id;
	p->ppid = 0;
}

/* A parent that is gone may not be there any more at the next event, and then another be found. */
bool lineage_view(const struct proctable *t, const struct proc *p, struct lineage_view *v)
{
	for (v->nnear = 0; !p->lineage; v->near[v->nnear++] = p->process.executable) {
		v->above = (struct str){ 0 };
		if (is_top(t, p))
			return true;
		p = lineage_parent(t, p);
		if (!p || p->gone_ns || !proc_knows_program(p) || v->nnear == LINEAGE_DEPTH_MAX)
			return false;
	}
	v->above = p->lineage->executables;
	return p->lineage->whole && v->nnear + p->lineage->depth <= LINEAGE_DEPTH_MAX;
}

void lineage_refresh(struct proctable *t, struct proc *p)
{
	struct proc *chain[LINEAGE_DEPTH_MAX], *q;
	uint32_t n = 0;

	for (q = p; q && q->epoch != t->epoch && n < LINEAGE_DEPTH_MAX; q = lineage_parent(t, q)) {
		q->epoch = t->epoch;
		chain[n++] = q;
	}
	while (n--) {
		q = lineage_parent(t, chain[n]);
		if (q)
			link_parent(t, chain[n], q);
		if (!chain[n]->entry)
			entry_find(t, chain[n], q);
	}
}

void lineage_set_parent(struct proctable *t, struct proc *p, struct proc *q)
{
	p->parent_exec_id = q->exec_id;
	p->ppid = 0;
	lineage_refresh(t, q);
	link_parent(t, p, q);
	p->epoch = t->epoch;
}

void lineage_inherit(struct proctable *t, struct proc *p, const struct proc *old)
{
	proctable_drop(t, p->parent_image);
	lineage_drop(t, p->lineage);
	lineage_drop(t, TAKE_PTR(p->as_parent));
	p->parent_exec_id = old->parent_exec_id;
	p->ppid = old->ppid;
	p->epoch = old->epoch;
	p->has_parent = old->has_parent;
	p->parent = old->parent;
	proctable_changed(t, p);
	p->ancestors = old->ancestors;
	p->parent_image = image_ref(old->parent_image);
	p->lineage = old->lineage;
	if (p->lineage)
		p->lineage->refs++;
}

void lineage_changed(struct proctable *t, struct proc *p)
{
	lineage_drop(t, TAKE_PTR(p->as_parent));
	t->epoch++;
}
