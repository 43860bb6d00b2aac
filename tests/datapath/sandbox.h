/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * A mount and a network namespace of this process alone, with a BPF file system
 * and a veth pair: nothing of it outlives the process. Needs root and says so.
 */
#ifndef PEP_TESTS_SANDBOX_H
#define PEP_TESTS_SANDBOX_H

#include <stdbool.h>
#include <stddef.h>

#define SANDBOX_BPFFS "/sys/fs/bpf"

/* Interfaces in0 and out0, both up: what out0 sends in0 receives. */
void sandbox_enter(void);

/* Runs the command and ends the test when it fails. */
void sandbox_run(const char *command);

/* Sends the frame of tests/datapath/frame.h text so often; returns when it has been received. */
void sandbox_send(const char *text, unsigned int count);

/*
 * Sends the frame once; whether a packet socket on in0 got it, which is behind the filter.
 * A frame that always passes, "arp", follows it and tells when to stop waiting.
 */
bool sandbox_passes(const char *text);

#endif
