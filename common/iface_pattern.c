/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "common/iface_pattern.h"

bool iface_pattern_valid(const char *name)
{
	char plain[IFACE_NAME_SIZE];
	size_t length = strlen(name);

	if (length >= IFACE_NAME_SIZE || !strchr(name, '*'))
		return false;
	memcpy(plain, name, length + 1);
	for (size_t i = 0; i < length; i++)
		if (plain[i] == '*')
			plain[i] = 'x';
	return iface_name_valid(plain);
}

bool iface_or_pattern_valid(const char *name)
{
	return iface_name_valid(name) || iface_pattern_valid(name);
}

/* The last star is the only one that may have to give way: those before have all they need. */
bool iface_pattern_matches(const char *pattern, const char *name)
{
	const char *star = NULL, *rest = name;

	while (*name) {
		if (*pattern == '*') {
			star = pattern++;
			rest = name;
		} else if (*pattern == *name) {
			pattern++;
			name++;
		} else if (star) {
			pattern = star + 1;
			name = ++rest;
		} else {
			return false;
		}
	}
	return !pattern[strspn(pattern, "*")];
}
