#include "plant.h"

#include <glib.h>

#ifdef ORR_PLANTED_BUGS

uint64_t
live_planted(void)
{
#define PLANT_NAME(plant, text, meaning) text,
    static const char *const names[] = {ORR_PLANTS(PLANT_NAME)};
#undef PLANT_NAME
    const char *wanted = g_getenv("ORRERYD_PLANT");
    g_auto(GStrv) words = g_strsplit(wanted != NULL ? wanted : "", ",", -1);
    uint64_t planted = 0;

    for (unsigned i = 0; i < G_N_ELEMENTS(names); i++) {
        if (g_strv_contains((const char *const *)words, names[i])) {
            planted |= UINT64_C(1) << i;
        }
    }
    return planted;
}

#else

uint64_t
live_planted(void)
{
    return 0;
}

#endif
