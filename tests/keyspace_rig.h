/* keyspace_rig.h - records in few words, for the tests of the keyspace. */
#ifndef ORR_TESTS_KEYSPACE_RIG_H
#define ORR_TESTS_KEYSPACE_RIG_H

#include <orrery/orrery.h>
#include <orrery/slots.h>

static inline OrrRecord
string_record(const char *key, const char *value, OrrVersion version)
{
    OrrRecord record = {.kind = ORR_RECORD_STRING,
                        .version = version,
                        .key = orr_bytes_of_string(key),
                        .value = orr_bytes_of_string(value)};

    record.slot = orr_slot_of_key(record.key);
    return record;
}

static inline OrrRecord
field_record(const char *key, const char *field, const char *value, OrrVersion version)
{
    OrrRecord record = string_record(key, value != NULL ? value : "", version);

    record.kind = value != NULL ? ORR_RECORD_HASH_FIELD : ORR_RECORD_DELETE_FIELD;
    record.field = orr_bytes_of_string(field);
    return record;
}

static inline OrrRecord
key_record(OrrRecordKind kind, const char *key, OrrVersion version)
{
    OrrRecord record = string_record(key, "", version);

    record.kind = kind;
    return record;
}

static inline OrrStatus
apply(OrrKeyspace *keyspace, OrrRecord record)
{
    return orr_keyspace_apply(keyspace, &record);
}

#endif
