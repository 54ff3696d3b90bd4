/* orrery.h - the whole library in one header.
 *
 * Cluster algorithms as pure machines: an event goes in, effects come out (event.h, effects.h).
 * Link with `pkg-config --cflags --libs orrery`. Licence: MIT.
 */
#ifndef ORRERY_ORRERY_H
#define ORRERY_ORRERY_H

#include <orrery/anchor.h>
#include <orrery/bus.h>
#include <orrery/context.h>
#include <orrery/detector.h>
#include <orrery/dx.h>
#include <orrery/effects.h>
#include <orrery/event.h>
#include <orrery/gossip.h>
#include <orrery/jump.h>
#include <orrery/ketama.h>
#include <orrery/keyspace.h>
#include <orrery/ledger.h>
#include <orrery/log.h>
#include <orrery/maglev.h>
#include <orrery/members.h>
#include <orrery/memento.h>
#include <orrery/multiprobe.h>
#include <orrery/node.h>
#include <orrery/placement.h>
#include <orrery/plant.h>
#include <orrery/probe.h>
#include <orrery/record.h>
#include <orrery/rendezvous.h>
#include <orrery/replication.h>
#include <orrery/resp.h>
#include <orrery/ring.h>
#include <orrery/rng.h>
#include <orrery/router.h>
#include <orrery/settings.h>
#include <orrery/slotmap.h>
#include <orrery/slots.h>
#include <orrery/statistics.h>
#include <orrery/trace.h>
#include <orrery/types.h>

#endif
