/* scenario_settings.h - algorithms and settings of nodes, out of a scenario. Private. */
#ifndef SIM_SCENARIO_SETTINGS_H
#define SIM_SCENARIO_SETTINGS_H

#include "scenario_read.h"

/* `cluster.use`, `cluster.settings`, `cluster.voters` and planted bugs; `cluster` may be NULL.
 */
void sim_read_settings(SimReader *self, const ConfigNode *cluster);

#endif
