#include "network_private.h"

#define CLASS_FIRST_BITS 6u /* the smallest class holds 64 bytes of data */

static unsigned
class_of(size_t size)
{
    unsigned size_class = 0;

    while ((UINT64_C(1) << (size_class + CLASS_FIRST_BITS)) < size) {
        size_class++;
    }
    g_assert(size_class < FRAME_CLASSES);
    return size_class;
}

Frame *
sim_frame_new(FramePool *pool, FrameKind kind, OrrBytes bytes)
{
    unsigned size_class = class_of(bytes.size);
    Frame *frame = pool->free[size_class];

    if (frame != NULL) {
        pool->free[size_class] = frame->next;
    } else {
        frame = g_malloc(sizeof *frame + ((size_t)1 << (size_class + CLASS_FIRST_BITS)));
        frame->older = pool->newest;
        pool->newest = frame;
        pool->allocations++;
    }
    *frame = (Frame){.older = frame->older,
                     .references = 1,
                     .size = (uint32_t)bytes.size,
                     .kind = (uint8_t)kind,
                     .size_class = (uint8_t)size_class};
    if (bytes.size != 0) {
        memcpy(frame->data, bytes.data, bytes.size);
    }
    pool->live++;
    pool->live_peak = MAX(pool->live_peak, pool->live);
    return frame;
}

void
sim_frame_release(FramePool *pool, Frame *frame)
{
    g_assert(frame->references > 0);
    if (--frame->references != 0) {
        return;
    }
    pool->live--;
    frame->next = pool->free[frame->size_class];
    pool->free[frame->size_class] = frame;
}

void
sim_frame_pool_free(FramePool *pool)
{
    while (pool->newest != NULL) {
        Frame *frame = pool->newest;

        pool->newest = frame->older;
        g_free(frame);
    }
}

void
sim_frame_append(FrameList *list, Frame *frame)
{
    frame->next = NULL;
    if (list->tail == NULL) {
        list->head = frame;
    } else {
        list->tail->next = frame;
    }
    list->tail = frame;
}

void
sim_frame_insert(FrameList *list, Frame *frame)
{
    if (list->tail == NULL || list->tail->number < frame->number) {
        sim_frame_append(list, frame);
        return;
    }
    Frame **place = &list->head;

    while ((*place)->number < frame->number) {
        place = &(*place)->next;
    }
    frame->next = *place;
    *place = frame;
}

Frame *
sim_frame_take(FrameList *list)
{
    Frame *frame = list->head;

    if (frame != NULL) {
        list->head = frame->next;
        if (list->head == NULL) {
            list->tail = NULL;
        }
    }
    return frame;
}
