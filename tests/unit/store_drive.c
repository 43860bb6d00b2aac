/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "store_drive.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>

void commit_text(struct world *w, const char *text, struct answer *ret)
{
	submit(w, text, ret);
	while (store_busy(w->store))
		finish(w);
}

void commit_tx(struct world *w, struct store_tx tx, struct answer *ret)
{
	submit_tx(w, &tx, ret);
	while (store_busy(w->store))
		finish(w);
}

void go_back(struct world *w, uint64_t target, struct answer *ret)
{
	commit_tx(w, (struct store_tx){.kind = STORE_ROLLBACK, .target = target, .comment = ""}, ret);
}

/* All of the ruleset but its revisions, or the whole state file. */
char *content(struct world *w, bool whole)
{
	struct state state = {0};
	char *text, *from, *to;

	assert_int_equal(store_render(w->store, &state), 0);
	text = state.text;
	state.text = NULL;
	state_deinit(&state);
	for (from = to = text; !whole && *from;) {
		size_t line = strcspn(from, "\n") + 1;

		if (strncmp(from, "#@", 2) != 0) {
			memmove(to, from, line);
			to += line;
		}
		from += line;
	}
	if (!whole)
		*to = 0;
	return text;
}

void assert_content(struct world *w, const char *wanted)
{
	char *text = content(w, false);

	assert_string_equal(text, wanted);
	free(text);
}

void assert_same(struct world *a, struct world *b)
{
	char *one = content(a, true), *other = content(b, true);

	assert_string_equal(one, other);
	free(one);
	free(other);
}

void begin_waiting(struct world *w, struct answer *ret)
{
	struct store_tx tx = tx_of("policy b block src 10.0.0.2\ndefault block\n", CHANGE_PUT_POLICY);

	world_init(w, 10, NULL);
	commit_text(w, "policy a block src 10.0.0.1\n", ret);
	tx.confirm_timeout = 500;
	commit_tx(w, tx, ret);
	assert_int_equal(ret->revision, 2);
	assert_int_equal(w->alarm, 1500);
}

void ring(struct world *w)
{
	store_alarm(w->store);
	while (store_busy(w->store))
		finish(w);
}

void restart_later(const struct world *from, const char *boot_id, int64_t boottime, int64_t time,
	struct world *ret)
{
	struct world now = *from;

	now.boot_id = boot_id;
	now.boottime = boottime;
	now.time = time;
	world_reopen(ret, &now);
}
