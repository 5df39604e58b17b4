/* Migrations of the registry, in order; the database's user_version counts those applied. */
#include "store/schema.h"

const char *const az_store_migrations[] = {
    "CREATE TABLE digests (dev INTEGER, ino INTEGER, size INTEGER, mtime_ns INTEGER, ctime_ns "
    "INTEGER,"
    " digest TEXT NOT NULL, PRIMARY KEY (dev, ino)) WITHOUT ROWID;"
    "CREATE TABLE models (digest TEXT PRIMARY KEY, path TEXT, name TEXT, arch TEXT, format TEXT,"
    " parameters INTEGER, bytes INTEGER, seen_ms INTEGER NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE artifacts (digest TEXT PRIMARY KEY, source TEXT NOT NULL, recipe TEXT, format "
    "TEXT,"
    " path TEXT, bytes INTEGER, made_ms INTEGER NOT NULL) WITHOUT ROWID;"
    "CREATE INDEX artifacts_source ON artifacts (source);"
    "CREATE TABLE runs (id INTEGER PRIMARY KEY, command TEXT NOT NULL, model TEXT, started_ms "
    "INTEGER,"
    " ended_ms INTEGER, exit_code INTEGER, chosen TEXT, report TEXT);"
    "CREATE TABLE measurements (run INTEGER NOT NULL REFERENCES runs (id), candidate TEXT NOT NULL,"
    " artifact TEXT, name TEXT NOT NULL, median REAL, min REAL, max REAL, n INTEGER, unit TEXT,"
    " provenance TEXT, PRIMARY KEY (run, candidate, name)) WITHOUT ROWID;"
    "CREATE TABLE gates (run INTEGER NOT NULL REFERENCES runs (id), candidate TEXT NOT NULL,"
    " gate TEXT NOT NULL, value REAL, gate_limit REAL, verdict TEXT, PRIMARY KEY (run, candidate, "
    "gate))"
    " WITHOUT ROWID;"
    "CREATE TABLE stages (key TEXT PRIMARY KEY, kind TEXT NOT NULL, result TEXT NOT NULL,"
    " made_ms INTEGER NOT NULL) WITHOUT ROWID;",
    0,
};
