/* reports.h - who accuses a member, of what, and when: the evidence for a majority. Private. */
#ifndef ORR_MEMBERSHIP_REPORTS_H
#define ORR_MEMBERSHIP_REPORTS_H

#include <orrery/bus.h>

typedef struct OrrReports OrrReports;

OrrReports *orr_reports_new(void);
void orr_reports_free(OrrReports *reports);

/* One accuser counts once, however often it repeats; NONE takes the accusation back. */
void orr_reports_put(OrrReports *reports, const OrrId *accuser, uint64_t incarnation,
                     OrrSuspicion suspicion, OrrTime now_ns);
void orr_reports_clear(OrrReports *reports);

typedef struct OrrAccusation {
    OrrId accuser;
    uint64_t incarnation; /* of the accused */
    OrrSuspicion suspicion;
    OrrTime at_ns;
} OrrAccusation;

size_t orr_reports_count(const OrrReports *reports);
const OrrAccusation *orr_reports_get(const OrrReports *reports, size_t index);

#endif
