/* placeholder removed when engine lands */
typedef int az_empty_engine;
