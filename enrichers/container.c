/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * Container, pod and systemd unit from the path of a cgroup. One walk from the root to the leaf;
 * each component is held against the table of forms at the end of this file.
 *
 * The first container on the way wins, not the innermost: its runtime made it, what is below
 * may be made by the processes inside, who could then pass for another container. For the same
 * reason the unit is the first component below the slices, as systemd itself reads it, and there
 * is none inside a container. What fits no form gives nothing.
 *
 * To add a runtime: a row in forms[] and a line in tests/unit/container.c.
 */
#include "enrichers/container.h"

#include "pipeline/util.h"

enum id_kind {
	ID_HEX64, /* 64 lower-case hex digits */
	ID_NAME, /* letters, digits, and . _ - inside; at most 76 bytes */
};

enum { NAME_MAX_LEN = 76, HEX_ID_LEN = 64 };

/* A component is `prefix` id `suffix`; the one before it is `parent` where that is not NULL. */
struct form {
	const char *runtime; /* NULL: the path does not tell */
	const char *prefix, *suffix, *parent;
	uint8_t id; /* enum id_kind */
	bool top; /* only where parent, or else the component itself, is the first of the path */
	bool in_pod; /* only right below the directory of a pod */
};
static const struct form forms[];

struct walk {
	struct str prev, at;
	uint32_t depth; /* of at, from 0 */
	bool kubepods; /* a component before said so */
	bool pod; /* prev is the directory of a pod */
	bool units_end; /* a component that is no slice was seen */
};

static bool lower_hex(struct str s)
{
	for (uint32_t i = 0; i < s.len; i++)
		if (!(s.p[i] >= '0' && s.p[i] <= '9') && !(s.p[i] >= 'a' && s.p[i] <= 'f'))
			return false;
	return true;
}

static bool alnum(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_name(struct str s)
{
	if (!s.len || s.len > NAME_MAX_LEN || !alnum(s.p[0]) || !alnum(s.p[s.len - 1]))
		return false;
	for (uint32_t i = 0; i < s.len; i++)
		if (!alnum(s.p[i]) && s.p[i] != '.' && s.p[i] != '_' && s.p[i] != '-')
			return false;
	return true;
}

static bool take_prefix(struct str *s, struct str prefix)
{
	if (!str_starts(*s, prefix))
		return false;
	s->p += prefix.len;
	s->len -= prefix.len;
	return true;
}

static bool take_suffix(struct str *s, struct str suffix)
{
	if (s->len < suffix.len || memcmp(s->p + s->len - suffix.len, suffix.p, suffix.len))
		return false;
	s->len -= suffix.len;
	return true;
}

/* A pod's uid: 8-4-4-4-12 hex digits, in slices with _ for -, or 32 hex digits (static pods). */
static bool pod_uid(struct container_info *out, struct str s)
{
	static const char shape[] = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";
	char uid[POD_UID_MAX], dash = s.len > 8 ? s.p[8] : 0;

	if (s.len == 32 && lower_hex(s)) {
		memcpy(out->pod_uid, s.p, s.len);
		out->pod_uid_len = s.len;
		return true;
	}
	if (s.len != POD_UID_MAX || (dash != '-' && dash != '_'))
		return false;
	for (uint32_t i = 0; i < POD_UID_MAX; i++) {
		if (shape[i] == '-' ? s.p[i] != dash : !lower_hex((struct str){ s.p + i, 1 }))
			return false;
		uid[i] = shape[i] == '-' ? '-' : s.p[i];
	}
	memcpy(out->pod_uid, uid, sizeof(uid));
	out->pod_uid_len = POD_UID_MAX;
	return true;
}

/* "kubepods-burstable-podUID.slice", also behind a prefix such as "kubelet-". */
static bool pod_slice(struct container_info *out, struct str s)
{
	const char *k;

	if (!take_suffix(&s, STR(".slice")))
		return false;
	k = memmem(s.p, s.len, "kubepods-", 9);
	if (!k || (k != s.p && k[-1] != '-'))
		return false;
	s = (struct str){ k + 9, (uint32_t)(s.p + s.len - k - 9) };
	if (!take_prefix(&s, STR("burstable-")))
		take_prefix(&s, STR("besteffort-"));
	return take_prefix(&s, STR("pod")) && pod_uid(out, s);
}

static bool pod_directory(struct container_info *out, const struct walk *w)
{
	struct str s = w->at;

	if (pod_slice(out, s))
		return true;
	return w->kubepods && take_prefix(&s, STR("pod")) && pod_uid(out, s);
}

static bool form_fits(const struct form *f, const struct walk *w, struct str *id)
{
	struct str s = w->at;

	if (f->parent && !str_eq(w->prev, str_of(f->parent)))
		return false;
	if (f->top && w->depth != (f->parent ? 1 : 0))
		return false;
	if (f->in_pod && !w->pod)
		return false;
	if (!take_prefix(&s, str_of(f->prefix)) || !take_suffix(&s, str_of(f->suffix)))
		return false;
	if (f->id == ID_HEX64 ? s.len != HEX_ID_LEN || !lower_hex(s) : !is_name(s))
		return false;
	*id = s;
	return true;
}

static bool find_container(struct container_info *out, const struct walk *w)
{
	for (const struct form *f = forms; f->prefix; f++)
		if (form_fits(f, w, &out->id)) {
			out->runtime = str_of(f->runtime);
			return true;
		}
	return false;
}

/* "kubepods-…-podUID.slice:cri-containerd:ID": a runtime that takes the name of a slice for a
 * directory, under a kubelet that means the slice. */
static bool find_colon_form(struct container_info *out, const struct walk *w)
{
	static const struct str mark = { ":cri-containerd:", 16 };
	const char *colon = memchr(w->at.p, ':', w->at.len);
	struct str tail;

	if (!colon)
		return false;
	tail = (struct str){ colon, (uint32_t)(w->at.p + w->at.len - colon) };
	if (!take_prefix(&tail, mark) || tail.len != HEX_ID_LEN || !lower_hex(tail))
		return false;
	if (!pod_slice(out, (struct str){ w->at.p, (uint32_t)(colon - w->at.p) }))
		return false;
	out->id = tail;
	out->runtime = STR("containerd");
	return true;
}

/* systemd puts an underscore before names that would mean something else in cgroupfs. */
static void find_unit(struct container_info *out, struct walk *w)
{
	static const char *const types[] = { ".service", ".scope", ".socket", ".mount", ".swap" };
	struct str s = w->at, stem = s;

	if (w->units_end)
		return;
	if (s.p[0] == '_')
		s = stem = (struct str){ s.p + 1, s.len - 1 };
	if (take_suffix(&stem, STR(".slice")) && stem.len) {
		out->unit = s;
		return;
	}
	w->units_end = true;
	for (size_t i = 0; i < ARRAY_LEN(types); i++)
		if (take_suffix(&stem, str_of(types[i])) && stem.len) {
			out->unit = s;
			return;
		}
}

/* True: the container was found, nothing below counts. */
static bool component(struct container_info *out, struct walk *w)
{
	if (find_container(out, w) || find_colon_form(out, w)) {
		out->unit = (struct str){ 0 };
		return true;
	}
	find_unit(out, w);
	w->pod = pod_directory(out, w);
	if (str_eq(w->at, STR("kubepods")))
		w->kubepods = true;
	return false;
}

void container_parse(struct container_info *out, struct str path)
{
	struct walk w = { 0 };
	const char *p = path.p, *end = p + path.len, *slash;

	*out = (struct container_info){ 0 };
	for (; p < end; p = slash + 1) {
		slash = memchr(p, '/', (size_t)(end - p));
		if (!slash)
			slash = end;
		if (slash == p)
			continue;
		w.at = (struct str){ p, (uint32_t)(slash - p) };
		if (component(out, &w))
			return;
		w.prev = w.at;
		w.depth++;
	}
}

static const struct form forms[] = {
	{ "docker", "", "", .parent = "docker", .id = ID_HEX64 },
	{ "docker", "docker-", ".scope", .id = ID_HEX64 },
	{ "containerd", "cri-containerd-", ".scope", .id = ID_HEX64 },
	{ "containerd", "", "", .parent = "default", .id = ID_NAME, .top = true },
	{ "containerd", "", "", .parent = "k8s.io", .id = ID_NAME, .top = true },
	{ "cri-o", "crio-", "", .id = ID_HEX64 },
	{ "cri-o", "crio-", ".scope", .id = ID_HEX64 },
	{ "podman", "libpod-", "", .id = ID_HEX64 },
	{ "podman", "libpod-", ".scope", .id = ID_HEX64 },
	{ "lxc", "", "", .parent = "lxc", .id = ID_NAME, .top = true },
	{ "lxc", "", "", .parent = "lxc.payload", .id = ID_NAME, .top = true },
	{ "lxc", "lxc.payload.", "", .id = ID_NAME, .top = true },
	{ NULL, "", "", .id = ID_HEX64, .in_pod = true },
	{ 0 },
};
