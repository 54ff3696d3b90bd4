/* migrate.h - what a client's MIGRATE wants, for the files that hear and do it. Private. */
#ifndef ORR_NODE_MIGRATE_H
#define ORR_NODE_MIGRATE_H

#include "node/internal.h"

#define ORR_ERROR_MIGRATE_IO "IOERR error or timeout writing to target instance"

typedef struct OrrMigrate {
    uint64_t client;
    const OrrMember *target;
    bool copy;
    bool replace;
    OrrTime timeout_ns; /* of silence */
    const OrrBytes *keys;
    size_t key_count;
} OrrMigrate;

typedef enum OrrMigrateStatus {
    ORR_MIGRATE_BEGUN,  /* the client is answered later */
    ORR_MIGRATE_NO_KEY, /* none of them is here */
    ORR_MIGRATE_BUSY,   /* too many at once */
} OrrMigrateStatus;

OrrMigrateStatus orr_node_migrate(OrrNode *node, const OrrMigrate *wish, OrrEffects *out);

#endif
