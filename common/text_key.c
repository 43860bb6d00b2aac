/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The keywords of a policy with their values. */
#include <errno.h>
#include <inttypes.h>

#include "common/text_internal.h"

static int wrong_last(struct text_words *w, const char *message)
{
	return text_problem_add(w, w->at - 1, "%s", message);
}

/* --- keys; each reader takes the value's word */

static int read_src(struct text_words *w, const char *word, struct policy *p)
{
	char message[160];

	return text_parse_address(word, &p->match.src, message) ? wrong_last(w, message) : 0;
}

static int read_dst(struct text_words *w, const char *word, struct policy *p)
{
	char message[160];

	return text_parse_address(word, &p->match.dst, message) ? wrong_last(w, message) : 0;
}

static int read_sport(struct text_words *w, const char *word, struct policy *p)
{
	char message[160];

	return text_parse_ports(word, &p->match.sport, message) ? wrong_last(w, message) : 0;
}

static int read_dport(struct text_words *w, const char *word, struct policy *p)
{
	char message[160];

	return text_parse_ports(word, &p->match.dport, message) ? wrong_last(w, message) : 0;
}

static int read_proto(struct text_words *w, const char *word, struct policy *p)
{
	char message[160];

	p->match.has_proto = true;
	return text_parse_proto(word, &p->match.proto, message) ? wrong_last(w, message) : 0;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(a, b);
}

static int read_iface(struct text_words *w, const char *word, struct policy *p)
{
	struct policy_match *m = &p->match;

	m->ifaces = calloc(POLICY_IFACES_MAX, sizeof(*m->ifaces));
	if (!m->ifaces)
		return -ENOMEM;
	for (const char *at = word;; at++) {
		size_t length = strcspn(at, ",");

		if (m->iface_count == POLICY_IFACES_MAX)
			return text_problem_add(w, w->at - 1, "more than %u interfaces", POLICY_IFACES_MAX);
		if (length < IFACE_NAME_SIZE)
			memcpy(m->ifaces[m->iface_count], at, length);
		if (length >= IFACE_NAME_SIZE || !iface_name_valid(m->ifaces[m->iface_count]))
			return text_problem_add(w, w->at - 1, "\"%.*s\" is no interface name", (int)length, at);
		for (size_t i = 0; i < m->iface_count; i++)
			if (streq(m->ifaces[i], m->ifaces[m->iface_count]))
				return text_problem_add(w, w->at - 1, "%s comes twice", m->ifaces[i]);
		m->iface_count++;
		at += length;
		if (!*at)
			break;
	}
	qsort(m->ifaces, m->iface_count, sizeof(*m->ifaces), by_name);
	return 0;
}

static int read_vlan(struct text_words *w, const char *word, struct policy *p)
{
	uint64_t id;

	if (!text_number(word, strlen(word), 4094, &id))
		return text_problem_add(w, w->at - 1, "\"%s\" is no VLAN id from 0 to 4094", word);
	p->match.has_vlan = true;
	p->match.vlan = (uint16_t)id;
	return 0;
}

static int read_icmp_type(struct text_words *w, const char *word, struct policy *p)
{
	size_t length = strcspn(word, "/");
	uint64_t type, code = 0;

	p->match.has_icmp_code = word[length] != 0;
	if (!text_number(word, length, 255, &type) ||
		(word[length] && !text_number(word + length + 1, strlen(word + length + 1), 255, &code)))
		return text_problem_add(w, w->at - 1, "\"%s\" is no TYPE or TYPE/CODE of numbers to 255", word);
	p->match.has_icmp_type = true;
	p->match.icmp_type = (uint8_t)type;
	p->match.icmp_code = (uint8_t)code;
	return 0;
}

static bool parse_flags(const char *text, size_t length, uint8_t *ret)
{
	uint8_t flags = 0;

	if (length == 4 && memcmp(text, "none", 4) == 0) {
		*ret = 0;
		return true;
	}
	for (size_t at = 0; at <= length;) {
		size_t part = 0, flag = 0;

		while (at + part < length && text[at + part] != ',')
			part++;
		while (flag < 8 && !(strlen(text_tcp_flags[flag]) == part &&
					   memcmp(text_tcp_flags[flag], text + at, part) == 0))
			flag++;
		if (flag == 8)
			return false;
		flags |= (uint8_t)(1u << flag);
		at += part + 1;
	}
	*ret = flags;
	return true;
}

static int read_tcp_flags(struct text_words *w, const char *word, struct policy *p)
{
	size_t length = strcspn(word, "/");
	struct policy_match *m = &p->match;

	if (!parse_flags(word, length, &m->tcp_flags_value) ||
		!parse_flags(word[length] ? word + length + 1 : word,
			word[length] ? strlen(word + length + 1) : length, &m->tcp_flags_mask))
		return text_problem_add(w, w->at - 1,
			"\"%s\" is no VALUE/MASK of fin,syn,rst,psh,ack,urg,ece,cwr or none, as syn/syn,ack",
			word);
	m->has_tcp_flags = true;
	return 0;
}

static int read_percent(struct text_words *w, const char *word, struct policy *p)
{
	size_t length = strlen(word), whole = strspn(word, "0123456789"), digits = 0;
	uint64_t share, fraction = 0;
	bool fine;

	length -= length && word[length - 1] == '%';
	fine = text_number(word, whole, 100, &share);
	if (fine && whole < length) {
		digits = length - whole - 1;
		fine = word[whole] == '.' && digits <= 2 && text_number(word + whole + 1, digits, 99, &fraction);
	}
	share = 100 * (fine ? share : 0) + (digits == 1 ? 10 * fraction : fraction);
	if (!fine || share < 1 || share > POLICY_PERCENT_ALL)
		return text_problem_add(w, w->at - 1, "\"%s\" is no share from 0.01 to 100", word);
	p->match.percent = (uint16_t)share;
	return 0;
}

static int read_priority(struct text_words *w, const char *word, struct policy *p)
{
	uint64_t priority;

	if (!text_number(word, strlen(word), UINT32_MAX, &priority))
		return text_problem_add(w, w->at - 1, "\"%s\" is no priority from 0 to 4294967295", word);
	p->priority = (uint32_t)priority;
	return 0;
}

static int read_ttl(struct text_words *w, const char *word, struct policy *p)
{
	char message[160];

	if (text_parse_duration(word, &p->ttl, message))
		return wrong_last(w, message);
	return p->ttl ? 0 : text_problem_add(w, w->at - 1, "a ttl of nothing");
}

static int read_comment(struct text_words *w, const char *word, struct policy *p)
{
	(void)w;
	p->comment = strdup(word);
	return p->comment ? 0 : -ENOMEM;
}

/* The value of log may be left out. */
static int read_log(struct text_words *w, struct policy *p)
{
	const char *word = w->at < w->count ? w->words[w->at] : "";
	uint64_t every;

	p->log = 1;
	if (strncmp(word, "1/", 2) != 0)
		return 0;
	w->at++;
	if (!text_number(word + 2, strlen(word + 2), UINT32_MAX, &every) || !every)
		return text_problem_add(w, w->at - 1, "\"%s\" is no 1/N", word);
	p->log = (uint32_t)every;
	return 0;
}

static const struct {
	const char *key;
	int (*read)(struct text_words *w, const char *word, struct policy *p); /* NULL: no value */
	const char *field; /* of the model */
} keys[] = {
	{"src", read_src, "match.src"}, {"dst", read_dst, "match.dst"},
	{"sport", read_sport, "match.sport"}, {"dport", read_dport, "match.dport"},
	{"proto", read_proto, "match.proto"}, {"iface", read_iface, "match.iface"},
	{"vlan", read_vlan, "match.vlan"}, {"icmp-type", read_icmp_type, "match.icmp_type"},
	{"tcp-flags", read_tcp_flags, "match.tcp_flags"}, {"percent", read_percent, "match.percent"},
	{"priority", read_priority, "priority"}, {"ttl", read_ttl, "ttl_nano"},
	{"comment", read_comment, "comment"}, {"log", NULL, "log"}, {"nolog", NULL, "nolog"},
	{"shadow", NULL, "shadow"},
};

/* ARRAY_SIZE(keys) = it is none. */
static size_t find_key(const char *word)
{
	size_t i = 0;

	while (i < ARRAY_SIZE(keys) && !streq(keys[i].key, word))
		i++;
	return i;
}

bool text_is_key(const char *word)
{
	return find_key(word) < ARRAY_SIZE(keys);
}

const char *text_key(size_t index)
{
	return index < ARRAY_SIZE(keys) ? keys[index].key : NULL;
}

const char *text_key_field(const char *word, bool *ret_value)
{
	size_t i = find_key(word);

	if (i == ARRAY_SIZE(keys))
		return NULL;
	*ret_value = keys[i].read;
	return keys[i].field;
}

static int unknown_key(struct text_words *w, const char *word)
{
	char known[200] = "";

	for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
		snprintf(known + strlen(known), sizeof(known) - strlen(known), "%s%s", i ? ", " : "",
			keys[i].key);
	return text_problem_add(w, w->at - 1, "\"%s\" is no keyword: %s", word, known);
}

void text_skip_to_key(struct text_words *w)
{
	/* `per src` of a rate limit is no src. */
	while (w->at < w->count && !text_is_key(w->words[w->at]))
		w->at = MIN(w->at + (streq(w->words[w->at], "per") ? 2 : 1), w->count);
}

void text_step_back(struct text_words *w)
{
	w->at -= text_is_key(w->words[w->at - 1]);
}

static int read_value(struct text_words *w, size_t key, struct policy *p)
{
	const char *word = text_next(w, keys[key].key);
	int r = word ? keys[key].read(w, word, p) : -EINVAL;

	if (r && word)
		text_step_back(w);
	return r;
}

int text_read_key(struct text_words *w, struct policy *p, uint32_t *seen)
{
	const char *key = w->words[w->at++];
	size_t i = find_key(key);

	if (i == ARRAY_SIZE(keys)) {
		unknown_key(w, key);
		text_skip_to_key(w);
		return -EINVAL;
	}
	if (*seen & 1u << i) {
		text_problem_add(w, w->at - 1, "%s comes twice", key);
		text_skip_to_key(w);
		return -EINVAL;
	}
	*seen |= 1u << i;
	if (keys[i].read)
		return read_value(w, i, p);
	if (streq(key, "log"))
		return read_log(w, p);
	*(streq(key, "nolog") ? &p->nolog : &p->shadow) = true;
	return 0;
}

/* The word behind a keyword, or the keyword itself when it has none; 0 = it is not there. */
static size_t value_of(const struct text_words *w, size_t name, const char *key)
{
	for (size_t i = name + 1; i < w->count; i++)
		if (streq(w->words[i], key))
			return i + (i + 1 < w->count && !text_is_key(w->words[i + 1]));
	return 0;
}

size_t text_word_of_field(const struct text_words *w, size_t name, const char *field)
{
	static const struct {
		const char *field, *key;
	} parts[] = {{"action.rate_limit.burst", "burst"}, {"action.rate_limit.scope", "per"},
		{"action.rate_limit.prefix_length", "per"}, {"action.redirect.mac", "mac"}};
	size_t word = 0;

	for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
		if (strncmp(field, keys[i].field, strlen(keys[i].field)) == 0)
			word = value_of(w, name, keys[i].key);
	for (size_t i = 0; i < ARRAY_SIZE(parts); i++)
		if (streq(field, parts[i].field))
			word = value_of(w, name, parts[i].key);
	if (!word && strncmp(field, "action", strlen("action")) == 0)
		word = name + (streq(field, "action") || streq(field, "action.kind") ? 1 : 2);
	return word && word < w->count ? word : name;
}
