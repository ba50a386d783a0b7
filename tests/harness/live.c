/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * Live sets of probes for tests, see live.h.
 */
#include "tests/harness/live.h"

#include <errno.h>
#include <time.h>
#include <unistd.h>

#include "pipeline/util.h"

const struct probe_cfg live_defaults = {
	.want = ~0ULL,
	.ring_bytes = 8 << 20,
	.args_max = 4096,
	.env_max = 4096,
	.failed_opens = 1,
	.boot_salt = 0x1122334455667788ULL,
};

void live_open(struct live *l, const struct probe_cfg *cfg)
{
	struct probe_set *set = NULL;
	char err[256];
	int rc = probe_set_open(&set, cfg, err, sizeof(err));

	if (rc == -EPERM || rc == -ENOSYS)
		test_skip("%s", err);
	if (rc)
		test_fail(__FILE__, __LINE__, "probe_set_open: %d: %s", rc, err);
	live_adopt(l, set);
}

void live_adopt(struct live *l, struct probe_set *set)
{
	memset(l, 0, sizeof(*l));
	l->set = set;
}

void live_close(struct live *l)
{
	probe_set_free(l->set);
	free(l->bytes);
	memset(l, 0, sizeof(*l));
}

static void keep(void *ctx, const void *rec, uint32_t len)
{
	struct live *l = ctx;
	size_t room = (len + 7) & ~7u;

	if (l->len + room > l->cap) {
		l->cap = (l->cap + room) * 2;
		l->bytes = realloc(l->bytes, l->cap);
		if (!l->bytes)
			test_fail(__FILE__, __LINE__, "out of memory");
	}
	CHECK(len >= sizeof(struct ev_hdr) && ((const struct ev_hdr *)rec)->len == len);
	memcpy(l->bytes + l->len, rec, len);
	l->len += room;
	l->count++;
}

void live_read(struct live *l)
{
	int idle = 0;

	for (int rounds = 0; idle < 4 && rounds < 1000; rounds++) {
		probe_set_wait(l->set, 5);
		idle = probe_set_read(l->set, keep, l, 100000) ? 0 : idle + 1;
	}
}

const struct ev_hdr *live_next(const struct live *l, const struct ev_hdr *after)
{
	size_t at = 0;

	if (after)
		at = (size_t)((const char *)after - l->bytes) + ((after->len + 7) & ~7u);
	return at < l->len ? (const struct ev_hdr *)(l->bytes + at) : NULL;
}

const struct ev_hdr *live_find(const struct live *l, const struct ev_hdr *after, uint32_t kind,
			       uint32_t tgid)
{
	const struct ev_hdr *h = after;

	while ((h = live_next(l, h)))
		if (h->kind == kind && h->tgid == tgid)
			return h;
	return NULL;
}

const void *live_need(const struct live *l, uint32_t kind, uint32_t tgid)
{
	const struct ev_hdr *h = live_find(l, NULL, kind, tgid);

	if (!h)
		test_fail(__FILE__, __LINE__, "no record of kind %u by process %u among %u", kind,
			  tgid, l->count);
	return h;
}

const char *live_path(const struct ev_hdr *h, const struct ev_ref *ref, char *out, size_t size)
{
	const char *p = (const char *)h + ref->off, *end = p + ref->len;
	size_t at = size - 1;

	CHECK(ref->off + ref->len <= h->len && ref->len < size);
	out[at] = 0;
	while (p < end) {
		size_t n = strnlen(p, (size_t)(end - p));

		at -= n;
		memcpy(out + at, p, n);
		out[--at] = '/';
		p += n + 1;
	}
	return out + at;
}

const char *live_str(const struct ev_hdr *h, const struct ev_ref *ref, char *out, size_t size)
{
	CHECK(ref->off + ref->len <= h->len && ref->len < size);
	memcpy(out, (const char *)h + ref->off, ref->len);
	out[ref->len] = 0;
	return out;
}

const char *live_list(const struct ev_hdr *h, const struct ev_ref *ref, char *out, size_t size)
{
	live_str(h, ref, out, size);
	for (uint32_t i = 0; i + 1 < ref->len; i++)
		if (!out[i])
			out[i] = '|';
	return out;
}

unsigned long long live_stat(pid_t pid, int n)
{
	char path[64], text[4096] = "", *p;
	CLEANUP_FCLOSE FILE *f = NULL;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	f = fopen(path, "re");
	if (!f || !fgets(text, sizeof(text), f))
		return 0;
	p = strrchr(text, ')');
	for (int i = 2; p && i < n; i++)
		p = strchr(p + 1, ' ');
	return p ? strtoull(p, NULL, 10) : 0;
}
