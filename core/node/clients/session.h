/* session.h - what a connection remembers between commands: who it is, how it speaks. Private.
 */
#ifndef ORR_NODE_SESSION_H
#define ORR_NODE_SESSION_H

#include "node/clients/client.h"

#define ORR_REPORTED_VERSION "7.0.15" /* of Redis: what clients compare features with */

/* RESET: as if it had just connected; no transaction, no subscription, no name. */
void orr_session_reset(OrrNode *node, OrrClient *client);
/* CLIENT SETNAME; an empty name takes it away. False: not a name, and the client is told. */
bool orr_session_set_name(OrrCommandContext *context, OrrBytes name);
/* True if the text has no spaces, line ends or other special characters. */
bool orr_session_is_printable(OrrBytes text);
/* AUTH and HELLO AUTH; false: refused, and the client is told. */
bool orr_session_login(OrrCommandContext *context, OrrBytes user, OrrBytes password);
bool orr_session_has_password(const OrrCommandContext *context);
bool orr_session_is_authenticated(const OrrCommandContext *context);
/* A connection as it begins: known already where there is no password, otherwise with the
 * limits of a stranger. */
void orr_session_begin(const OrrNode *node, OrrClient *client);
/* CLIENT REPLY: takes back what was answered from `at` on, if it is not wanted. */
void orr_session_hold_reply(OrrNode *node, OrrClient *client, size_t at);
/* True for a client of RESP2 that has subscriptions: it may do little else. Also false for
 * commands that run without a client. */
bool orr_session_is_subscribed(const OrrCommandContext *context);

#endif
