/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
 *
 * The short way to what was opened before (bpf/seen.h), on the live kernel: what is known by it, and where its
 * words are kept.
 */
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <bpf/bpf.h>

#include "pipeline/util.h"
#include "probes/set.h"
#include "tests/harness/filter_wants.h"
#include "tests/harness/filtered.h"
#include "tests/harness/random.h"

/* ---- what is known ---- */

/* Opens of path that were told of. */
static uint32_t told(struct filtered *f, const char *path)
{
	filtered_forget(f);
	filtered_look(path);
	return filtered_seen(f, path, NULL);
}

/* Whoever asks the long way finds that the path is wanted. */
static void store_wanted(struct filtered *f, const char *path)
{
	uint64_t s = filter_tables_signature(f->block, path);
	uint32_t at = (uint32_t)(s >> 40) & (FILTER_VERDICT_SETS - 1);
	struct filter_verdict_set set = { .way[0] = { s ^ FILTER_WANTED, FILTER_WANTED } };

	CHECK_INT(bpf_map_update_elem(f->l.set->maps.fd[MAP_VERDICTS], &at, &set, 0), 0);
}

static void set_seen_keys(struct filtered *f, const struct filter_seen *keys)
{
	uint32_t zero = 0;

	CHECK_INT(bpf_map_update_elem(f->l.set->maps.fd[MAP_SEEN], &zero, keys, 0), 0);
}

/* A path that was opened before is known without its verdict, and so is another one in its directory: that
 * something else lies there shows only when the short way is closed. */
static void known_by_the_short_way(bool no_typed_loads)
{
	static const char *const names[] = { "name of two words", "x", "12345678", "123456789",
					     "a name of thirty-one bytes, all" };
	struct filter_seen keys;
	struct filtered f;
	uint32_t zero = 0;
	char path[128];

	filtered_begin(&f, no_typed_loads);
	filtered_want_one(&f, FILTER_EXACT, "/nowhere");
	CHECK_INT(bpf_map_lookup_elem(f.l.set->maps.fd[MAP_SEEN], &zero, &keys), 0);
	CHECK(keys.generation == f.generation && keys.keys.k1);
	for (uint32_t i = 0; i < ARRAY_LEN(names); i++) {
		struct filter_seen other = keys;

		snprintf(path, sizeof(path), "%s/%s", f.dir, names[i]);
		store_wanted(&f, path);
		if (i) { /* the first makes the directory known */
			filtered_touch(path);
			CHECK_INT(filtered_seen(&f, path, NULL), 0);
		} else {
			set_seen_keys(&f, &(struct filter_seen){ 0 });
			filtered_touch(path);
			CHECK_INT(filtered_seen(&f, path, NULL), 1);
			set_seen_keys(&f, &keys);
			filtered_want_one(&f, FILTER_EXACT, "/nowhere");
			CHECK_INT(bpf_map_lookup_elem(f.l.set->maps.fd[MAP_SEEN], &zero, &keys), 0);
			other = keys;
			CHECK_INT(told(&f, path), 0);
			store_wanted(&f, path);
		}
		CHECK_INT(told(&f, path), 0);
		other.keys.k1 ^= 2; /* nothing is known under other keys */
		set_seen_keys(&f, &other);
		CHECK_INT(told(&f, path), 1);
		set_seen_keys(&f, &(struct filter_seen){ 0 }); /* closed */
		CHECK_INT(told(&f, path), 1);
		set_seen_keys(&f, &keys);
		CHECK_INT(told(&f, path), 0);
	}
	filtered_end(&f);
}

static void known_by_words(void)
{
	known_by_the_short_way(false);
}

static void known_by_probe_reads(void)
{
	known_by_the_short_way(true);
}

/* The lowest one, for which the table has room. */
static int free_descriptor(void)
{
	int fd = dup(STDOUT_FILENO);

	close(fd);
	return fd;
}

/* Says of the first call that the filter asks about: done, here is the descriptor. */
static void *answer_call(void *listener)
{
	struct seccomp_notif asked = { 0 };
	struct seccomp_notif_resp answer = { 0 };

	if (ioctl(*(int *)listener, SECCOMP_IOCTL_NOTIF_RECV, &asked))
		return NULL;
	answer.id = asked.id;
	answer.val = free_descriptor();
	ioctl(*(int *)listener, SECCOMP_IOCTL_NOTIF_SEND, &answer);
	return NULL;
}

static int creat_nothing(void)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_creat, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog prog = { ARRAY_LEN(code), code };
	pthread_t supervisor;
	int listener;

	listener = (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER,
				SECCOMP_FILTER_FLAG_NEW_LISTENER, &prog);
	if (listener < 0 || pthread_create(&supervisor, NULL, answer_call, &listener))
		return 2;
	return syscall(SYS_creat, "/nowhere", 0600) == free_descriptor() ? 0 : 1;
}

/* A descriptor that holds no file by the end of the call, as when another thread has closed it, is not taken for the
 * root directory, of which the programs know that nobody wants it. */
static void file_that_is_gone(void)
{
	struct filtered f;
	uint32_t unknown = 0;
	int status;
	pid_t pid;

	filtered_begin(&f, false);
	filtered_want_one(&f, FILTER_EXACT, "/nowhere");
	for (int i = 0; i < 3; i++)
		CHECK_INT(told(&f, "/"), 0);
	pid = fork();
	CHECK(pid >= 0);
	if (!pid)
		_exit(creat_nothing());
	CHECK(waitpid(pid, &status, 0) == pid);
	CHECK_INT(status, 0);
	live_read(&f.l);
	for (const struct ev_hdr *h = NULL; (h = live_next(&f.l, h));)
		unknown += h->kind == EV_OPEN && h->tgid == (uint32_t)pid &&
			   ((const struct ev_open *)h)->outcome == EV_OUTCOME_UNKNOWN;
	CHECK_INT(unknown, 1);
	filtered_end(&f);
}

/* ---- words ---- */

enum { WORDS = FILTER_SEEN_BYTES / 8 };

/* What lies in all places, to be freed. */
static uint64_t *words_read(const struct filtered *f)
{
	uint64_t *words = malloc(FILTER_SEEN_BYTES);
	uint32_t zero = 0;

	CHECK(words);
	CHECK_INT(bpf_map_lookup_elem(f->l.set->maps.fd[MAP_SEEN_WORDS], &zero, words), 0);
	return words;
}

static void words_write(const struct filtered *f, const uint64_t *words)
{
	uint32_t zero = 0;

	CHECK_INT(bpf_map_update_elem(f->l.set->maps.fd[MAP_SEEN_WORDS], &zero, words, 0), 0);
}

/* Words of others in every place: what is known again gives way, and answers stay true. */
static void full_of_other_words(void)
{
	uint64_t *words, seed = 0x9e3779b97f4a7c15ULL;
	struct filtered f;
	char path[128];

	filtered_begin(&f, false);
	filtered_want_one(&f, FILTER_SUFFIX, "7");
	words = words_read(&f);
	for (uint32_t i = 0; i < WORDS; i++)
		words[i] = (uint64_t)random_below(&seed, ~0u) << 32 | random_below(&seed, ~0u) | 1;
	words_write(&f, words);
	for (int i = 0; i < 3000; i++) {
		snprintf(path, sizeof(path), "%s/%d", f.dir, i);
		filtered_touch(path);
		filtered_look(path);
		filtered_look(path);
	}
	CHECK_INT(filtered_seen(&f, NULL, NULL), 300 * 3);
	filtered_end(&f);
	free(words);
}

static int by_value(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

/* However often the long way judges a path, it is kept once, while its dentry lives (others' may come again). */
static void words_are_kept_once(void)
{
	uint32_t kept = 0, again = 0;
	struct filtered f;
	uint64_t *words;
	char path[128];

	filtered_begin(&f, false);
	filtered_want_one(&f, FILTER_SUFFIX, "7");
	for (uint32_t i = 0; i < 1000; i++) {
		snprintf(path, sizeof(path), "%s/%u", f.dir, i % 20);
		filtered_touch(path);
		filtered_look_anew(&f, path);
	}
	words = words_read(&f);
	qsort(words, WORDS, sizeof(*words), by_value);
	for (uint32_t i = 1; i < WORDS; i++) {
		again += words[i] && words[i] == words[i - 1];
		kept += words[i] != 0;
	}
	CHECK(kept >= 20 && again < 20);
	filtered_end(&f);
	free(words);
}

static void change_words(struct filtered *f, uint64_t bits)
{
	uint64_t *words = words_read(f);

	for (uint32_t i = 0; i < WORDS; i++)
		words[i] = words[i] ? words[i] ^ bits : 0;
	words_write(f, words);
	free(words);
}

/* The block again, as it is now, of a new generation. */
static void install_again(struct filtered *f, struct filter_block *h)
{
	h->generation = ++f->generation;
	CHECK_INT(probe_set_tables(f->l.set, h, NULL), 0);
}

/* A dentry that was opened under many names has the first, the second and other places: what is found in each of
 * them is seen by a number that stands for another mask, put there instead of the one of no mask. */
static void known_in_every_place(bool no_typed_loads)
{
	enum { NAMES = 12, NONE = 1, WANTED = 200 };
	struct filter_block *h;
	struct filtered f;
	char path[128], before[128];

	filtered_begin(&f, no_typed_loads);
	filtered_want_one(&f, FILTER_EXACT, "/nowhere");
	h = f.block;
	h->masks[WANTED] = FILTER_WANTED;
	install_again(&f, h);
	snprintf(before, sizeof(before), "%s/x", f.dir);
	filtered_touch(before);
	for (uint32_t i = 0; i < 2 * NAMES; i++) {
		snprintf(path, sizeof(path), "%s/%u", f.dir, i % NAMES);
		CHECK(!rename(before, path));
		strcpy(before, path);
		if (i < NAMES) {
			CHECK_INT(told(&f, path), 0);
			continue;
		}
		if (i == NAMES)
			change_words(&f, NONE ^ WANTED);
		CHECK_INT(told(&f, path), 1);
	}
	snprintf(path, sizeof(path), "%s/y", f.dir);
	CHECK(!rename(before, path));
	CHECK_INT(told(&f, path), 0);
	filtered_end(&f);
}

static void every_place_by_words(void)
{
	known_in_every_place(false);
}

static void every_place_by_probe_reads(void)
{
	known_in_every_place(true);
}

/* Where all numbers of masks are others', the long way answers. */
static void no_number_for_a_mask(void)
{
	struct filter_pattern p = { .type = FILTER_PREFIX };
	struct filter_range user = { 1, 1 };
	struct filter_clause c = { .paths = &p, .npaths = 1, .uids = &user, .nuids = 1 };
	struct filter_block *h;
	struct filtered f;
	char path[128];

	filtered_begin(&f, false);
	CHECK(!chmod(f.dir, 0755));
	p.text = str_of(f.dir);
	filtered_install(&f, EV_OPEN, &c, 1, FILTER_MODE_ON);
	h = f.block;
	for (uint32_t i = 0; i < FILTER_MASKS; i++)
		h->masks[i] = ~0ULL << 32 | i;
	install_again(&f, h);
	filtered_forget(&f);
	for (uint32_t i = 0; i < 50; i++) {
		snprintf(path, sizeof(path), "%s/%u", f.dir, i);
		filtered_touch(path);
		CHECK(!setresuid(0, i % 2, 0));
		filtered_look(path);
		filtered_look(path);
		CHECK(!setresuid(0, 0, 0));
		CHECK_INT(filtered_seen(&f, path, NULL), i % 2 ? 2 : 0);
	}
	filtered_end(&f);
}

static const struct test tests[] = {
	TEST(known_by_words),       TEST(known_by_probe_reads),       TEST(file_that_is_gone),
	TEST(every_place_by_words), TEST(every_place_by_probe_reads), TEST(full_of_other_words),
	TEST(words_are_kept_once),  TEST(no_number_for_a_mask),
};

int main(int argc, char **argv)
{
	return test_main(argc, argv, tests, sizeof(tests) / sizeof(tests[0]));
}
