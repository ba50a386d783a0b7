/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * The keys `sequence` and `threshold` of a native policy, into a window_def (set.h). Load time.
 */
#include "pipeline/policy/native/parse.h"
#include "pipeline/util.h"

enum { TEXT_CLASSES = OP_CLASS(STR) | OP_CLASS(PATH) | OP_CLASS(COMM) };

/* `by` of a whole window or of a step. */
struct by_list {
	const struct yaml_node *items[KEYHASH_FIELDS_MAX]; /* names of fields */
	uint32_t n;
	uint8_t process; /* WINDOW_BY_… */
};

static struct window_def *new_window(struct reader *r, enum window_type type, uint32_t nsteps)
{
	struct window_def *w = reader_memory(r, 1, sizeof(*w));

	if (!w)
		return NULL;
	w->type = (uint8_t)type;
	w->nsteps = nsteps;
	w->steps = reader_memory(r, nsteps, sizeof(*w->steps));
	return w->steps ? w : NULL;
}

/* --- by --- */

static bool is_process_word(struct by_list *by, struct str s)
{
	uint8_t how = str_eq(s, STR("process"))           ? WINDOW_BY_PROCESS
		      : str_eq(s, STR("process.lineage")) ? WINDOW_BY_LINEAGE
		      : str_eq(s, STR("process.tree"))    ? WINDOW_BY_TREE
							  : WINDOW_BY_VALUES;

	by->process = how ? how : by->process;
	return how;
}

static void read_by_item(struct reader *r, const struct yaml_node *n, struct by_list *by)
{
	if (!reader_text(r, n, "by", READER_TAG_MAX))
		return;
	if (by->process && is_process_word(&(struct by_list){ 0 }, n->text))
		problem(r, n, "by names only one of process, process.lineage and process.tree");
	else if (!is_process_word(by, n->text))
		by->items[by->n++] = n;
}

/* NULL gives an empty one. */
static struct by_list read_by_list(struct reader *r, const struct yaml_node *n)
{
	struct by_list by = { 0 };

	if (!n)
		return by;
	if (n->type != YAML_LIST)
		read_by_item(r, n, &by);
	else if (!n->count || n->count > KEYHASH_FIELDS_MAX)
		problem(r, n, "by has 1 to %d fields", KEYHASH_FIELDS_MAX);
	else
		for (uint32_t i = 0; i < n->count; i++)
			read_by_item(r, n->items[i], &by);
	return by;
}

static bool bind_kind(struct reader *r, const struct yaml_node *n, uint32_t kind,
		      const struct field **out)
{
	const struct field *f = cond_field(1u << kind, n->text);
	char text[400];

	if (f && f->class != EV_CLASS_JSON) {
		*out = f;
		return true;
	}
	if (f)
		snprintf(text, sizeof(text), "%s cannot be compared", f->path);
	else
		cond_field_unknown(1u << kind, n->text, text, sizeof(text));
	problem(r, n, "%s", text);
	return false;
}

/* The fields of one step, for events of p->pub.kinds: each of them must have all. */
static void bind_by(struct reader *r, const struct by_list *by, struct window_part *step)
{
	for (uint32_t i = 0; i < by->n; i++)
		for (uint32_t k = 0; k < EV_MAX; k++)
			if (r->p->pub.kinds & 1u << k &&
			    !bind_kind(r, by->items[i], k, &step->by[k][i]))
				break;
}

static uint32_t class_group(const struct field *f)
{
	return TEXT_CLASSES & 1u << f->class ? (uint32_t)TEXT_CLASSES : 1u << f->class;
}

/* Fields that are compared must be comparable: their values are hashed. */
static void check_classes(struct reader *r, const struct yaml_node *n, const struct window_def *w)
{
	for (uint32_t i = 0; i < w->nby; i++) {
		const struct field *first = NULL;

		for (uint32_t j = 0; j < w->nsteps * EV_MAX; j++) {
			const struct field *f = w->steps[j / EV_MAX].by[j % EV_MAX][i];

			first = first ? first : f;
			if (!f || class_group(f) == class_group(first))
				continue;
			problem(r, n, "%s and %s can never be equal: they are of different types",
				first->path, f->path);
			return;
		}
	}
}

/* --- sequence --- */

static bool is_word_of_fields(struct str name, const struct field *f, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		if (f[i].path && str_starts(str_of(f[i].path), name) && f[i].path[name.len] == '.')
			return true;
	return false;
}

/* {file.path} in a message must mean one thing. */
static bool begins_fields(struct str name)
{
	bool yes = is_word_of_fields(name, schema_header, schema_header_len);

	for (uint32_t k = 1; k < EV_MAX; k++)
		yes |= is_word_of_fields(name, schema_kind(k)->fields, schema_kind(k)->nfields);
	for (uint32_t g = 0; g < CTX_MAX; g++)
		yes |= is_word_of_fields(name, schema_group(g)->fields, schema_group(g)->nfields);
	return yes;
}

static void read_step_name(struct reader *r, const struct yaml_node *n, uint32_t i)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyz0123456789_-";
	struct window_def *w = r->p->window;
	struct str s = n->text;

	if (!reader_text(r, n, "name of a step", READER_NAME_MAX))
		return;
	for (uint32_t j = 0; j < s.len; j++) {
		if (s.p[j] && strchr(allowed, s.p[j]) && (j || s.p[j] >= 'a'))
			continue;
		problem(r, n,
			"name of a step: a small letter, then small letters, digits, _ and -");
		return;
	}
	for (uint32_t j = 0; j < i; j++)
		if (str_eq(s, w->steps[j].name))
			problem(r, n, "step %u has this name too", j + 1);
	if (begins_fields(s))
		problem(r, n, "name of a step: %.*s is what fields begin with", SHOWN(s));
	w->steps[i].name = reader_keep(r, s);
}

static void read_not(struct reader *r, const struct yaml_node *n, uint32_t i)
{
	bool yes = str_eq(n->text, STR("true")), no = str_eq(n->text, STR("false"));

	if (n->type != YAML_SCALAR || n->quoted || (!yes && !no))
		problem(r, n, "not is true or false");
	else if (yes && !i)
		problem(r, n, "the first step must happen: nothing else starts the time");
	r->p->window->steps[i].negated = yes && i;
}

static void read_step_by(struct reader *r, const struct yaml_node *n, const struct by_list *whole,
			 uint32_t i, bool is_sure)
{
	struct window_def *w = r->p->window;
	struct by_list own = read_by_list(r, n);
	const struct by_list *by = n ? &own : whole;

	if (own.process)
		problem(r, n,
			"process, process.lineage and process.tree go into the by of the sequence");
	if (!i)
		w->nby = by->n;
	else if (by->n != w->nby)
		problem(r, n ? n : r->node, "step %u is joined by %u fields, step 1 by %u", i + 1,
			by->n, w->nby);
	if (is_sure)
		bind_by(r, by, &w->steps[i]);
}

static void read_step(struct reader *r, const struct yaml_node *n, const struct by_list *whole,
		      uint32_t i)
{
	static const char *const names[] = { "name", "on", "where", "by", "not" };
	struct window_part *step = &r->p->window->steps[i];
	const struct yaml_node *v;
	bool is_sure;

	if (n->type != YAML_MAP) {
		problem(r, n, "a step is a map with on and where");
		return;
	}
	reader_unknown_keys(r, n, names, ARRAY_LEN(names), "a step");
	v = yaml_get(n, "name");
	if (v)
		read_step_name(r, v, i);
	v = yaml_get(n, "not");
	if (v)
		read_not(r, v, i);
	if (!yaml_get(n, "on"))
		problem(r, n, "the step has no on");
	is_sure = reader_on(r, yaml_get(n, "on"));
	step->kinds = r->p->pub.kinds;
	v = yaml_get(n, "where");
	if (v)
		step->where = reader_expression(r, v, "where");
	else
		problem(r, n, "the step has no where");
	read_step_by(r, yaml_get(n, "by"), whole, i, is_sure);
}

static void read_within(struct reader *r, const struct yaml_node *map, const char *what)
{
	const struct yaml_node *n = yaml_get(map, "within");

	if (n)
		r->p->window->within_ns = reader_time(r, n, "within");
	else
		problem(r, map, "the %s has no within", what);
}

/* What a message may say of the steps. */
static void open_scope(struct reader *r)
{
	struct window_def *w = r->p->window;
	uint32_t happened = 0;

	for (uint32_t i = 0; i < w->nsteps; i++) {
		r->scope.names[i] = w->steps[i].name;
		r->scope.kinds[i] = w->steps[i].negated ? 0 : w->steps[i].kinds;
		if (w->steps[i].negated)
			continue;
		w->last = (uint8_t)i;
		w->order[happened++] = (uint8_t)i;
	}
	w->trailing = w->steps[w->nsteps - 1].negated;
	r->scope.nsteps = w->nsteps;
	r->scope.last = w->last;
	r->p->pub.kinds = w->steps[w->last].kinds;
	if (!r->p->pub.kinds)
		reader_on(r, NULL);
}

static void refuse_beside(struct reader *r, const char *key)
{
	const struct yaml_node *n = yaml_get(r->node, key);

	if (n)
		problem(r, n, "a policy with a sequence has no %s of its own: its steps do", key);
}

void native_sequence(struct reader *r, const struct yaml_node *n)
{
	static const char *const names[] = { "by", "within", "steps" };
	const struct yaml_node *steps = yaml_get(n, "steps");
	struct by_list by;

	refuse_beside(r, "on");
	refuse_beside(r, "where");
	if (n->type != YAML_MAP) {
		problem(r, n, "sequence is a map with within, steps, and by if you like");
		return;
	}
	reader_unknown_keys(r, n, names, ARRAY_LEN(names), "a sequence");
	if (!steps || steps->type != YAML_LIST || steps->count < 2 ||
	    steps->count > WINDOW_STEPS_MAX) {
		problem(r, steps ? steps : n, "a sequence has a list of 2 to %d steps",
			WINDOW_STEPS_MAX);
		return;
	}
	r->p->window = new_window(r, WINDOW_SEQUENCE, steps->count);
	if (!r->p->window)
		return;
	by = read_by_list(r, yaml_get(n, "by"));
	r->p->window->by_process = by.process;
	read_within(r, n, "sequence");
	for (uint32_t i = 0; i < steps->count; i++)
		read_step(r, steps->items[i], &by, i);
	check_classes(r, n, r->p->window);
	open_scope(r);
}

/* --- threshold --- */

static void read_more_than(struct reader *r, const struct yaml_node *n)
{
	uint32_t max = r->p->window->is_distinct ? WINDOW_DISTINCT_MAX : WINDOW_COUNT_MAX;
	uint64_t value = 0;
	bool negative = false;
	char unit = '\0';
	int err = n->type == YAML_SCALAR ? number_parse(n->text, false, &value, &negative, &unit)
					 : -1;

	if (err || unit || negative || !value || value > max)
		problem(r, n, "more_than is a number from 1 to %u%s", max,
			r->p->window->is_distinct ? " where values are distinct" : "");
	else
		r->p->window->more_than = (uint32_t)value;
}

static void read_distinct(struct reader *r, const struct yaml_node *n)
{
	struct window_part as_by = { 0 };
	struct by_list one = { .items = { n }, .n = 1 };

	if (!reader_text(r, n, "distinct", READER_TAG_MAX))
		return;
	bind_by(r, &one, &as_by);
	for (uint32_t k = 0; k < EV_MAX; k++)
		r->p->window->distinct[k] = as_by.by[k][0];
}

/* n: NULL gives an empty one. */
static void read_threshold_by(struct reader *r, const struct yaml_node *n)
{
	struct window_def *w = r->p->window;
	struct by_list by = read_by_list(r, n);

	if (by.process == WINDOW_BY_LINEAGE)
		problem(r, n,
			"process.lineage joins the steps of a sequence: a threshold has no first process");
	w->by_process = by.process;
	w->nby = by.n;
	memset(w->steps[0].by, 0, sizeof(w->steps[0].by));
	bind_by(r, &by, &w->steps[0]);
}

void native_threshold(struct reader *r, const struct yaml_node *n)
{
	static const char *const names[] = { "more_than", "distinct", "within", "by" };
	const struct yaml_node *more = yaml_get(n, "more_than"), *distinct;
	struct window_def *w;

	if (r->p->window || yaml_get(r->node, "sequence")) {
		problem(r, n, "a policy has a sequence or a threshold, not both");
		return;
	}
	if (n->type != YAML_MAP) {
		problem(r, n,
			"threshold is a map with more_than, within, and distinct and by if "
			"you like");
		return;
	}
	reader_unknown_keys(r, n, names, ARRAY_LEN(names), "a threshold");
	w = r->p->window = new_window(r, WINDOW_THRESHOLD, 1);
	if (!w)
		return;
	distinct = yaml_get(n, "distinct");
	w->is_distinct = distinct;
	if (distinct)
		read_distinct(r, distinct);
	if (more)
		read_more_than(r, more);
	else
		problem(r, n, "the threshold has no more_than");
	read_within(r, n, "threshold");
	w->steps[0].kinds = r->p->pub.kinds;
	w->steps[0].where = r->p->where;
	read_threshold_by(r, yaml_get(n, "by"));
	check_classes(r, n, w);
	r->scope.number = distinct ? "distinct" : "count";
}

/* --- overrides --- */

/* Is it a map that changes a window of the policy? False after a report. */
static bool can_change(struct reader *r, const struct yaml_node *n, enum window_type type,
		       const char *const *names, uint32_t nnames)
{
	const char *word = type == WINDOW_SEQUENCE ? "sequence" : "threshold";
	const struct target *t = strmap_get(&r->n->targets, r->p->pub.name);
	char what[40];

	if (n->type != YAML_MAP) {
		problem(r, n, "%s in an override is a map of what to change", word);
		return false;
	}
	snprintf(what, sizeof(what), "a %s in an override", word);
	reader_unknown_keys(r, n, names, nnames, what);
	if (r->p->window && r->p->window->type == type)
		return true;
	if (t && !yaml_get(t->node, word)) /* else it is wrong, and told of where it stands */
		problem(r, n, "the policy has no %s", word);
	return false;
}

static void refuse_change(struct reader *r, const struct yaml_node *map, const char *key)
{
	const struct yaml_node *n = yaml_get(map, key);

	if (n)
		problem(r, n, "%s cannot be changed: disable the policy and write one of your own",
			key);
}

void native_override_sequence(struct reader *r, const struct yaml_node *n)
{
	static const char *const names[] = { "within", "by", "steps" };

	if (!can_change(r, n, WINDOW_SEQUENCE, names, ARRAY_LEN(names)))
		return;
	refuse_change(r, n, "by");
	refuse_change(r, n, "steps");
	if (yaml_get(n, "within"))
		read_within(r, n, "sequence");
}

void native_override_threshold(struct reader *r, const struct yaml_node *n)
{
	static const char *const names[] = { "more_than", "within", "by", "distinct" };
	const struct yaml_node *more = yaml_get(n, "more_than"), *by = yaml_get(n, "by");

	if (!can_change(r, n, WINDOW_THRESHOLD, names, ARRAY_LEN(names)))
		return;
	refuse_change(r, n, "distinct");
	if (more)
		read_more_than(r, more);
	if (yaml_get(n, "within"))
		read_within(r, n, "threshold");
	if (by) {
		read_threshold_by(r, by);
		check_classes(r, n, r->p->window);
	}
}

/* --- all --- */

void native_window_end(struct reader *r)
{
	const struct yaml_node *action = yaml_get(r->node, "action");
	struct window_def *w = r->p->window;

	if (!w)
		return;
	if (r->p->pub.action != POLICY_ALERT)
		problem(r, action, "a sequence or threshold can only alert");
	r->p->pub.kinds = 0;
	for (uint32_t i = 0; i < w->nsteps; i++)
		r->p->pub.kinds |= w->steps[i].kinds;
}
