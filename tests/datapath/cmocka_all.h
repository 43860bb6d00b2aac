/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* cmocka.h wants these four before it. */
#ifndef PEP_TESTS_CMOCKA_ALL_H
#define PEP_TESTS_CMOCKA_ALL_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#endif
