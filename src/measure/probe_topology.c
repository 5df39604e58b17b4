/* Cores, kinds of cores, caches and NUMA nodes through hwloc (2.4 or later for kinds of cores). */
#include "measure/probe.h"

#include <hwloc.h>
#include <string.h>

static void add_cache(az_probe *p, hwloc_topology_t t, hwloc_obj_type_t type, int level,
                      const char *kind)
{
    int n = hwloc_get_nbobjs_by_type(t, type);
    hwloc_obj_t o = n > 0 ? hwloc_get_obj_by_type(t, type, 0) : NULL;
    az_probe_cache *c;

    if (!o || !o->attr || !o->attr->cache.size || p->n_caches == AZ_PROBE_CACHES) return;
    c = &p->caches[p->n_caches++];
    c->level = level;
    snprintf(c->kind, sizeof c->kind, "%s", kind);
    c->size_bytes = o->attr->cache.size;
    c->count = n;
}

/* hwloc ranks kinds by efficiency value: the lowest kind is the efficient one, where there are several. */
static void see_kinds(az_probe *p, hwloc_topology_t t)
{
    int kinds = hwloc_cpukinds_get_nr(t, 0), ranked = 0;

    p->performance = p->physical;
    if (kinds < 2) return;
    for (int i = 0; i < kinds; i++) {
        hwloc_bitmap_t set = hwloc_bitmap_alloc();
        int efficiency = -1, cores;
        if (!set) return;
        if (hwloc_cpukinds_get_info(t, (unsigned)i, set, &efficiency, NULL, NULL, 0) == 0) {
            cores = hwloc_get_nbobjs_inside_cpuset_by_type(t, set, HWLOC_OBJ_CORE);
            if (efficiency == 0 && cores > 0 && cores < p->physical) {
                p->efficiency = cores;
                p->performance = p->physical - cores;
            }
            ranked += efficiency >= 0;
        }
        hwloc_bitmap_free(set);
    }
    if (!ranked) az_probe_note(p, "the machine has %d kinds of cores that cannot be ranked", kinds);
}

void az_probe_see_topology(az_probe *p)
{
    hwloc_topology_t t;

    if (hwloc_topology_init(&t) < 0) return;
    if (hwloc_topology_load(t) == 0) {
        p->logical = hwloc_get_nbobjs_by_type(t, HWLOC_OBJ_PU);
        p->physical = hwloc_get_nbobjs_by_type(t, HWLOC_OBJ_CORE);
        p->packages = hwloc_get_nbobjs_by_type(t, HWLOC_OBJ_PACKAGE);
        p->numa_nodes = hwloc_get_nbobjs_by_type(t, HWLOC_OBJ_NUMANODE);
        if (p->physical <= 0) p->physical = p->logical;
        add_cache(p, t, HWLOC_OBJ_L1CACHE, 1, "data");
        add_cache(p, t, HWLOC_OBJ_L2CACHE, 2, "unified");
        add_cache(p, t, HWLOC_OBJ_L3CACHE, 3, "unified");
        add_cache(p, t, HWLOC_OBJ_L4CACHE, 4, "unified");
        see_kinds(p, t);
    }
    hwloc_topology_destroy(t);
}
