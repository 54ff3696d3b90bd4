/* story.h - what happened, line by line: what was injected, what the cluster decided, what
 * failed.
 *
 * Floods are folded where they arise: a decision of the same kind about the same thing within
 * two seconds joins the line of the first ("n1, n2, n3 ... and 31 more: n4 has failed"), so the
 * memory of a story depends on what happened, not on the number of nodes.
 *
 * Threads: one at a time.
 */
#ifndef SIM_STORY_H
#define SIM_STORY_H

#include <orrery/trace.h>
#include <stdio.h>

#include "roster.h"

typedef enum SimLineKind {
    SIM_LINE_PHASE,    /* formed, begun, settled, ended */
    SIM_LINE_INJECTED, /* a fault or a command, or its undoing */
    SIM_LINE_DECIDED,  /* by nodes: an OrrTrace */
    SIM_LINE_FAILED,   /* a check did not hold */
} SimLineKind;

#define SIM_STORY_WHO_MAX 6u /* nodes of a folded line that are named */
#define SIM_STORY_FOLD_NS (INT64_C(2) * ORR_NS_PER_S)
#define SIM_STORY_LINES_MAX 200000u /* further ones are only counted */

typedef struct SimLine {
    SimLineKind kind;
    OrrTime at_ns;   /* virtual */
    OrrTime last_ns; /* of the last one folded into it */
    OrrTrace trace;  /* DECIDED: the first one */
    char *text;      /* otherwise */
    uint32_t count;  /* decisions in it */
    uint32_t who[SIM_STORY_WHO_MAX];
    uint32_t who_count; /* distinct nodes in `who` */
} SimLine;

typedef struct SimStory SimStory;

/* Called for every line and every single decision, at once, before folding; may be NULL.
 * `trace` is NULL unless `kind` is DECIDED. */
typedef void (*SimStoryFunc)(SimLineKind kind, OrrTime at_ns, const OrrTrace *trace,
                             const char *text, void *context);

SimStory *sim_story_new(const SimRoster *names);
void sim_story_free(SimStory *story);
void sim_story_listen(SimStory *story, SimStoryFunc func, void *context);
/* A line of text, copied. */
void sim_story_add(SimStory *story, SimLineKind kind, OrrTime at_ns, const char *text);
void sim_story_addf(SimStory *story, SimLineKind kind, OrrTime at_ns, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
/* A decision of node `who`. */
void sim_story_decide(SimStory *story, OrrTime at_ns, uint32_t who, const OrrTrace *trace);
size_t sim_story_count(const SimStory *story);
const SimLine *sim_story_at(const SimStory *story, size_t index);
/* How many decisions of a kind there were. */
uint64_t sim_story_decisions(const SimStory *story, OrrTraceKind kind);
/* Lines that found no room. */
uint64_t sim_story_dropped(const SimStory *story);

/* True for decisions that a person wants to see without asking for more. */
bool sim_story_is_notable(OrrTraceKind kind);
/* A line as a sentence, e.g. "n4 promoted: primary of shard b at epoch 5"; cut to `size`. */
void sim_story_tell(const SimStory *story, const SimLine *line, char *text, size_t size);
/* One decision as a sentence without its subject: "promoted: primary of ...". */
void sim_story_sentence(const SimRoster *names, const OrrTrace *trace, char *text, size_t size);

#endif
