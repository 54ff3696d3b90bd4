/* plant.h - bugs on purpose in a daemon, for tests: see orrery/plant.h.
 *
 * ORRERYD_PLANT=no-fencing,no-lease orreryd ...    in builds with -Dplanted_bugs=true;
 * otherwise the variable is not looked at.
 */
#ifndef LIVE_PLANT_H
#define LIVE_PLANT_H

#include <orrery/settings.h>

/* The bugs that the environment names, as OrrSettings.planted. Names that are none are left
 * out. */
uint64_t live_planted(void);

#endif
