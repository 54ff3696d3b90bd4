#include <orrery/ledger.h>

#include <glib.h>

typedef struct Entry {
    OrrRecordKind kind;
    OrrVersion version;
    int64_t wall_ms;
    size_t at; /* of the key in `text`; the field follows */
    size_t key_size;
    size_t field_size;
} Entry;

struct OrrLedger {
    Entry *entries;
    size_t count;
    size_t room;
    uint8_t *text;
    size_t text_used;
    size_t text_room;
    uint64_t total;
};

OrrLedger *
orr_ledger_new(void)
{
    return g_new0(OrrLedger, 1);
}

void
orr_ledger_free(OrrLedger *ledger)
{
    if (ledger != NULL) {
        g_free(ledger->entries);
        g_free(ledger->text);
        g_free(ledger);
    }
}

static size_t
keep(OrrLedger *ledger, OrrBytes bytes)
{
    size_t at = ledger->text_used;

    if (ledger->text_room - at < bytes.size) {
        ledger->text_room = MAX(256, MAX(ledger->text_room * 2, at + bytes.size));
        ledger->text = g_realloc(ledger->text, ledger->text_room);
    }
    if (bytes.size > 0) {
        memcpy(ledger->text + at, bytes.data, bytes.size);
    }
    ledger->text_used += bytes.size;
    return at;
}

OrrStatus
orr_ledger_add(OrrLedger *ledger, const OrrLoss *loss)
{
    size_t text_size = loss->key.size + loss->field.size;

    ledger->total++;
    if (ledger->count == ORR_LEDGER_ENTRIES_MAX ||
        ORR_LEDGER_BYTES_MAX - ledger->text_used < text_size) {
        return ORR_FULL;
    }
    if (ledger->count == ledger->room) {
        ledger->room = MAX(64, ledger->room * 2);
        ledger->entries = g_renew(Entry, ledger->entries, ledger->room);
    }

    Entry *entry = &ledger->entries[ledger->count++];

    entry->kind = loss->kind;
    entry->version = loss->version;
    entry->wall_ms = loss->wall_ms;
    entry->at = keep(ledger, loss->key);
    entry->key_size = loss->key.size;
    entry->field_size = loss->field.size;
    keep(ledger, loss->field);
    return ORR_OK;
}

size_t
orr_ledger_count(const OrrLedger *ledger)
{
    return ledger->count;
}

uint64_t
orr_ledger_total(const OrrLedger *ledger)
{
    return ledger->total;
}

OrrLoss
orr_ledger_get(const OrrLedger *ledger, size_t index)
{
    g_assert(index < ledger->count);

    const Entry *entry = &ledger->entries[index];
    const uint8_t *text = ledger->text == NULL ? NULL : ledger->text + entry->at;

    return (OrrLoss){
        .kind = entry->kind,
        .version = entry->version,
        .wall_ms = entry->wall_ms,
        .key = orr_bytes(text, entry->key_size),
        .field = orr_bytes(text == NULL ? NULL : text + entry->key_size, entry->field_size),
    };
}
