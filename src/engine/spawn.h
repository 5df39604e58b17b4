/* Child processes with pipes on their three standard streams; reads and writes with a deadline. */
#ifndef AZ_ENGINE_SPAWN_H
#define AZ_ENGINE_SPAWN_H

#include "base/run.h"

typedef struct az_child {
    adze_run *run;
    int pid;          /* 0 when reaped */
    int in, out, err; /* our ends; -1 when closed */
    char tail[2048];  /* end of what the child wrote to its standard error */
    size_t tail_n;
    char why[160]; /* how it ended, once reaped */
} az_child;

/* Start argv[0] (a path; NULL-terminated argv). ADZE_EMISSING when it cannot be executed. */
adze_status az_child_start(az_child *c, adze_run *run, const char *const *argv, adze_error *err);
/* All n bytes, within timeout_s; ADZE_ETIMEOUT, ADZE_EWORKER (the child ended) or ADZE_ECANCEL. */
adze_status az_child_write(az_child *c, const void *data, size_t n, double timeout_s,
                           adze_error *err);
/* At least 1 and at most n bytes; *got receives how many. */
adze_status az_child_read(az_child *c, void *dst, size_t n, double timeout_s, size_t *got,
                          adze_error *err);
/* Close its input, wait up to grace_s, then kill. Always reaps; NULL-safe fields; may be called twice. */
void az_child_stop(az_child *c, double grace_s);

/* Plain blocking transfers for the child's own side: false at end of file or on error. */
bool az_fd_read(int fd, void *dst, size_t n, size_t *got);
bool az_fd_write(int fd, const void *data, size_t n);
/* Path of the running program; false when unknown. */
bool az_self_path(char *buf, size_t size);
/* Move standard output away: returns a descriptor of the old one, and makes fd 1 write to standard error, so
 * that a stray print cannot corrupt the protocol. */
int az_take_stdout(void);
/* Peak and current resident bytes of this process; 0 when unknown. */
uint64_t az_peak_rss_bytes(void);
uint64_t az_current_rss_bytes(void);

#endif
