/* client_line.h - a connection as a line of CLIENT LIST. Private. */
#ifndef ORR_NODE_CLIENT_LINE_H
#define ORR_NODE_CLIENT_LINE_H

#include "node/clients/client.h"

typedef enum OrrClientType {
    ORR_CLIENT_NORMAL,
    ORR_CLIENT_PUBSUB,
    ORR_CLIENT_MASTER, /* peers do not come as clients: there is none of these two */
    ORR_CLIENT_REPLICA,
} OrrClientType;

OrrClientType orr_client_type(const OrrClient *client);
/* "normal", "pubsub", "master", "replica" or "slave", in any case. */
bool orr_client_type_parse(OrrBytes text, OrrClientType *type);

#define ORR_CLIENT_PLACE_SIZE (ORR_ADDRESS_TEXT_SIZE + 16u)
/* "127.0.0.1:6379", "[::1]:6379"; "?:0" where the host did not say. */
void orr_client_format_place(const OrrAddress *address, char *text);

/* Appends the line, with its end. */
void orr_client_line(const OrrNode *node, const OrrClient *client, GString *text);

#endif
