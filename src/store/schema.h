/* The registry's migrations. */
#ifndef AZ_STORE_SCHEMA_H
#define AZ_STORE_SCHEMA_H

extern const char *const az_store_migrations[]; /* ends with NULL */

#endif
