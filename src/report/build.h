/* From the result of the main job to report.json (docs/report.md). */
#ifndef AZ_REPORT_BUILD_H
#define AZ_REPORT_BUILD_H

#include <jansson.h>
#include "plan/optimize.h"

/* New reference. argv is the command line. */
adze_status az_report_build(const az_optimization *o, int argc, char **argv, json_t **out,
                            adze_error *err);

/* Parts with rules of their own (report/advice.c). */
json_t *az_report_recommendations(const az_optimization *o);
json_t *az_report_deployment(const az_optimization *o);
json_t *az_report_monitoring(const az_optimization *o);

#endif
