/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * policy_load: finds the files, has the front end read each, and adds the policies of those
 * without an error to the set. A file is taken whole or not at all. Load time.
 */
#include <dirent.h>
#include <errno.h>
#include <sys/stat.h>

#include "pipeline/policy/definition.h"
#include "pipeline/policy/native.h"
#include "pipeline/util.h"

enum { FILES_MAX = 20000 };

struct file_list {
	char **paths;
	struct file_id {
		dev_t dev;
		ino_t ino;
	} * ids;
	uint32_t count;
};

static void files_free(struct file_list *l)
{
	for (uint32_t i = 0; i < l->count; i++)
		free(l->paths[i]);
	free(l->paths);
	free(l->ids);
}

/* A file that two paths lead to is read once. */
static int files_add(struct file_list *l, const char *path, const struct stat *st)
{
	char **paths;
	struct file_id *ids;

	for (uint32_t i = 0; i < l->count; i++)
		if (l->ids[i].dev == st->st_dev && l->ids[i].ino == st->st_ino)
			return 0;
	if (l->count >= FILES_MAX)
		return -E2BIG;
	paths = reallocarray(l->paths, l->count + 1, sizeof(*paths));
	if (!paths)
		return -ENOMEM;
	l->paths = paths;
	ids = reallocarray(l->ids, l->count + 1, sizeof(*ids));
	if (!ids)
		return -ENOMEM;
	l->ids = ids;
	paths[l->count] = strdup(path);
	if (!paths[l->count])
		return -ENOMEM;
	ids[l->count++] = (struct file_id){ st->st_dev, st->st_ino };
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

static const struct policy_def *find_name(const struct policy_set *s, const struct policy_def *own,
					  const struct policy_def *p)
{
	for (uint32_t i = 0; i < s->nnames; i++)
		if (str_eq(s->names[i]->pub.name, p->pub.name))
			return s->names[i];
	for (; own != p; own = own->next)
		if (str_eq(own->pub.name, p->pub.name))
			return own;
	return NULL;
}

static void check_names(const struct policy_set *s, const struct policy_def *defs, struct diags *d)
{
	for (const struct policy_def *p = defs; p; p = p->next) {
		const struct policy_def *other = p->pub.name.len ? find_name(s, defs, p) : NULL;

		if (other)
			diag_add(d, p->pub.file.p, p->name_line, p->name_column,
				 "policy %.*s is defined already, in %s:%u", (int)p->pub.name.len,
				 p->pub.name.p, other->pub.file.p, other->pub.line);
	}
}

static int keep_pointer(const struct policy_def ***array, uint32_t *count,
			const struct policy_def *p)
{
	const struct policy_def **grown;

	if (!(*count & (*count - 1))) {
		grown = reallocarray(*array, *count ? (size_t)*count * 2 : 1, sizeof(*grown));
		if (!grown)
			return -ENOMEM;
		*array = grown;
	}
	(*array)[(*count)++] = p;
	return 0;
}

static int add_rule(struct policy_set *s, const struct policy_def *p, uint32_t kinds,
		    const struct cond *where, uint32_t number)
{
	return rules_add(&s->rules, kinds, where, (const struct cond *const *)p->exceptions,
			 p->nexceptions, number);
}

static int add_steps(struct policy_set *s, const struct policy_def *p)
{
	int err = 0;

	for (uint32_t i = 0; i < p->window->nsteps && !err; i++) {
		const struct window_part *step = &p->window->steps[i];

		err = add_rule(s, p, step->kinds, step->where,
			       s->count | (i + 1) << POLICY_STEP_SHIFT);
	}
	return err;
}

static int add_policy(struct policy_set *s, const struct policy_def *p, struct diags *d)
{
	int err = keep_pointer(&s->names, &s->nnames, p);

	if (err || p->disabled)
		return err;
	if (p->window && s->nwindows >= WINDOWS_MAX) {
		diag_add(d, p->pub.file.p, p->pub.line, 1, "more than %d sequences and thresholds",
			 WINDOWS_MAX);
		return 0;
	}
	err = s->count >= POLICIES_MAX ? -E2BIG : 0;
	if (!err)
		err = p->window ? add_steps(s, p)
				: add_rule(s, p, p->pub.kinds, p->where, s->count);
	if (err == -E2BIG) {
		diag_add(d, p->pub.file.p, p->pub.line, 1,
			 s->count >= POLICIES_MAX ? "more than %d policies"
						  : "the policy needs more than %d steps",
			 s->count >= POLICIES_MAX ? POLICIES_MAX : STEPS_MAX);
		return 0;
	}
	if (!err)
		err = keep_pointer(&s->policies, &s->count, p);
	if (p->window)
		p->window->index = s->nwindows++;
	s->kinds |= p->pub.kinds;
	s->suppresses |= p->suppress_ns != 0;
	return err;
}

/* Name and text of each good file; the folder it lies in is no part of what it says. */
static void digest_file(struct policy_set *s, const char *file, struct str text)
{
	const char *base = strrchr(file, '/');
	uint64_t len = text.len;

	base = base ? base + 1 : file;
	sha256_add(&s->sha, base, strlen(base) + 1);
	sha256_add(&s->sha, &len, sizeof(len));
	sha256_add(&s->sha, text.p, text.len);
}

static int add_doc(struct policy_set *s, const struct yaml_doc *doc, const char *file,
		   struct diags *d)
{
	struct policy_def *defs = NULL;
	struct pool pool = { 0 };
	uint32_t before = d->errors, first = d->count, n = s->nnames;
	int err = native_file(doc, file, &pool, &s->patterns, d, &defs);

	if (!err)
		check_names(s, defs, d);
	diags_sort(d, first);
	if (err || d->errors != before) {
		pool_free(&pool);
		return err;
	}
	pool_take(&s->pool, &pool);
	for (struct policy_def *p = defs; p && !err; p = p->next) {
		policy_define(p);
		err = add_policy(s, p, d);
	}
	digest_file(s, file, yaml_source(doc));
	return err ? err : sources_add(&s->sources, file, yaml_source(doc), s->nnames - n);
}

static struct policy_set *set_new(void)
{
	struct policy_set *s = calloc(1, sizeof(*s));

	if (s)
		sha256_init(&s->sha);
	return s;
}

static int set_end(struct policy_set *s)
{
	static const char hex[] = "0123456789abcdef";
	uint8_t sum[SHA256_BYTES];

	sha256_end(&s->sha, sum);
	for (uint32_t i = 0; i < SHA256_BYTES; i++) {
		s->digest[2 * i] = hex[sum[i] >> 4];
		s->digest[2 * i + 1] = hex[sum[i] & 15];
	}
	s->failed_opens = rules_want_failed_opens(&s->rules);
	return rules_seal(&s->rules);
}

static int read_file(struct yaml_doc **doc, const char *path, const struct kept *k, struct diags *d)
{
	const struct source *kept = kept_text(k, path);

	return kept ? yaml_parse(doc, path, (struct str){ kept->text, kept->len }, d)
		    : yaml_load(doc, path, d);
}

static int load_files(struct policy_set *s, const struct file_list *l, const struct kept *k,
		      struct diags *d)
{
	int err = 0;

	for (uint32_t i = 0; i < l->count && !err; i++) {
		struct yaml_doc *doc = NULL;

		err = read_file(&doc, l->paths[i], k, d);
		if (err) {
			err = err == -ENOMEM ? err : 0;
			continue;
		}
		err = add_doc(s, doc, l->paths[i], d);
		yaml_doc_free(doc);
	}
	return err;
}

int set_load(struct policy_set **out, const char *const *paths, uint32_t npaths,
	     const struct kept *k, struct diags *d)
{
	struct policy_set *s = set_new();
	struct file_list l = { 0 };
	int err = s ? 0 : -ENOMEM, missing = 0;

	for (uint32_t i = 0; i < npaths && !err; i++) {
		err = add_path(&l, paths[i], d);
		if (err == -E2BIG)
			diag_add(d, paths[i], 0, 0, "more than %d files", FILES_MAX);
		if (err == -ENOENT || err == -E2BIG) {
			missing = missing || (k && err == -ENOENT) ? missing : err;
			err = 0;
		}
	}
	if (!err)
		err = load_files(s, &l, k, d);
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
	struct yaml_doc *doc = NULL;
	int err = s ? yaml_parse(&doc, file, text, d) : -ENOMEM;

	if (!err)
		err = add_doc(s, doc, file, d);
	else if (err != -ENOMEM)
		err = 0; /* the reason is in d; the set is empty */
	yaml_doc_free(doc);
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
	free(s->policies);
	free(s->names);
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

struct str policy_digest(const struct policy_set *s)
{
	return (struct str){ s->digest, sizeof(s->digest) };
}
