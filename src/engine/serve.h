/* The child's side of a worker: answer calls on a pair of descriptors until the input ends. */
#ifndef AZ_ENGINE_SERVE_H
#define AZ_ENGINE_SERVE_H

#include "base/run.h"

adze_status az_serve_worker(adze_run *run, int in, int out, adze_error *err);

#endif
