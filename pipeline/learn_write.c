/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * The policy file of what was learned (learn.h): lists of names, and a policy for each kind of event
 * that alerts on what is in none of them.
 */
#include <stdlib.h>

#include "pipeline/json.h"
#include "pipeline/learn.h"
#include "pipeline/util.h"

enum {
	PORTS_MAX = 10, /* of an address */
	ADDRESSES_MAX = 300,
	ALL_PORTS_MAX = 1000,
	WHOLE_DEPTH = 2,
};

struct writing {
	struct learn *l;
	const struct learn_scope *scope;
	const char *name;
	uint32_t siblings;
	struct buf *out;
	struct learned files, folders; /* of l->files */
};

static int by_bytes(const void *x, const void *y)
{
	return str_cmp(*(const struct str *)x, *(const struct str *)y);
}

static void sort(struct learned *set)
{
	if (set->count)
		qsort(set->items, set->count, sizeof(*set->items), by_bytes);
}

/* --- files --- */

/* Bytes of the name's part behind the folder, with its slash where more follows. */
static uint32_t part(struct str s, uint32_t folder)
{
	const char *slash = memchr(s.p + folder, '/', s.len - folder);

	return slash ? (uint32_t)(slash - s.p) + 1 - folder : s.len - folder;
}

/* Where the names that share their part behind the folder with s[i] end. */
static uint32_t run_end(const struct str *s, uint32_t i, uint32_t to, uint32_t folder)
{
	uint32_t len = part(s[i], folder), j = i + 1;

	while (j < to && part(s[j], folder) == len &&
	       !memcmp(s[j].p + folder, s[i].p + folder, len))
		j++;
	return j;
}

/* May all that is below the folder be taken as known? Not of / and what is right below it, where
 * /etc/shadow is beside much else, but for the one in which everybody writes. */
static bool may_be_whole(struct str folder, uint32_t depth)
{
	return depth >= WHOLE_DEPTH || str_eq(folder, STR("/tmp/"));
}

static void generalise(struct writing *w, uint32_t from, uint32_t to, uint32_t folder,
		       uint32_t depth)
{
	const struct str *s = w->l->files.items;
	struct str path = { s[from].p, folder };
	uint32_t names = 0;

	for (uint32_t i = from; i < to; i = run_end(s, i, to, folder))
		names++;
	if (w->siblings && names > w->siblings && may_be_whole(path, depth)) {
		learned_append(w->l, &w->folders, path);
		return;
	}
	for (uint32_t i = from, end; i < to; i = end) {
		uint32_t len = part(s[i], folder);

		end = run_end(s, i, to, folder);
		if (folder + len < s[i].len || end - i > 1)
			generalise(w, i, end, folder + len, depth + 1);
		else
			learned_append(w->l, &w->files, s[i]);
	}
}

/* Paths that are not complete begin with no slash; they stay as they are. */
static void sort_files(struct writing *w)
{
	const struct learned *files = &w->l->files;
	uint32_t i = 0, from;

	sort(&w->l->files);
	for (; i < files->count && files->items[i].p[0] != '/'; i++)
		learned_append(w->l, &w->files, files->items[i]);
	for (from = i; i < files->count && files->items[i].p[0] == '/'; i++)
		;
	if (i > from)
		generalise(w, from, i, 1, 0);
	for (; i < files->count; i++)
		learned_append(w->l, &w->files, files->items[i]);
}

/* --- text --- */

static void put_list(struct writing *w, const char *what, const char *comment,
		     const struct learned *set)
{
	if (!set->count)
		return;
	buf_addf(w->out, "  # %s\n  %s-%s:\n", comment, w->name, what);
	for (uint32_t i = 0; i < set->count; i++) {
		buf_lit(w->out, "    - ");
		put_json_string(w->out, set->items[i]); /* which is YAML's, too */
		buf_char(w->out, '\n');
	}
}

static void begin_policy(struct writing *w, const char *what, const char *on, const char *about,
			 uint32_t kind)
{
	buf_addf(w->out,
		 "\n  - name: %s-new-%s\n    description: %s\n    on: %s\n    where: >-\n"
		 "      %s",
		 w->name, what, about, on, w->scope->conditions[kind]);
}

static void end_policy(struct writing *w, const char *message)
{
	buf_addf(w->out, "\n    severity: medium\n    message: \"%s\"\n", message);
}

static void put_programs(struct writing *w)
{
	begin_policy(w, "program", "process.exec",
		     "A program was executed that was not while the workload was watched.",
		     LEARN_EXEC);
	if (w->l->programs.count)
		buf_addf(w->out, "\n      and process.executable not in $%s-programs", w->name);
	end_policy(w, "new program: {process.executable}, started by {process.parent.name}");
}

static void put_files(struct writing *w)
{
	bool any = w->files.count || w->folders.count || w->l->patterns.count, more = false;

	begin_policy(w, "file", "file.open",
		     "A file was opened that was not while the workload was watched.", LEARN_OPEN);
	buf_lit(w->out, "\n      and not file.path_flags = \"pseudo\"");
	if (any)
		buf_lit(w->out, "\n      and not (");
	if (w->files.count) {
		buf_addf(w->out, "file.path in $%s-files", w->name);
		more = true;
	}
	if (w->folders.count) {
		buf_addf(w->out, "%sfile.path startswith $%s-folders", more ? "\n      or " : "",
			 w->name);
		more = true;
	}
	if (w->l->patterns.count)
		buf_addf(w->out, "%sfile.path glob $%s-patterns", more ? "\n      or " : "",
			 w->name);
	buf_lit(w->out, any ? ")" : "");
	end_policy(w, "new file: {process.name} opened {file.path}");
}

static uint32_t port_of(struct str peer)
{
	return (uint32_t)(unsigned char)peer.p[17] << 8 | (unsigned char)peer.p[18];
}

/* An address with its ports; with many, any port of it. */
static void put_address(struct writing *w, const struct str *peers, uint32_t n, bool first)
{
	struct ev_ip ip = { .family = (uint8_t)peers[0].p[0] };
	char text[IP_TEXT];

	memcpy(ip.addr, peers[0].p + 1, sizeof(ip.addr));
	*put_ip(text, &ip) = '\0';
	buf_addf(w->out, "%s(destination.ip = \"%s\"", first ? "" : "\n      or ", text);
	if (n <= PORTS_MAX) {
		buf_lit(w->out, " and destination.port in (");
		for (uint32_t i = 0; i < n; i++)
			buf_addf(w->out, "%s%u", i ? ", " : "", port_of(peers[i]));
		buf_char(w->out, ')');
	}
	buf_char(w->out, ')');
}

/* Port 0 is none: destination.port is absent then, and only the address can be asked. */
static bool has_no_port(const struct str *peers, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		if (!port_of(peers[i]))
			return true;
	return false;
}

static uint32_t count_addresses(const struct learned *peers)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < peers->count; i++)
		n += !i || memcmp(peers->items[i].p, peers->items[i - 1].p, 17);
	return n;
}

/* Too many addresses to name: their ports, or what says nothing. */
static void put_ports(struct writing *w)
{
	uint8_t seen[65536 / 8] = { 0 };
	uint32_t n = 0;

	for (uint32_t i = 0; i < w->l->peers.count; i++) {
		uint32_t port = port_of(w->l->peers.items[i]);

		n += !(seen[port / 8] >> port % 8 & 1);
		seen[port / 8] |= (uint8_t)(1 << port % 8);
	}
	if (n > ALL_PORTS_MAX || seen[0] & 1) {
		buf_lit(w->out, "destination.ip exists");
		return;
	}
	buf_lit(w->out, "destination.port in (");
	for (uint32_t port = 0, shown = 0; port < 65536; port++)
		if (seen[port / 8] >> port % 8 & 1)
			buf_addf(w->out, "%s%u", shown++ ? ", " : "", port);
	buf_char(w->out, ')');
}

static void put_addresses(struct writing *w)
{
	const struct str *peers = w->l->peers.items;

	if (count_addresses(&w->l->peers) > ADDRESSES_MAX) {
		put_ports(w);
		return;
	}
	for (uint32_t i = 0, end; i < w->l->peers.count; i = end) {
		for (end = i + 1; end < w->l->peers.count; end++)
			if (memcmp(peers[end].p, peers[i].p, 17))
				break;
		put_address(w, peers + i, has_no_port(peers + i, end - i) ? UINT32_MAX : end - i,
			    !i);
	}
}

static void put_destinations(struct writing *w)
{
	begin_policy(w, "destination", "network.connect",
		     "A connection was made that was not while the workload was watched.",
		     LEARN_CONNECT);
	buf_lit(w->out, "\n      and ((destination.ip exists");
	if (w->l->peers.count) {
		buf_lit(w->out, " and not (");
		put_addresses(w);
		buf_char(w->out, ')');
	}
	buf_lit(w->out, ")\n      or (network.unix.path exists");
	if (w->l->sockets.count)
		buf_addf(w->out, " and network.unix.path not in $%s-sockets", w->name);
	buf_lit(w->out, "))");
	end_policy(w, "new destination: {process.name} connected to {destination.ip} port "
		      "{destination.port} {network.unix.path}");
}

static void put_head(struct writing *w)
{
	buf_addf(w->out,
		 "# What %s did while it was watched by `tocsin learn`, and policies that alert on "
		 "anything\n# else: %u programs, %u files, %u destinations. Read it before you use "
		 "it: what an intruder\n# did meanwhile is allowed from now on.\n",
		 w->scope->text, w->l->programs.count, w->l->files.count + w->l->patterns.count,
		 w->l->peers.count + w->l->sockets.count);
	if (count_addresses(&w->l->peers) > ADDRESSES_MAX)
		buf_lit(w->out,
			"# There were too many addresses to name: any is taken as known at the ports "
			"that were seen,\n# and with too many ports every one.\n");
	if (w->l->unwritable)
		buf_lit(w->out, "# Names with control characters or bytes that are not UTF-8 were "
				"seen: they are left out and alert.\n");
}

void learn_write(struct learn *l, const struct learn_scope *s, uint32_t siblings, const char *name,
		 struct buf *out)
{
	struct writing w = { .l = l, .scope = s, .name = name, .siblings = siblings, .out = out };

	sort(&l->programs);
	sort(&l->patterns);
	sort(&l->peers);
	sort(&l->sockets);
	sort_files(&w);
	put_head(&w);
	if (l->programs.count || w.files.count || w.folders.count || l->patterns.count ||
	    l->sockets.count)
		buf_lit(out, "lists:\n");
	put_list(&w, "programs", "Programs that were executed.", &l->programs);
	put_list(&w, "files", "Files that were opened.", &w.files);
	put_list(&w, "folders", "Folders with many of them, taken whole with all below.",
		 &w.folders);
	put_list(&w, "patterns", "Files of processes, whichever number they have.", &l->patterns);
	put_list(&w, "sockets", "Unix sockets that were connected to.", &l->sockets);
	buf_lit(out, "\npolicies:");
	put_programs(&w);
	put_files(&w);
	put_destinations(&w);
	free(w.files.items);
	free(w.folders.items);
}
