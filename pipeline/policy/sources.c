/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * Sources of sources.h, and the reload: files are read anew until what is bad was replaced by its
 * last good version, which can make another file bad (a name that both define).
 */
#include "pipeline/policy/sources.h"

#include <errno.h>
#include <string.h>

#include "pipeline/policy/set.h"
#include "pipeline/util.h"

int sources_add(struct sources *s, const char *path, struct str text, uint32_t entries, bool values)
{
	struct source new = { .len = text.len, .entries = entries, .values = values };
	struct str key;

	if (!array_grow(&s->items, s->count, sizeof(*s->items)))
		return -ENOMEM;
	new.path = strdup(path);
	new.text = malloc(text.len + 1u);
	if (!new.path || !new.text) {
		free(new.path);
		free(new.text);
		return -ENOMEM;
	}
	memcpy(new.text, text.p, text.len);
	s->items[s->count++] = new;
	key = str_of(new.path);
	return strmap_get(&s->places, key)
		       ? 0
		       : strmap_put(&s->places, key, (void *)(uintptr_t)s->count);
}

const struct source *sources_find(const struct sources *s, const char *path)
{
	uintptr_t place = (uintptr_t)strmap_get(&s->places, str_of(path));

	return place ? &s->items[place - 1] : NULL;
}

void sources_free(struct sources *s)
{
	for (uint32_t i = 0; i < s->count; i++) {
		free(s->items[i].path);
		free(s->items[i].text);
	}
	free(s->items);
	strmap_free(&s->places);
	*s = (struct sources){ 0 };
}

const struct source *kept_text(const struct kept *k, const char *path)
{
	const struct source *s = k ? sources_find(k->from, path) : NULL;

	return s && k->use[s - k->from->items] ? s : NULL;
}

void kept_is_bad(struct kept *k, const char *path)
{
	const struct source *s = k ? sources_find(k->from, path) : NULL;

	if (s)
		k->bad[s - k->from->items] = true;
}

/* All, or those of one file; what a full list could not hold is carried over as a number. */
static void copy(struct diags *to, const struct diags *from, const char *path)
{
	uint32_t before = to->errors;

	for (uint32_t i = 0; i < from->count; i++) {
		const struct diag *p = &from->items[i];

		if (path && strcmp(p->file, path))
			continue;
		if (p->warning)
			diag_warn(to, p->file, p->line, p->column, "%s", p->reason);
		else
			diag_add(to, p->file, p->line, p->column, "%s", p->reason);
	}
	if (path)
		return;
	to->dropped += from->dropped;
	to->errors = before + from->errors;
}

/* Marks the files of k that went bad in s and tells why. Returns how many. */
static uint32_t keep_bad(struct kept *k, const struct policy_set *s, const struct diags *found,
			 struct diags *d)
{
	uint32_t n = 0, before;

	for (uint32_t i = 0; i < k->from->count; i++) {
		const struct source *old = &k->from->items[i];
		const struct source *new = sources_find(&s->sources, old->path);
		bool bad = k->bad[i];
		bool emptied = !bad && new && old->entries && !new->entries;

		if (k->use[i] || (!bad && !emptied))
			continue;
		k->use[i] = true;
		n++;
		before = d->errors;
		copy(d, found, old->path);
		if (bad && d->errors == before) { /* the list was full */
			d->errors++;
			d->dropped++;
		}
		if (bad)
			diag_warn(d, old->path, 0, 0,
				  "until it is mended, its last good version stays in force");
		else
			diag_add(d, old->path, 0, 0,
				 "nothing is left in it, so its last good version stays in force; "
				 "delete the file to take away what was in it");
	}
	return n;
}

/* Does a last good version not go with what is new in other files (a list is gone)? */
static bool kept_in_vain(const struct kept *k)
{
	for (uint32_t i = 0; i < k->from->count; i++)
		if (k->use[i] && k->bad[i])
			return true;
	return false;
}

int policy_reload(struct policy_set **out, const char *const *paths, uint32_t npaths,
		  const struct policy_set *old, struct diags *d)
{
	uint32_t count = old->sources.count;
	struct kept k = { &old->sources, calloc(count + 1u, sizeof(bool)),
			  calloc(count + 1u, sizeof(bool)) };
	struct policy_set *s = NULL;
	struct diags found = { 0 };
	int rc = k.use && k.bad ? 0 : -ENOMEM;

	while (!rc) {
		memset(k.bad, 0, count * sizeof(bool));
		rc = set_load(&s, paths, npaths, &k, &found);
		if (rc || !keep_bad(&k, s, &found, d))
			break;
		policy_free(TAKE_PTR(s));
		diags_free(&found);
	}
	if (!rc && kept_in_vain(&k)) {
		policy_free(TAKE_PTR(s));
		rc = -EINVAL;
	}
	copy(d, &found, NULL);
	diags_free(&found);
	free(k.use);
	free(k.bad);
	if (!rc)
		*out = s;
	return rc;
}
