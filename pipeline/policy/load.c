/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * policy_load: finds the files, has the front end read them, and adds the policies of those
 * without an error to the set. A file is taken whole or not at all. Load time.
 */
#include <dirent.h>
#include <errno.h>
#include <sys/stat.h>

#include "pipeline/policy/definition.h"
#include "pipeline/policy/index/index.h"
#include "pipeline/policy/index/scan.h"
#include "pipeline/policy/native/native.h"
#include "pipeline/policy/strmap.h"
#include "pipeline/slurp.h"
#include "pipeline/util.h"

enum {
	FILES_MAX = 20000,
	FILES_BYTES_MAX = 192 << 20,
	COUNTED_FROM = 8 << 20, /* bytes: what fewer of them have too much of is soon read */
};

struct file {
	struct {
		dev_t dev;
		ino_t ino;
	} id;
	char path[];
};

struct file_list {
	struct file **files;
	struct strmap ids;
	uint32_t count;
	uint64_t bytes;
};

static void files_free(struct file_list *l)
{
	for (uint32_t i = 0; i < l->count; i++)
		free(l->files[i]);
	free(l->files);
	strmap_free(&l->ids);
}

/* A file that two paths lead to is read once. */
static int files_add(struct file_list *l, const char *path, const struct stat *st)
{
	CLEANUP_FREE struct file *f = calloc(1, sizeof(*f) + strlen(path) + 1);
	struct str id;

	if (!f)
		return -ENOMEM;
	f->id.dev = st->st_dev;
	f->id.ino = st->st_ino;
	memcpy(f->path, path, strlen(path));
	id = (struct str){ (const char *)&f->id, sizeof(f->id) };
	if (strmap_get(&l->ids, id))
		return 0;
	if (st->st_size > 0)
		l->bytes += MIN((uint64_t)st->st_size,
				(uint64_t)YAML_MAX_BYTES + 1); /* a larger one is refused */
	if (l->count >= FILES_MAX || l->bytes > FILES_BYTES_MAX)
		return -E2BIG;
	if (!array_grow(&l->files, l->count, sizeof(struct file *)) || strmap_put(&l->ids, id, f))
		return -ENOMEM;
	l->files[l->count++] = TAKE_PTR(f);
	return 0;
}

static bool is_policy_name(const char *name)
{
	const char *dot = strrchr(name, '.');

	return dot && dot != name && (!strcmp(dot, ".yaml") || !strcmp(dot, ".yml"));
}

static int visible(const struct dirent *e)
{
	return e->d_name[0] != '.';
}

static int by_bytes(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static int add_dir(struct file_list *l, const char *dir, uint32_t depth, struct diags *d);

static int add_entry(struct file_list *l, const char *dir, const char *name, uint32_t depth,
		     struct diags *d)
{
	CLEANUP_FREE char *path = NULL;
	struct stat st;

	if (asprintf(&path, "%s%s%s", dir, dir[0] && dir[strlen(dir) - 1] == '/' ? "" : "/", name) <
	    0) {
		path = NULL;
		return -ENOMEM;
	}
	if (stat(path, &st) < 0) {
		if (is_policy_name(name))
			diag_add(d, path, 0, 0, "cannot be read: %s", strerror(errno));
		return 0;
	}
	if (S_ISDIR(st.st_mode))
		return depth ? add_dir(l, path, depth - 1, d) : 0;
	return is_policy_name(name) ? files_add(l, path, &st) : 0;
}

static int add_dir(struct file_list *l, const char *dir, uint32_t depth, struct diags *d)
{
	struct dirent **entries = NULL;
	int n = scandir(dir, &entries, visible, by_bytes), err = 0;

	if (n < 0) {
		diag_add(d, dir, 0, 0, "cannot be read: %s", strerror(errno));
		return errno == ENOMEM ? -ENOMEM : 0;
	}
	for (int i = 0; i < n; i++) {
		if (!err)
			err = add_entry(l, dir, entries[i]->d_name, depth, d);
		free(entries[i]);
	}
	free(entries);
	return err;
}

static int add_path(struct file_list *l, const char *path, struct diags *d)
{
	uint32_t before = l->count;
	struct stat st;
	int err;

	if (stat(path, &st) < 0) {
		err = -errno;
		diag_add(d, path, 0, 0, "cannot be read: %s", strerror(-err));
		return err == -ENOENT || err == -ENOTDIR ? -ENOENT : 0;
	}
	if (!S_ISDIR(st.st_mode))
		return files_add(l, path, &st);
	err = add_dir(l, path, 1, d);
	if (!err && l->count == before)
		diag_warn(d, path, 0, 0, "no *.yaml or *.yml file in this directory");
	return err;
}

static int add_rule(struct policy_set *s, const struct policy_def *p, uint32_t kinds,
		    const struct cond *where, const struct exceptions *e, uint32_t number)
{
	int err = rules_add(&s->rules, kinds, where, (const struct cond *const *)e->conds, e->count,
			    number);

	if (!err && p->pub.action == POLICY_DROP) /* to drop it, nobody needs the event */
		s->rules.sources[s->rules.nsources - 1].kinds = 0;
	return err;
}

static int add_steps(struct policy_set *s, const struct policy_def *p)
{
	int err = 0;

	for (uint32_t i = 0; i < p->window->nsteps && !err; i++) {
		const struct window_part *step = &p->window->steps[i];

		err = add_rule(s, p, step->kinds, step->where, exceptions_of(p, i),
			       s->count | (i + 1) << POLICY_STEP_SHIFT);
	}
	return err;
}

static int add_policy(struct policy_set *s, const struct policy_def *p, struct diags *d)
{
	int err;

	if (p->disabled)
		return 0;
	if (p->window && s->nwindows >= WINDOWS_MAX) {
		diag_add(d, p->pub.file.p, p->pub.line, 1, "more than %d sequences and thresholds",
			 WINDOWS_MAX);
		return 0;
	}
	err = p->window ? add_steps(s, p)
			: add_rule(s, p, p->pub.kinds, p->where, &p->exceptions, s->count);
	if (err == -E2BIG) {
		diag_add(d, p->pub.file.p, p->pub.line, 1, "the policy needs more than %d steps",
			 STEPS_MAX);
		return 0;
	}
	if (!err && !array_grow(&s->policies, s->count, sizeof(struct policy_def *)))
		err = -ENOMEM;
	if (!err)
		s->policies[s->count++] = p;
	if (p->window)
		p->window->index = s->nwindows++;
	s->kinds |= p->pub.action == POLICY_DROP ? 0 : p->pub.kinds;
	s->suppresses |= p->suppress_ns != 0;
	return err;
}

/* A file is taken whole or not at all. */
static int add_file(struct policy_set *s, struct native *n, uint32_t file)
{
	struct diags *d = native_problems(n, file);
	struct policy_def *defs = NULL;
	struct pool pool = { 0 };
	int err = native_policies(n, file, &pool, &s->patterns, &defs);

	if (err || d->errors) {
		pool_free(&pool);
		return err;
	}
	pool_take(&s->pool, &pool);
	for (struct policy_def *p = defs; p && !err; p = p->next) {
		policy_define(p);
		err = add_policy(s, p, d);
	}
	native_digest(n, file, &s->sha);
	return err ? err : native_sources(n, file, &s->sources);
}

/* All files of a load; their problems go to d, file by file. */
static int add_files(struct policy_set *s, struct native *n, struct kept *k, struct diags *d)
{
	int err = native_check(n);

	for (uint32_t i = 0; i < native_files(n) && !err; i++)
		err = add_file(s, n, i);
	for (uint32_t i = 0; i < native_files(n); i++) {
		struct diags *own = native_problems(n, i);

		if (own->errors)
			kept_is_bad(k, native_path(n, i));
		diags_sort(own, 0);
		diags_take(d, own);
	}
	pool_take(&s->pool, native_pool(n));
	return err;
}

static struct policy_set *set_new(void)
{
	struct policy_set *s = calloc(1, sizeof(*s));

	if (s)
		sha256_init(&s->sha);
	return s;
}

/* A policy that only drops needs no event. */
static bool tells(const void *set, uint32_t policy)
{
	const struct policy_set *s = set;

	return s->policies[policy & POLICY_NUMBER_MASK]->pub.action != POLICY_DROP;
}

static struct str id_bytes(const uint64_t *id)
{
	return (struct str){ (const char *)id, sizeof(*id) };
}

/* Of two with the same id the first is found. */
static int index_id(struct policy_set *s, const struct policy_def *p)
{
	struct str id = id_bytes(&p->id);

	return strmap_get(&s->by_id, id) ? 0 : strmap_put(&s->by_id, id, (void *)(uintptr_t)p);
}

const struct policy_def *set_find(const struct policy_set *s, uint64_t id)
{
	return strmap_get(&s->by_id, id_bytes(&id));
}

static int set_end(struct policy_set *s)
{
	static const char hex[] = "0123456789abcdef";
	uint8_t sum[SHA256_DIGEST_SIZE];

	sha256_digest(&s->sha, SHA256_DIGEST_SIZE, sum);
	for (uint32_t i = 0; i < SHA256_DIGEST_SIZE; i++) {
		s->digest[2 * i] = hex[sum[i] >> 4];
		s->digest[2 * i + 1] = hex[sum[i] & 15];
	}
	s->failed_opens = rules_want_failed_opens(&s->rules, tells, s);
	for (uint32_t i = 0; i < s->count; i++)
		if (index_id(s, s->policies[i]))
			return -ENOMEM;
	return rules_seal(&s->rules);
}

static int add_text(struct native *n, const char *path, struct str text, const struct kept *k,
		    struct diags *d)
{
	struct yaml_doc *doc = NULL;
	int err = yaml_parse(&doc, path, text, d);

	return err == -ENOMEM ? err : native_add(n, path, doc, k ? k->from : NULL, d);
}

static int read_file(struct native *n, const char *path, const struct kept *k)
{
	const struct source *kept = kept_text(k, path);
	struct yaml_doc *doc = NULL;
	struct diags d = { 0 };
	int err;

	if (kept) {
		err = add_text(n, path, (struct str){ kept->text, kept->len }, k, &d);
	} else {
		err = yaml_load(&doc, path, &d);
		err = err == -ENOMEM ? err : native_add(n, path, doc, NULL, &d);
	}
	diags_free(&d);
	return err;
}

static int load_files(struct policy_set *s, const struct file_list *l, struct kept *k,
		      struct diags *d)
{
	struct native *n = NULL;
	int err = native_new(&n);

	for (uint32_t i = 0; i < l->count && !err; i++)
		err = read_file(n, l->files[i]->path, k);
	if (!err)
		err = add_files(s, n, k, d);
	else if (err == -E2BIG)
		diags_take(d, native_problems(n, native_files(n) - 1));
	native_free(n);
	return err;
}

static void count_file(const char *path, const struct source *kept, struct yaml_count *n)
{
	struct buf b = { 0 };
	char why[1];

	if (kept)
		yaml_count((struct str){ kept->text, kept->len }, n);
	else if (!slurp(path, YAML_MAX_BYTES, &b, why, sizeof(why)))
		yaml_count((struct str){ b.p, (uint32_t)b.len }, n);
	buf_free(&b);
}

/* A load that is too large is refused before it is read, which takes long. */
static int count_first(const struct file_list *l, const struct kept *k, struct diags *d)
{
	uint64_t nodes = NATIVE_NODES_MAX, policies = POLICIES_MAX; /* that are left */

	for (uint32_t i = 0; i < l->count && l->bytes > COUNTED_FROM; i++) {
		const char *path = l->files[i]->path;
		struct yaml_count n = { .nodes_max = MIN(nodes, (uint64_t)YAML_MAX_NODES),
					.items_max = policies,
					.list = "policies" };

		count_file(path, kept_text(k, path), &n);
		if (n.nodes > nodes)
			diag_add(d, path, n.line, n.column, "more than %d YAML nodes in all",
				 NATIVE_NODES_MAX);
		else if (n.items > policies)
			diag_add(d, path, n.line, n.column, "more than %d policies in all",
				 POLICIES_MAX);
		if (n.nodes > nodes || n.items > policies)
			return -E2BIG;
		nodes -= n.nodes;
		policies -= n.items;
	}
	return 0;
}

static int load_text(struct policy_set *s, const char *file, struct str text, struct diags *d)
{
	struct native *n = NULL;
	struct diags own = { 0 };
	int err = native_new(&n);

	if (!err)
		err = add_text(n, file, text, NULL, &own);
	if (!err)
		err = add_files(s, n, NULL, d);
	else if (err == -E2BIG)
		diags_take(d, native_problems(n, 0));
	native_free(n);
	diags_free(&own);
	return err;
}

int set_load(struct policy_set **out, const char *const *paths, uint32_t npaths, struct kept *k,
	     struct diags *d)
{
	struct policy_set *s = set_new();
	struct file_list l = { 0 };
	int err = s ? 0 : -ENOMEM, missing = 0;

	for (uint32_t i = 0; i < npaths && !err; i++) {
		err = add_path(&l, paths[i], d);
		if (err == -E2BIG)
			diag_add(d, paths[i], 0, 0, "more than %d files, or %d MiB of them",
				 FILES_MAX, FILES_BYTES_MAX >> 20);
		if (err == -ENOENT || err == -E2BIG) {
			missing = missing || (k && err == -ENOENT) ? missing : err;
			err = 0;
		}
	}
	if (!err && missing != -E2BIG) {
		err = count_first(&l, k, d);
		err = err ? err : load_files(s, &l, k, d);
	}
	files_free(&l);
	if (!err && !missing)
		err = set_end(s);
	if (err || missing) {
		policy_free(s);
		return err ? err : missing;
	}
	*out = s;
	return 0;
}

int policy_load(struct policy_set **out, const char *const *paths, uint32_t npaths, struct diags *d)
{
	return set_load(out, paths, npaths, NULL, d);
}

int policy_load_text(struct policy_set **out, const char *file, struct str text, struct diags *d)
{
	struct policy_set *s = set_new();
	int err = s ? load_text(s, file, text, d) : -ENOMEM;

	if (!err)
		err = set_end(s);
	if (err) {
		policy_free(s);
		return err;
	}
	*out = s;
	return 0;
}

void policy_free(struct policy_set *s)
{
	if (!s)
		return;
	rules_free(&s->rules);
	patterns_free(&s->patterns);
	sources_free(&s->sources);
	pool_free(&s->pool);
	strmap_free(&s->by_id);
	free(s->policies);
	free(s);
}

uint32_t policy_count(const struct policy_set *s)
{
	return s->count;
}

const struct policy *policy_at(const struct policy_set *s, uint32_t i)
{
	return &s->policies[i]->pub;
}

uint32_t policy_kinds(const struct policy_set *s)
{
	return s->kinds;
}

bool policy_wants_failed_opens(const struct policy_set *s)
{
	return s->failed_opens;
}

const struct policy *policy_of_rule(const struct policy_set *s, uint32_t rule)
{
	return policy_at(s, rule & POLICY_NUMBER_MASK);
}

const struct rules *policy_rules(const struct policy_set *s)
{
	return &s->rules;
}

const char *policy_values_file(const struct policy_set *s, uint32_t *at)
{
	while (*at < s->sources.count) {
		const struct source *f = &s->sources.items[(*at)++];

		if (f->values)
			return f->path;
	}
	return NULL;
}

bool policy_one_pass(void)
{
	return scan_supported();
}

uint32_t policy_always(const struct policy_set *s, uint32_t kind, uint32_t n)
{
	const struct kind_rules *kr = &s->rules.kinds[kind];
	const uint32_t *broad;
	uint32_t count = 0;

	if (kr->lookup)
		broad = index_broad(kr->lookup, &count);
	return n < count ? kr->rules[broad[n]].policy & POLICY_NUMBER_MASK : UINT32_MAX;
}

struct str policy_digest(const struct policy_set *s)
{
	return (struct str){ s->digest, sizeof(s->digest) };
}
