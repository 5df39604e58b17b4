/* adze: all of the public API. */
#ifndef ADZE_ADZE_H
#define ADZE_ADZE_H

#include <adze/chat.h>
#include <adze/error.h>
#include <adze/measure.h>
#include <adze/model.h>
#include <adze/run.h>
#include <adze/session.h>

#endif
