/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Elements of set_map: created, put in, and mapped into pep_tables.chunks. */
#ifndef PEP_SERVER_DATAPATH_CHUNKS_H
#define PEP_SERVER_DATAPATH_CHUNKS_H

#include <stdint.h>

#include "bpf/common.h"

/* Elements [first, first + count) of the map of maps `fd`, zeroed. 0 or -errno: then none of them. */
int datapath_chunks_make(int fd, struct pep_tables *tables, uint32_t first, uint32_t count);
void datapath_chunks_drop(int fd, struct pep_tables *tables, uint32_t first, uint32_t count);

#endif
