/* probe.h - what the node may ask of this process: a stopwatch, memory, processor time. */
#ifndef LIVE_PROBE_H
#define LIVE_PROBE_H

#include <orrery/probe.h>

/* A probe of this process. `config_file` is lent, or NULL. */
OrrHostProbe live_probe(const char *config_file);

#endif
