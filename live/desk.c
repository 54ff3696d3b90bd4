#include "desk.h"

#include <glib.h>

typedef struct Question {
    uint64_t client;
    int protocol;
    OrrBytes words; /* owned */
} Question;

struct LiveDesk {
    LiveConf *conf;
    void (*answer)(void *user, uint64_t client, OrrBytes bytes);
    void *user;
    GQueue questions;
};

LiveDesk *
live_desk_new(LiveConf *conf, void (*answer)(void *user, uint64_t client, OrrBytes bytes),
              void *user)
{
    LiveDesk *desk = g_new0(LiveDesk, 1);

    desk->conf = conf;
    desk->answer = answer;
    desk->user = user;
    g_queue_init(&desk->questions);
    return desk;
}

static void
free_question(gpointer data)
{
    Question *question = data;

    g_free((void *)(uintptr_t)question->words.data);
    g_free(question);
}

void
live_desk_free(LiveDesk *desk)
{
    if (desk != NULL) {
        g_queue_clear_full(&desk->questions, free_question);
        g_free(desk);
    }
}

void
live_desk_ask(LiveDesk *desk, const OrrEffect *effect)
{
    Question *question = g_new0(Question, 1);
    OrrBytes words = effect->ask.words;

    question->client = effect->ask.client;
    question->protocol = effect->ask.protocol;
    question->words = orr_bytes(g_memdup2(words.data, words.size), words.size);
    g_queue_push_tail(&desk->questions, question);
}

static bool
is_word(OrrBytes word, const char *name)
{
    return word.size == strlen(name) &&
           g_ascii_strncasecmp((const char *)word.data, name, word.size) == 0;
}

static void
reply_to(LiveDesk *desk, const OrrRequest *request, OrrReply *reply)
{
    if (is_word(request->args[0], "config") && request->arg_count >= 2) {
        live_conf_command(desk->conf, request->args, request->arg_count, reply);
    } else {
        orr_reply_error_about(reply, "ERR this host does not know '", request->args[0], "'");
    }
}

static void
answer(LiveDesk *desk, const Question *question)
{
    OrrRequestParser *parser = orr_request_parser_new(NULL);
    OrrReply *reply = orr_reply_new();
    OrrRequest request;

    orr_reply_set_protocol(reply, question->protocol);
    if (orr_request_parse(parser, question->words, &request) == ORR_OK &&
        request.arg_count > 0) {
        reply_to(desk, &request, reply);
    } else {
        orr_reply_error(reply, "ERR the command was too long to be understood");
    }
    desk->answer(desk->user, question->client, orr_reply_bytes(reply));
    orr_reply_free(reply);
    orr_request_parser_free(parser);
}

void
live_desk_work(LiveDesk *desk)
{
    Question *question;

    while ((question = g_queue_pop_head(&desk->questions)) != NULL) {
        answer(desk, question);
        free_question(question);
    }
}
