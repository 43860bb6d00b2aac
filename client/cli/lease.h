/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* What ban, unban and the verbs of set for leases share. */
#ifndef PEP_CLIENT_CLI_LEASE_H
#define PEP_CLIENT_CLI_LEASE_H

#include "client/cli/cli.h"
#include "client/lease.h"


/* Words beside members; each verb takes some. */
enum lease_key {
	LEASE_IN = 1,
	LEASE_FILE = 2,
	LEASE_TTL = 4,
	LEASE_UNTIL_RELEASED = 8,
	LEASE_OWNER = 16,
	LEASE_SHORTEN = 32,
	LEASE_ALL = 64,
	LEASE_ANY_OWNER = 128,
};

#define LEASE_HOLD      (LEASE_FILE | LEASE_TTL | LEASE_UNTIL_RELEASED | LEASE_OWNER | LEASE_SHORTEN)
#define LEASE_BAN       (LEASE_HOLD | LEASE_IN)
#define LEASE_UNBAN     (LEASE_IN | LEASE_FILE | LEASE_OWNER)
#define LEASE_RELEASE   (LEASE_FILE | LEASE_ALL | LEASE_OWNER | LEASE_ANY_OWNER)
#define LEASE_RECONCILE (LEASE_TTL | LEASE_UNTIL_RELEASED | LEASE_OWNER)

struct lease_words {
	struct member_list members; /* owned */
	unsigned int given;         /* enum lease_key */
	const char *set;            /* as it was, unless `in` names one */
	const char *owner;          /* "" = nothing was said */
	const char *file;           /* NULL = none */
	uint64_t ttl;               /* ns, 0 = until released */
};

/*
 * Takes all words: members, and the keys of `takes`. EXIT_DONE or EXIT_USAGE, having said
 * everything that is wrong; nothing is read from files.
 */
int lease_read_words(struct words *words, unsigned int takes, struct lease_words *ret);
/* The words of `takes` for completion, one after the other; NULL behind the last. */
const char *lease_key_word(unsigned int takes, size_t index);
/* Whether a value follows the word. */
bool lease_key_has_value(const char *word);

/* "uid 0, 59m58s left": who holds it, and for how long. */
void lease_format(const char *owner, int64_t left, char ret[static 128]);

/* What is held in a set behind its members: lines, or the array of the JSON object. */
int lease_show(struct cli *cli, const char *set, json_t *object);

int set_lease(struct cli *cli, struct words *words);
int set_release(struct cli *cli, struct words *words);
int set_reconcile(struct cli *cli, struct words *words);

#endif
