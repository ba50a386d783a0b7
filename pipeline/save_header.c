/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * The header of a saved stream. Options of enrichers go in as text, by their tables: whatever an
 * enricher is given, its replay gets. Trusts nothing that it reads.
 */
#include "pipeline/save_header.h"

#include <errno.h>
#include <sys/random.h>

#include "pipeline/clock.h"
#include "pipeline/schema.h"
#include "pipeline/util.h"

static int64_t clock_ns(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return t.tv_sec * (int64_t)NS_PER_SEC + t.tv_nsec;
}

/* The two clocks read as close together as can be had: the best of a few tries. */
static int64_t clock_offset(void)
{
	int64_t best = INT64_MAX, offset = 0;

	for (int i = 0; i < 8; i++) {
		int64_t before = clock_ns(CLOCK_BOOTTIME), wall = clock_ns(CLOCK_REALTIME);
		int64_t took = clock_ns(CLOCK_BOOTTIME) - before;

		if (took >= best)
			continue;
		best = took;
		offset = wall - (before + took / 2);
	}
	return offset;
}

static int read_boot_id(char out[BOOT_ID_LEN + 1])
{
	CLEANUP_FCLOSE FILE *f = fopen("/proc/sys/kernel/random/boot_id", "re");
	int c, n = 0;

	if (!f)
		return -errno;
	while ((c = fgetc(f)) != EOF && n < BOOT_ID_LEN)
		if ((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'))
			out[n++] = (char)c;
	out[n] = '\0';
	return n == BOOT_ID_LEN ? 0 : -EIO;
}

int identity_make(struct identity *id)
{
	struct identity made = { .clock_offset_ns = clock_offset() };
	uint32_t run;
	int rc = read_boot_id(made.boot_id);

	if (rc)
		return rc;
	if (getrandom(&run, sizeof(run), 0) != sizeof(run))
		return -errno;
	snprintf(made.run_id, sizeof(made.run_id), "%08x", run);
	*id = made;
	return 0;
}

/* A text that may hold any bytes; JSON has none but UTF-8, so others go as \u00XX and come back. */
static json_t *bytes_json(struct str s)
{
	json_t *t = json_stringn(s.p ? s.p : "", s.len), *a;

	if (t)
		return t;
	a = json_array();
	for (uint32_t i = 0; i < s.len; i++)
		json_array_append_new(a, json_integer((unsigned char)s.p[i]));
	return a;
}

static json_t *list_json(const struct opt_list *l)
{
	json_t *a = json_array();

	for (uint32_t i = 0; i < l->count; i++)
		json_array_append_new(a, bytes_json(str_of(l->items[i])));
	return a;
}

static json_t *options_json(const struct option *t, const void *cfg)
{
	json_t *o = json_object();

	for (; t && t->key; t++) {
		struct buf text = { 0 };

		if (t->type == OPT_LIST) {
			json_object_set_new(
				o, t->key,
				list_json((const void *)((const char *)cfg + t->offset)));
			continue;
		}
		if (t->type == OPT_STR && !*(char *const *)((const char *)cfg + t->offset))
			continue;
		option_text(t, cfg, &text);
		json_object_set_new(o, t->key,
				    bytes_json((struct str){ text.p, (uint32_t)text.len }));
		buf_free(&text);
	}
	return o;
}

static json_t *kinds_json(uint64_t kinds)
{
	json_t *a = json_array();

	for (uint32_t i = 1; i < EV_MAX; i++)
		if (kinds & 1ULL << i)
			json_array_append_new(a, json_string(schema_kind(i)->name));
	return a;
}

json_t *save_header_make(const struct identity *id, const struct config *c,
			 struct str policy_digest)
{
	json_t *h = json_object(), *options = json_object();

	json_object_set_new(h, "tocsin", json_string(TOCSIN_VERSION));
	json_object_set_new(h, "boot_id", json_string(id->boot_id));
	json_object_set_new(h, "run_id", json_string(id->run_id));
	json_object_set_new(h, "clock_offset_ns", json_integer(id->clock_offset_ns));
	json_object_set_new(h, "policy_digest", bytes_json(policy_digest));
	json_object_set_new(h, "records", kinds_json(c->record_kinds));
	for (uint32_t i = 0; enrichers[i]; i++)
		if (c->enricher_cfg[i])
			json_object_set_new(options, enrichers[i]->name,
					    options_json(enrichers[i]->opts, c->enricher_cfg[i]));
	json_object_set_new(h, "options", options);
	return h;
}

/* Hex digits only: they become part of ids. */
static int get_hex(const json_t *h, const char *key, char *out, size_t len)
{
	const char *s = json_string_value(json_object_get(h, key));

	if (!s || strlen(s) != len || strspn(s, "0123456789abcdef") != len)
		return -EINVAL;
	memcpy(out, s, len + 1);
	return 0;
}

/* What bytes_json made; NULL: something else. To be freed with json_decref. */
static json_t *bytes_back(const json_t *v)
{
	CLEANUP_FREE char *b = NULL;
	size_t n = json_array_size(v);

	if (json_is_string(v))
		return json_stringn_nocheck(json_string_value(v), json_string_length(v));
	b = json_is_array(v) ? malloc(n + 1) : NULL;
	for (size_t i = 0; b && i < n; i++) {
		json_int_t c = json_integer_value(json_array_get(v, i));

		if (c < 1 || c > 255)
			return NULL;
		b[i] = (char)c;
	}
	return b ? json_stringn_nocheck(b, n) : NULL;
}

static int apply_text(const struct option *t, void *cfg, const struct option *o, const json_t *v,
		      bool item, char *err, size_t err_len)
{
	json_t *text = bytes_back(v);
	struct str s;
	int rc;

	snprintf(err, err_len, "%s: not text", o->key);
	if (!text)
		return -EINVAL;
	s = (struct str){ json_string_value(text), (uint32_t)json_string_length(text) };
	rc = item ? option_append(t, cfg, str_of(o->key), s, err, err_len)
		  : option_set(t, cfg, str_of(o->key), s, err, err_len);
	json_decref(text);
	return rc;
}

static int apply_options(const struct option *t, void *cfg, json_t *values, char *err,
			 size_t err_len)
{
	const char *key;
	json_t *v, *item;
	size_t i;
	int rc = 0;

	option_set_done(t, cfg);
	json_object_foreach(values, key, v)
	{
		const struct option *o = option_find(t, str_of(key));

		if (!o)
			return option_set(t, cfg, str_of(key), STR(""), err, err_len);
		if (o->type != OPT_LIST) {
			rc = apply_text(t, cfg, o, v, false, err, err_len);
		} else {
			rc = option_set(t, cfg, str_of(key), STR(""), err, err_len);
			json_array_foreach(v, i, item)
			{
				rc = rc ? rc : apply_text(t, cfg, o, item, true, err, err_len);
			}
		}
		if (rc)
			return rc;
	}
	return 0;
}

static int apply_kinds(const json_t *records, struct config *c, char *err, size_t err_len)
{
	const struct event_kind *k;
	uint64_t kinds = 0;
	json_t *v;
	size_t i;

	json_array_foreach(records, i, v)
	{
		k = schema_kind_by_name(str_of(json_string_value(v)));
		if (!k) {
			snprintf(err, err_len, "it records a kind that is unknown here");
			return -EINVAL;
		}
		kinds |= 1ULL << k->kind;
	}
	if (!c->record.count)
		c->record_kinds = kinds;
	return 0;
}

int save_header_apply(const json_t *h, struct identity *id, struct config *c, char *err,
		      size_t err_len)
{
	json_t *options = json_object_get(h, "options");
	struct identity read = { .clock_offset_ns = json_integer_value(
					 json_object_get(h, "clock_offset_ns")) };
	char why[300] = "";
	int rc = 0;

	if (get_hex(h, "boot_id", read.boot_id, BOOT_ID_LEN) ||
	    get_hex(h, "run_id", read.run_id, RUN_ID_LEN)) {
		snprintf(err, err_len, "boot_id or run_id are not the hex digits they should be");
		return -EINVAL;
	}
	rc = apply_kinds(json_object_get(h, "records"), c, err, err_len);
	for (uint32_t i = 0; enrichers[i] && !rc; i++) {
		json_t *one = json_object_get(options, enrichers[i]->name);

		if (!c->enricher_cfg[i] || !one)
			continue;
		rc = apply_options(enrichers[i]->opts, c->enricher_cfg[i], one, why, sizeof(why));
		if (rc)
			snprintf(err, err_len, "options of enricher %s: %s", enrichers[i]->name,
				 why);
	}
	if (!rc)
		*id = read;
	return rc;
}
